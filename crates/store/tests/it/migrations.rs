//! Migrations run once, also from many processes, and no program runs on another schema.

use store::{Error, Migrated, Store};
use testkit::Engine;

use crate::store_database::StoreDatabase;

async fn migrated_once(database: StoreDatabase) {
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let location = database.location.clone();
            tokio::spawn(async move { Store::migrate(&location).await })
        })
        .collect();
    let mut did = 0;
    for task in tasks {
        let Migrated { from, to } = task.await.unwrap().unwrap();
        did += usize::from(from < to);
    }
    assert_eq!(did, 1);
    let first = database.open().await;
    let id = first.database_id();
    first.close().await;
    assert_eq!(database.open().await.database_id(), id);
}

async fn another_schema_is_refused(database: StoreDatabase) {
    let refused = Store::open_read_only(&database.location).await.err();
    assert!(matches!(refused, Some(Error::NotMigrated { found: 0, .. })), "{refused:?}");
    let refused = Store::open(database.options()).await.err();
    assert!(matches!(refused, Some(Error::NotMigrated { found: 0, .. })), "{refused:?}");
    Store::migrate(&database.location).await.unwrap();
    database.execute("insert into migrations (version, digest) values (9999, '')").await;
    for refused in
        [Store::open(database.options()).await.err(), Store::migrate(&database.location).await.err()]
    {
        assert!(matches!(refused, Some(Error::Newer { found: 9999, .. })), "{refused:?}");
    }
    database.execute("delete from migrations where version = 9999").await;
    // A schema with another text under the same number, and a table of migrations without digests.
    for harm in
        ["update migrations set digest = '' where version = 2", "alter table migrations drop column digest"]
    {
        database.execute(harm).await;
        let refused = [
            Store::open(database.options()).await.err(),
            Store::migrate(&database.location).await.err(),
            Store::open_read_only(&database.location).await.err(),
        ];
        for refused in refused {
            assert!(matches!(refused, Some(Error::OtherSchema { .. })), "{harm}: {refused:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn sqlite_is_migrated_once() {
    migrated_once(StoreDatabase::without_schema(Engine::Sqlite).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn postgres_is_migrated_once() {
    migrated_once(StoreDatabase::without_schema(Engine::Postgres).await).await;
}

#[tokio::test]
async fn sqlite_refuses_another_schema() {
    let database = StoreDatabase::without_schema(Engine::Sqlite).await;
    database.execute("pragma journal_mode = wal").await;
    another_schema_is_refused(database).await;
}

#[tokio::test]
async fn postgres_refuses_another_schema() {
    another_schema_is_refused(StoreDatabase::without_schema(Engine::Postgres).await).await;
}
