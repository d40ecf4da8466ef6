//! Poolers between the program and PostgreSQL, and databases that the program refuses.

use store::{CommandResult, Error, Location, PostgresUrl, Store};
use test_servers::pgbouncer::{self, PoolMode};
use test_servers::postgres::{Options, Private};

use crate::store_database::StoreDatabase;

use crate::test_command::Seller;

fn at(url: String) -> StoreDatabase {
    StoreDatabase::at(Location::Postgres { url: PostgresUrl::new(url) })
}

fn behind(pooler: &pgbouncer::Private) -> StoreDatabase {
    at(format!("{}/postgres", pooler.url()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_in_session_mode_is_as_good_as_none() {
    let server = Private::start(&Options::default()).unwrap();
    let pooler =
        pgbouncer::Private::start(pgbouncer::Options { port: server.port(), mode: PoolMode::Session })
            .unwrap();
    let database = behind(&pooler);
    Store::migrate(&database.location).await.unwrap();
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let slot = seller.slot(&store, 5).await;
    assert!(matches!(seller.reserve(slot, 2).on(&store).await, Ok(CommandResult::Fresh { .. })));
    assert_eq!(store.slot(seller.tenant, slot).await.unwrap().unwrap().held, 2);
    store.close().await;
    let checked = Store::open_read_only(&database.location).await.unwrap();
    assert_eq!(checked.slot(seller.tenant, slot).await.unwrap().unwrap().held, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_in_transaction_mode_is_refused_with_an_explanation() {
    let server = Private::start(&Options::default()).unwrap();
    Store::migrate(&at(server.url()).location).await.unwrap();
    let pooler =
        pgbouncer::Private::start(pgbouncer::Options { port: server.port(), mode: PoolMode::Transaction })
            .unwrap();
    let database = behind(&pooler);
    let refused = Store::open(database.options()).await.err();
    assert!(matches!(refused, Some(Error::Pooled)), "{refused:?}");
    let migrated = Store::migrate(&database.location).await;
    assert!(matches!(migrated, Err(Error::Pooled)), "{migrated:?}");
    let message = Error::Pooled.to_string();
    assert!(message.contains("session mode"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_hold_every_name_is_refused() {
    let server = Private::start(&Options::default()).unwrap();
    server.query("create database latin encoding 'LATIN1' template template0").unwrap();
    let database = at(format!("postgres://postgres@127.0.0.1:{}/latin", server.port()));
    let migrated = Store::migrate(&database.location).await;
    assert!(matches!(&migrated, Err(Error::Encoding { found }) if found == "LATIN1"), "{migrated:?}");
    let opened = Store::open(database.options()).await.err();
    assert!(matches!(&opened, Some(Error::Encoding { .. })), "{opened:?}");
}
