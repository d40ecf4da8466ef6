//! Databases: a sound one, and copies of it to break.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use domain::{Ids, Refusal, Reply, Timestamp};
use store::{Clock, Location, Options, Render, Rendered, Store};
use tempfile::TempDir;
use tokio_postgres::NoTls;
use uuid::Uuid;

/// Every constraint but the primary keys: the walls behind the program, which a breach is beyond.
const DROP_CONSTRAINTS: &str = "do $$ declare wall record; begin \
    for wall in select conrelid::regclass as tabled, conname from pg_constraint \
        where contype in ('c', 'f') and connamespace = 'public'::regnamespace order by contype desc \
    loop execute format('alter table %s drop constraint %I', wall.tabled, wall.conname); end loop; end $$";

pub struct Place {
    pub location: Location,
    directory: TempDir,
}

impl Place {
    pub async fn sqlite() -> Place {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::Sqlite { path: directory.path().join("sound.sqlite") };
        Place::migrated(location, directory).await
    }

    pub async fn postgres() -> Place {
        let url = new_database("").await;
        Place::migrated(Location::postgres(url), tempfile::tempdir().unwrap()).await
    }

    async fn migrated(location: Location, directory: TempDir) -> Place {
        Store::migrate(&location).await.unwrap();
        Place { location, directory }
    }

    pub async fn open(&self) -> Store {
        let clock = Arc::new(Hand(AtomicI64::new(1_000_000)));
        let options = Options::new(self.location.clone(), clock, Arc::new(Ascending), Arc::new(Wire));
        Store::open(options).await.unwrap()
    }

    /// A copy that was changed behind the program's back. Nobody may have the original open.
    pub async fn broken_by(&self, harm: &str) -> Location {
        match &self.location {
            Location::Sqlite { path } => {
                let copy = self.directory.path().join(format!("{}.sqlite", Ascending.next()));
                std::fs::copy(path, &copy).unwrap();
                // What was committed last may still stand beside the file.
                let log = |path: &std::path::Path| path.with_extension("sqlite-wal");
                if log(path).exists() {
                    std::fs::copy(log(path), log(&copy)).unwrap();
                }
                let connection = rusqlite::Connection::open(&copy).unwrap();
                connection.pragma_update(None, "foreign_keys", false).unwrap();
                connection.pragma_update(None, "ignore_check_constraints", true).unwrap();
                connection.execute_batch(&harm.replace("NEW_ID", "randomblob(16)")).unwrap();
                Location::Sqlite { path: copy }
            }
            Location::Postgres { url } => {
                let (_, name) = url.expose().rsplit_once('/').unwrap();
                let copy = new_database(&format!("template {name}")).await;
                let client = connect(&copy).await;
                client.batch_execute(DROP_CONSTRAINTS).await.unwrap();
                client.batch_execute(&harm.replace("NEW_ID", "gen_random_uuid()")).await.unwrap();
                Location::postgres(copy)
            }
        }
    }
}

async fn new_database(of: &str) -> String {
    let server = server();
    let name = format!("oracle_{:032x}", rand::random::<u128>());
    connect(&server).await.batch_execute(&format!("create database {name} {of}")).await.unwrap();
    let (rest, _) = server.rsplit_once('/').expect("the URL names a database");
    format!("{rest}/{name}")
}

#[expect(clippy::disallowed_methods, reason = "a test has no program that would read its configuration")]
fn server() -> String {
    std::env::var("SUREHOLD_TEST_POSTGRES")
        .expect("SUREHOLD_TEST_POSTGRES names no server: run `cargo xtask test`, which starts one")
}

async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Each look is a moment later.
struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

struct Ascending;

static NEXT: AtomicU64 = AtomicU64::new(1);

impl Ids for Ascending {
    fn next(&self) -> Uuid {
        Uuid::from_u64_pair(NEXT.fetch_add(1, Ordering::SeqCst), rand::random())
    }
}

pub fn id<T: From<Uuid>>() -> T {
    T::from(Ascending.next())
}

struct Wire;

impl Render for Wire {
    fn reply(&self, reply: &Reply) -> Rendered {
        let api::Rendered { status, body, location } = api::render_reply(reply);
        Rendered { status, body, location }
    }
    fn refusal(&self, refusal: &Refusal, request_id: &str) -> Rendered {
        let api::Rendered { status, body, location } = api::render_refusal(refusal, request_id);
        Rendered { status, body, location }
    }
}
