//! A row that another transaction holds delays only the commands that need it.

use std::time::{Duration, Instant};

use store::{CommandResult, Location, Unavailable};
use testkit::{Engine, OnEngine as _};

use crate::store_database::StoreDatabase;

use crate::test_command::{Seller, WriterPause};

/// Locks a row until it is dropped.
struct Stranger(tokio_postgres::Client);

impl Stranger {
    async fn lock(database: &StoreDatabase, table: &str, id: uuid::Uuid) -> Stranger {
        let client = testkit::database::connect(database.url()).await;
        client.batch_execute("begin").await.unwrap();
        let lock = format!("select 1 from {table} where id = '{id}' for update");
        client.batch_execute(&lock).await.unwrap();
        Stranger(client)
    }

    async fn go(self) {
        self.0.batch_execute("rollback").await.unwrap();
    }
}

const SERVED: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_locked_row_delays_nobody_else() {
    let database = StoreDatabase::on(Engine::Postgres).await;
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let (locked, free) = (seller.slot(&store, 100).await, seller.slot(&store, 1_000_000).await);
    let serve = async |others_want: Option<domain::SlotId>| {
        let begun = Instant::now();
        for served in 0..SERVED {
            if let Some(slot) = others_want
                && served % 50 == 0
            {
                let store = store.clone();
                tokio::spawn(async move { seller.reserve(slot, 1).on(&store).await });
            }
            let answer = seller.reserve(free, 1).on(&store).await.unwrap();
            assert!(matches!(answer, CommandResult::Fresh { .. }));
        }
        begun.elapsed()
    };
    let undisturbed = serve(None).await;
    let stranger = Stranger::lock(&database, "slots", locked.0).await;
    let unlucky: Vec<_> = (0..5)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { seller.reserve(locked, 1).on(&store).await })
        })
        .collect();
    // Other commands need the locked row too, and are skipped.
    let disturbed = serve(Some(locked)).await;
    for task in unlucky {
        assert_eq!(task.await.unwrap().unwrap_err(), Unavailable::Contended);
    }
    // Only the first batch that finds the lock waits 200 ms for it. If each did, it would take forty seconds.
    assert!(disturbed < undisturbed * 3 + Duration::from_secs(5), "{disturbed:?}, not {undisturbed:?}");
    stranger.go().await;
    assert!(matches!(seller.reserve(locked, 1).on(&store).await, Ok(CommandResult::Fresh { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_row_that_comes_free_in_time_is_had() {
    let database = StoreDatabase::on(Engine::Postgres).await;
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let slot = seller.slot(&store, 100).await;
    let stranger = Stranger::lock(&database, "slots", slot.0).await;
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { seller.reserve(slot, 1).on(&store).await })
        })
        .collect();
    while store.stats().set_aside < 20 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stranger.go().await;
    for task in tasks {
        assert!(matches!(task.await.unwrap(), Ok(CommandResult::Fresh { .. })));
    }
    assert_eq!(store.slot(seller.tenant, slot).await.unwrap().unwrap().held, 20);
}

/// Another transaction has inserted the same key and neither commits nor rolls back.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_key_that_hangs_elsewhere_delays_nobody_for_long() {
    let database = StoreDatabase::on(Engine::Postgres).await;
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let slot = seller.slot(&store, 100).await;
    let claim = seller.claim("hangs");
    let rival = testkit::database::connect(database.url()).await;
    rival.batch_execute("begin").await.unwrap();
    let insert = format!(
        "insert into keys (id, tenant, client, text, fingerprint, progress, request_id, created_at) \
         values ('{}', '{}', '{}', 'hangs', '', 'in_flight', 'r', 1)",
        claim.key, seller.tenant, seller.client
    );
    rival.batch_execute(&insert).await.unwrap();
    let mut acts: Vec<_> = (0..20).map(|_| seller.reserve(slot, 1)).collect();
    acts[7] = seller.reserve(slot, 1).claiming(&claim);
    let begun = Instant::now();
    let mut answers = WriterPause::start(&store).together(&store, acts).await;
    assert_eq!(answers.remove(7).unwrap_err(), Unavailable::Contended);
    assert!(answers.iter().all(|answer| matches!(answer, Ok(CommandResult::Fresh { .. }))), "{answers:?}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    rival.batch_execute("rollback").await.unwrap();
    assert!(matches!(
        seller.reserve(slot, 1).claiming(&claim).on(&store).await,
        Ok(CommandResult::Fresh { .. })
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn another_process_has_the_file() {
    let database = StoreDatabase::on(Engine::Sqlite).await;
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let Err(refused) = store::Store::open(database.options()).await else { panic!("two writers") };
    assert!(matches!(&refused, store::Error::InUse { .. }), "{refused}");
    let queries = store::Store::open_read_only(&database.location).await.unwrap();
    assert!(queries.product(seller.tenant, seller.product).await.unwrap().is_some());
    store.close().await;
    database.open().await.close().await;
    assert!(matches!(database.location, Location::Sqlite { .. }));
}
