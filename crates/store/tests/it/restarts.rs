//! PostgreSQL restarts under load. Every confirmed change is there, every change with an unknown
//! commit is there at most once, and the store continues.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use domain::Timestamp;
use store::{CommandResult, Location, Store, Unavailable};
use test_servers::postgres::{Options, Private};
use testkit::{Engine, OnEngine as _};

use crate::store_database::StoreDatabase;

use crate::test_command::Seller;

/// The outcomes of the keys, by server.
#[derive(Default)]
struct Seen {
    answered: BTreeMap<String, String>,
    unknown: Vec<String>,
}

async fn reserve_until(
    store: Store,
    seller: Seller,
    slot: domain::SlotId,
    name: usize,
    done: Arc<AtomicBool>,
    served: Arc<AtomicUsize>,
) -> Seen {
    let mut seen = Seen::default();
    for at in 0.. {
        if done.load(Ordering::SeqCst) {
            return seen;
        }
        let key = format!("{name}/{at}");
        match seller.reserve(slot, 1).claiming(&seller.claim(&key)).on(&store).await {
            Ok(CommandResult::Fresh { rendered: Some(rendered), .. }) => {
                served.fetch_add(1, Ordering::SeqCst);
                seen.answered.insert(key, rendered.body);
            }
            Err(Unavailable::CommitUnknown(_)) => seen.unknown.push(key),
            Err(Unavailable::Database(_) | Unavailable::Contended) => {}
            answer => panic!("{answer:?}"),
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_server_that_goes_away_loses_nothing() {
    let server = Arc::new(Private::start(&Options::default()).unwrap());
    let url = server.create_database("books").unwrap();
    let database = StoreDatabase::at(Location::postgres(url));
    Store::migrate(&database.location).await.unwrap();
    let store = database.open_with(|options| options.writers = 2).await;
    let seller = Seller::open(&store).await;
    let slot = seller.slot(&store, 1_000_000).await;
    let done = Arc::new(AtomicBool::new(false));
    let served = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..32)
        .map(|name| {
            tokio::spawn(reserve_until(store.clone(), seller, slot, name, done.clone(), served.clone()))
        })
        .collect();
    for round in 0..12 {
        let before = served.load(Ordering::SeqCst);
        // Each restart hits it under full load.
        while served.load(Ordering::SeqCst) < before + 200 {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        let server = server.clone();
        let hit = move || match round % 6 {
            2 => server.restart().unwrap(),
            5 => {
                server.stop_immediate().unwrap();
                server.restart().unwrap();
            }
            _ => drop(server.terminate_connections().unwrap()),
        };
        tokio::task::spawn_blocking(hit).await.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    let (mut answered, mut unknown) = (BTreeMap::new(), Vec::new());
    for task in tasks {
        let seen = task.await.unwrap();
        answered.extend(seen.answered);
        unknown.extend(seen.unknown);
    }
    // A request with the same key learns what happened.
    for (key, body) in &answered {
        let again = seller.reserve(slot, 1).claiming(&seller.claim(key)).on(&store).await.unwrap();
        assert!(
            matches!(&again, CommandResult::Replay { body: stored, .. } if stored == body),
            "{key}: {again:?}"
        );
    }
    for key in &unknown {
        let again = seller.reserve(slot, 1).claiming(&seller.claim(key)).on(&store).await.unwrap();
        assert!(
            matches!(&again, CommandResult::Replay { .. } | CommandResult::Fresh { .. }),
            "{key}: {again:?}"
        );
    }
    let count = |what: &'static str| {
        let sql = format!("select count(*) from {what}");
        let url = database.url().to_owned();
        async move {
            let client = testkit::database::connect(&url).await;
            client.query_one(&sql, &[]).await.unwrap().get::<_, i64>(0)
        }
    };
    let (keys, bookings) = (count("keys").await, count("bookings").await);
    let held = store.slot(seller.tenant, slot).await.unwrap().unwrap().held;
    println!("{} answered, {} unknown, {keys} keys", answered.len(), unknown.len());
    // Commands that failed with the database did nothing, so there are no other keys.
    assert_eq!((keys, bookings, held), (keys, keys, keys));
    assert_eq!(keys, (answered.len() + unknown.len()) as i64);
}

/// A machine that hangs keeps its connections, acknowledges packets, and answers nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_query_without_a_reply_uses_another_connection() {
    let database = StoreDatabase::on(Engine::Postgres).await;
    let few = |options: &mut store::Options| (options.readers, options.query_max) = (1, LIMIT);
    let store = database.open_with(few).await;
    let query = async || {
        let (kinds, lane) = (domain::jobs::JobKinds::default(), domain::rows::Lane::Critical);
        let jobs = store.due_jobs(kinds, lane, Timestamp(0), &[], 1);
        tokio::time::timeout(Duration::from_mins(2), jobs).await.expect("it does not wait forever")
    };
    query().await.unwrap();
    let client = testkit::database::connect(database.url()).await;
    let backend = "select pid from pg_stat_activity \
                   where application_name = 'surehold reader' and datname = current_database()";
    let backend: i32 = client.query_one(backend, &[]).await.unwrap().get(0);
    let held = Held::still(backend);
    let error = query().await.unwrap_err();
    assert!(error.to_string().contains("was not answered"), "{error}");
    query().await.unwrap();
    drop(held);

    client.batch_execute("begin; lock table jobs in access exclusive mode").await.unwrap();
    let error = query().await.unwrap_err();
    assert!(error.to_string().contains("statement timeout"), "{error}");
    client.batch_execute("rollback").await.unwrap();
    query().await.unwrap();
}

const LIMIT: Duration = Duration::from_millis(300);

/// A process that is stopped until this is dropped.
struct Held(i32);

impl Held {
    fn still(process: i32) -> Held {
        signal(process, "-STOP");
        Held(process)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        signal(self.0, "-CONT");
    }
}

fn signal(process: i32, signal: &str) {
    let sent = std::process::Command::new("kill").args([signal, &process.to_string()]).status().unwrap();
    assert!(sent.success());
}
