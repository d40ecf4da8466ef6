//! Databases: a fresh one for each test, and time that is moved in it by hand.

use store::Location;
use tempfile::TempDir;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

pub async fn fresh(engine: Engine, directory: &TempDir) -> Location {
    match engine {
        Engine::Sqlite => Location::Sqlite { path: directory.path().join("surehold.sqlite") },
        Engine::Postgres => Location::postgres(new_database().await),
    }
}

/// Moves the holds' ends into the past, behind the back of the program, which must be stopped.
pub async fn age_holds(location: &Location, seconds: i64) {
    let older = format!(
        "update bookings set hold_expires_at = hold_expires_at - {seconds}000000, \
         sweep_at = sweep_at - {seconds}000000"
    );
    match location {
        Location::Sqlite { path } => {
            rusqlite::Connection::open(path).unwrap().execute_batch(&older).unwrap();
        }
        Location::Postgres { url } => execute(url.expose(), &older).await,
    }
}

/// Behind the program's back, in the words of each engine.
pub async fn sql(location: &Location, for_sqlite: &str, for_postgres: &str) {
    match location {
        Location::Sqlite { path } => {
            rusqlite::Connection::open(path).unwrap().execute_batch(for_sqlite).unwrap();
        }
        Location::Postgres { url } => execute(url.expose(), for_postgres).await,
    }
}

async fn new_database() -> String {
    let server = server_url();
    let name = format!("payments_{:032x}", rand::random::<u128>());
    execute(&server, &format!("create database {name}")).await;
    let (rest, _) = server.rsplit_once('/').expect("the URL names a database");
    format!("{rest}/{name}")
}

async fn execute(url: &str, statement: &str) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute(statement).await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
}

#[expect(clippy::disallowed_methods, reason = "a test has no program that would read its configuration")]
fn server_url() -> String {
    std::env::var("SUREHOLD_TEST_POSTGRES")
        .expect("SUREHOLD_TEST_POSTGRES names no server: run `cargo xtask test`, which starts one")
}
