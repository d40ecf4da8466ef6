//! A private PostgreSQL database for a test, on the server that `SUREHOLD_TEST_POSTGRES` names.

use store::Location;
use tokio_postgres::NoTls;

pub struct Database {
    url: String,
}

impl Database {
    pub async fn new() -> Database {
        let server = server_url();
        let name = format!("redis_{:032x}", rand::random::<u128>());
        execute(&server, &format!("create database {name}")).await;
        let (rest, _) = server.rsplit_once('/').expect("the URL names a database");
        Database { url: format!("{rest}/{name}") }
    }

    pub fn location(&self) -> Location {
        Location::postgres(&self.url)
    }

    /// Has the effect of restoring a dump: the same rows in new tables.
    pub async fn read_back(&self) {
        let copy = "create table copied (like keys including all);
                    insert into copied select * from keys;
                    drop table keys cascade;
                    alter table copied rename to keys;";
        execute(&self.url, copy).await;
    }
}

async fn execute(url: &str, statements: &str) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute(statements).await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
}

#[expect(clippy::disallowed_methods, reason = "a test has no program that would read its configuration")]
fn server_url() -> String {
    std::env::var("SUREHOLD_TEST_POSTGRES")
        .expect("SUREHOLD_TEST_POSTGRES names no server: run `cargo xtask test`, which starts one")
}
