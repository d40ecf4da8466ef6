//! What stands between the program and PostgreSQL, and what a database may be like that is not for it.

use store::{CommandResult, Error, Location, PostgresUrl, Store};
use test_servers::pgbouncer::{self, PoolMode};
use test_servers::postgres::{Options, Private};

use crate::act::Shop;
use crate::place::Place;

fn at(url: String) -> Place {
    Place::at(Location::Postgres { url: PostgresUrl::new(url) }, None)
}

fn behind(pooler: &pgbouncer::Private) -> Place {
    at(format!("{}/postgres", pooler.url()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_in_session_mode_is_as_good_as_none() {
    let server = Private::start(&Options::default()).unwrap();
    let pooler =
        pgbouncer::Private::start(pgbouncer::Options { port: server.port(), mode: PoolMode::Session })
            .unwrap();
    let place = behind(&pooler);
    Store::migrate(&place.location).await.unwrap();
    let store = place.open().await;
    let shop = Shop::open(&store).await;
    let slot = shop.slot(&store, 5).await;
    assert!(matches!(shop.reserve(slot, 2).on(&store).await, Ok(CommandResult::Fresh { .. })));
    assert_eq!(store.slot(shop.tenant, slot).await.unwrap().unwrap().held, 2);
    store.close().await;
    let checked = Store::open_read_only(&place.location).await.unwrap();
    assert_eq!(checked.slot(shop.tenant, slot).await.unwrap().unwrap().held, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_in_transaction_mode_is_refused_in_words() {
    let server = Private::start(&Options::default()).unwrap();
    Store::migrate(&at(server.url()).location).await.unwrap();
    let pooler =
        pgbouncer::Private::start(pgbouncer::Options { port: server.port(), mode: PoolMode::Transaction })
            .unwrap();
    let place = behind(&pooler);
    let refused = Store::open(place.options()).await.err();
    assert!(matches!(refused, Some(Error::Pooled)), "{refused:?}");
    let migrated = Store::migrate(&place.location).await;
    assert!(matches!(migrated, Err(Error::Pooled)), "{migrated:?}");
    let told = Error::Pooled.to_string();
    assert!(told.contains("session mode"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_hold_every_name_is_refused() {
    let server = Private::start(&Options::default()).unwrap();
    server.query("create database latin encoding 'LATIN1' template template0").unwrap();
    let place = at(format!("postgres://postgres@127.0.0.1:{}/latin", server.port()));
    let migrated = Store::migrate(&place.location).await;
    assert!(matches!(&migrated, Err(Error::Encoding { found }) if found == "LATIN1"), "{migrated:?}");
    let opened = Store::open(place.options()).await.err();
    assert!(matches!(&opened, Some(Error::Encoding { .. })), "{opened:?}");
}
