//! A private database for each test, and statements behind the program's back.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use domain::Reply;
use domain::working_set::Command;
use server::ids::UuidV7;
use server::ports::clock::SystemClock;
use server::wire::Wire;
use store::{CommandResult, Location, Options, Store};
use tempfile::TempDir;
use tokio_postgres::NoTls;
use uuid::Uuid;

use crate::{Engine, OnEngine};

/// A database that no other test sees. A file is deleted with it; a database of PostgreSQL is
/// deleted with its server.
pub struct TestDatabase {
    pub location: Location,
    directory: TempDir,
    /// The directories of copies that took its place.
    restored: Vec<TempDir>,
}

impl OnEngine for TestDatabase {
    /// An empty database with the schema of this version.
    async fn on(engine: Engine) -> TestDatabase {
        let database = TestDatabase::without_schema(engine).await;
        Store::migrate(&database.location).await.unwrap();
        database
    }
}

impl TestDatabase {
    pub async fn without_schema(engine: Engine) -> TestDatabase {
        let directory = tempfile::tempdir().unwrap();
        let location = match engine {
            Engine::Sqlite => Location::Sqlite { path: directory.path().join("surehold.sqlite") },
            Engine::Postgres => Location::postgres(create_database("").await),
        };
        TestDatabase { location, directory, restored: Vec::new() }
    }

    /// A database that was made elsewhere, for example on a server that the test stops.
    pub fn at(location: Location) -> TestDatabase {
        TestDatabase { location, directory: tempfile::tempdir().unwrap(), restored: Vec::new() }
    }

    /// A copy with the same rows. No process may have the original open.
    pub async fn copy(&self) -> TestDatabase {
        let directory = tempfile::tempdir().unwrap();
        let location = match &self.location {
            Location::Sqlite { path } => {
                let copy = directory.path().join("copy.sqlite");
                std::fs::copy(path, &copy).unwrap();
                // The last commits may still be in the log beside the file.
                let log = path.with_extension("sqlite-wal");
                if log.exists() {
                    std::fs::copy(log, copy.with_extension("sqlite-wal")).unwrap();
                }
                Location::Sqlite { path: copy }
            }
            Location::Postgres { url } => {
                let (_, name) = url.expose().rsplit_once('/').unwrap();
                Location::postgres(create_database(&format!("template {name}")).await)
            }
        };
        TestDatabase { location, directory, restored: Vec::new() }
    }

    /// Takes the place of this one. The directory with the other files of the test stays.
    pub fn restore(&mut self, backup: TestDatabase) {
        self.location = backup.location.clone();
        self.restored.push(backup.directory);
    }

    pub async fn open(&self) -> Store {
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(UuidV7::default()));
        Store::open(Options::new(self.location.clone(), clock, ids, Arc::new(Wire))).await.unwrap()
    }

    pub fn engine(&self) -> Engine {
        match &self.location {
            Location::Sqlite { .. } => Engine::Sqlite,
            Location::Postgres { .. } => Engine::Postgres,
        }
    }

    pub fn url(&self) -> &str {
        match &self.location {
            Location::Postgres { url } => url.expose(),
            Location::Sqlite { .. } => panic!("only PostgreSQL has a URL"),
        }
    }

    /// A directory for other files of the test.
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    pub async fn execute(&self, statements: &str) {
        match &self.location {
            Location::Sqlite { path } => {
                rusqlite::Connection::open(path).unwrap().execute_batch(statements).unwrap();
            }
            Location::Postgres { url } => {
                connect(url.expose()).await.batch_execute(statements).await.unwrap();
            }
        }
    }

    /// The only text that the query returns.
    pub async fn query_text(&self, query: &str) -> String {
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

    /// An id as a literal of SQL.
    pub fn literal(&self, id: impl Into<Uuid>) -> String {
        let id: Uuid = id.into();
        match self.engine() {
            Engine::Sqlite => format!("x'{}'", id.simple()),
            Engine::Postgres => format!("'{id}'"),
        }
    }
}

/// The reply of a command that is carried out now, for the first time.
pub async fn submit(store: &Store, command: impl Command + 'static) -> Reply {
    match store.submit(Box::new(command)).await.unwrap() {
        CommandResult::Fresh { reply, .. } => reply,
        result => panic!("{result:?}"),
    }
}

pub async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Creates a database on the tests' server, and returns its URL.
async fn create_database(template: &str) -> String {
    let server = postgres_url();
    let name = format!("test_{:032x}", rand::random::<u128>());
    connect(&server).await.batch_execute(&format!("create database {name} {template}")).await.unwrap();
    let (rest, _) = server.rsplit_once('/').expect("the URL names a database");
    format!("{rest}/{name}")
}

/// The URL of the PostgreSQL server that the tests share.
#[expect(clippy::disallowed_methods, reason = "a test has no program that would read its configuration")]
pub fn postgres_url() -> String {
    std::env::var("SUREHOLD_TEST_POSTGRES")
        .expect("SUREHOLD_TEST_POSTGRES names no server: run `cargo xtask test`, which starts one")
}
