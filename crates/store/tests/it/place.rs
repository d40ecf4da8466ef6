//! A fresh database, and stores that are open on it.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use domain::{Ids, Refusal, Reply, Timestamp};
use store::{Clock, Committed, Listener, Location, Options, Render, Rendered, Store};
use tempfile::TempDir;
use uuid::Uuid;

pub struct Place {
    pub location: Location,
    pub told: Arc<CommitLog>,
    /// What a store is opened with when a test asks for nothing else.
    pub clock: Arc<Hand>,
    _directory: Option<TempDir>,
}

impl Place {
    /// An empty, migrated database.
    pub async fn sqlite() -> Place {
        let place = Place::sqlite_empty();
        Store::migrate(&place.location).await.unwrap();
        place
    }

    pub fn sqlite_empty() -> Place {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::Sqlite { path: directory.path().join("books.db") };
        Place::at(location, Some(directory))
    }

    pub async fn postgres() -> Place {
        let place = Place::postgres_empty().await;
        Store::migrate(&place.location).await.unwrap();
        place
    }

    pub async fn postgres_empty() -> Place {
        let server = server();
        let name = format!("store_{:032x}", rand::random::<u128>());
        let client = connect(&server).await;
        client.batch_execute(&format!("create database {name}")).await.unwrap();
        let (rest, _) = server.rsplit_once('/').expect("the URL names a database");
        Place::at(Location::postgres(format!("{rest}/{name}")), None)
    }

    pub fn at(location: Location, directory: Option<TempDir>) -> Place {
        let clock = Arc::new(Hand(AtomicI64::new(1_000_000)));
        Place { location, told: Arc::default(), clock, _directory: directory }
    }

    pub fn options(&self) -> Options {
        let ids = Arc::new(Ascending);
        let mut options = Options::new(self.location.clone(), self.clock.clone(), ids, Arc::new(Plain));
        options.listener = self.told.clone();
        options
    }

    pub async fn open(&self) -> Store {
        Store::open(self.options()).await.unwrap()
    }

    pub async fn open_with(&self, change: impl FnOnce(&mut Options)) -> Store {
        let mut options = self.options();
        change(&mut options);
        Store::open(options).await.unwrap()
    }

    /// Behind the store's back.
    pub async fn sql(&self, statement: &str) {
        match &self.location {
            Location::Sqlite { path } => {
                rusqlite::Connection::open(path).unwrap().execute_batch(statement).unwrap();
            }
            Location::Postgres { url } => connect(url.expose()).await.batch_execute(statement).await.unwrap(),
        }
    }

    /// The one text that the query finds.
    pub async fn text(&self, query: &str) -> String {
        match &self.location {
            Location::Sqlite { path } => {
                let connection = rusqlite::Connection::open(path).unwrap();
                connection.query_row(query, [], |row| row.get(0)).unwrap()
            }
            Location::Postgres { url } => {
                connect(url.expose()).await.query_one(query, &[]).await.unwrap().get(0)
            }
        }
    }

    /// An id as it is written in a statement.
    pub fn literal(&self, id: impl Into<Uuid>) -> String {
        let id: Uuid = id.into();
        match &self.location {
            Location::Sqlite { .. } => format!("x'{}'", id.simple()),
            Location::Postgres { .. } => format!("'{id}'"),
        }
    }

    pub fn url(&self) -> &str {
        match &self.location {
            Location::Postgres { url } => url.expose(),
            Location::Sqlite { .. } => panic!("only PostgreSQL has a URL"),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test has no program that would read its configuration")]
fn server() -> String {
    std::env::var("SUREHOLD_TEST_POSTGRES")
        .expect("SUREHOLD_TEST_POSTGRES names no server: run `cargo xtask test`, which starts one")
}

pub async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A clock that stands until it is moved.
pub struct Hand(pub AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// Unique in this process and beyond, and ascending.
pub struct Ascending;

static NEXT: AtomicU64 = AtomicU64::new(1);

impl Ids for Ascending {
    fn next(&self) -> Uuid {
        Uuid::from_u64_pair(NEXT.fetch_add(1, Ordering::SeqCst), rand::random())
    }
}

pub fn id<T: From<Uuid>>() -> T {
    T::from(Ascending.next())
}

/// Words instead of JSON.
struct Plain;

impl Render for Plain {
    fn reply(&self, reply: &Reply) -> Rendered {
        match reply {
            Reply::Booking(reply) => {
                let body = format!("booking {} of {}", reply.booking.id, reply.seats());
                let location = Some(format!("/bookings/{}", reply.booking.id));
                Rendered { status: 201, body, location }
            }
            reply => Rendered { status: 200, body: format!("{reply:?}"), location: None },
        }
    }
    fn refusal(&self, refusal: &Refusal, request_id: &str) -> Rendered {
        Rendered { status: 409, body: format!("{} in {request_id}", refusal.code()), location: None }
    }
}

/// Remembers what it was told.
#[derive(Default)]
pub struct CommitLog(pub Mutex<Vec<Committed>>);

impl Listener for CommitLog {
    fn committed(&self, committed: &Committed) {
        self.0.lock().unwrap().push(committed.clone());
    }
}
