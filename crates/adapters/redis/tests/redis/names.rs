//! Entries belong to one database, and to one part of its history.

use std::time::Duration;

use adapter_redis::Settings;
use providers::Secret;
use server::ports::cache::{Cache, CacheAdapter as _};
use server::ports::idempotency_cache::{CacheLookup, KnownDuplicate};
use store::{Location, Store};
use test_servers::redis::{Options, Private};
use testkit::{Engine, OnEngine as _, TestDatabase, until};

use crate::redis_fixture::{claim, connected, decides, known, reply};

/// As reading a dump does: the same rows in tables that are made anew.
const READ_BACK: &str = "create table copied (like keys including all);
    insert into copied select * from keys;
    drop table keys cascade;
    alter table copied rename to keys;";

async fn server(redis: &Private, store: &Store, epoch: &str) -> Cache {
    let settings = Settings {
        epoch: epoch.to_owned(),
        timeout: Duration::from_secs(1),
        ..Settings::new(Secret::new(redis.url()))
    };
    let shared = settings.open(store).await.unwrap();
    connected(&shared).await;
    shared
}

#[tokio::test]
async fn another_database_and_another_epoch_know_nothing_of_it() {
    let redis = Private::start(Options::default()).unwrap();
    let databases = [TestDatabase::on(Engine::Sqlite).await, TestDatabase::on(Engine::Sqlite).await];
    let (one, two) = (databases[0].open().await, databases[1].open().await);
    let request = claim("k", "{}");
    let first = server(&redis, &one, "").await;
    decides(&first, &request).await.settle(Some(&reply("{}"))).await;
    for (stranger, who) in
        [(server(&redis, &two, "").await, "database"), (server(&redis, &one, "b").await, "epoch")]
    {
        assert!(
            matches!(stranger.idempotency.lookup(&request).await, CacheLookup::Decide(_)),
            "another {who}"
        );
    }
    assert_eq!(known(&server(&redis, &one, "").await, &request).await, KnownDuplicate::Replay(reply("{}")));
}

/// A dump that is read back brings the database's id along, and its tables are others.
#[tokio::test]
async fn a_database_that_was_read_back_from_a_dump_is_another() {
    let redis = Private::start(Options::default()).unwrap();
    let database = TestDatabase::on(Engine::Postgres).await;
    let request = claim("k", "{}");
    let before = database.open().await;
    let (id, lineage) = (before.database_id(), before.lineage().await.unwrap());
    decides(&server(&redis, &before, "").await, &request).await.settle(Some(&reply("{}"))).await;
    before.close().await;

    let again = database.open().await;
    assert_eq!(again.lineage().await.unwrap(), lineage, "a restart of the server changes nothing");
    assert_eq!(known(&server(&redis, &again, "").await, &request).await, KnownDuplicate::Replay(reply("{}")));
    again.close().await;

    database.execute(READ_BACK).await;
    let restored = database.open().await;
    assert_eq!(restored.database_id(), id);
    assert_ne!(restored.lineage().await.unwrap(), lineage);
    decides(&server(&redis, &restored, "").await, &request).await;
}

/// As after a failover: the servers run on, and the database has forgotten.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_runs_on_follows_the_database() {
    let redis = Private::start(Options::default()).unwrap();
    let database = TestDatabase::on(Engine::Postgres).await;
    let request = claim("k", "{}");
    let store = database.open().await;
    let server = server(&redis, &store, "").await;
    decides(&server, &request).await.settle(Some(&reply("{}"))).await;
    assert_eq!(known(&server, &request).await, KnownDuplicate::Replay(reply("{}")));
    database.execute(READ_BACK).await;
    until("the server no longer believes what was", async || {
        matches!(server.idempotency.lookup(&request).await, CacheLookup::Decide(_)).then_some(())
    })
    .await;
}

/// A standby takes writes at once, and minutes until it writes down in its control file that it does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_was_promoted_is_another_at_once() {
    let server = test_servers::postgres::Private::start(&test_servers::postgres::Options::default()).unwrap();
    let database = TestDatabase::at(Location::postgres(server.create_database("books").unwrap()));
    Store::migrate(&database.location).await.unwrap();
    let before = database.open().await;
    let lineage = before.lineage().await.unwrap();
    before.close().await;
    // So that its first checkpoint has something to do.
    server.query("create table ballast as select repeat('x', 1000) from generate_series(1, 50000)").unwrap();
    std::fs::write(server.directory().join("data/standby.signal"), "").unwrap();
    server.restart().unwrap();
    server.query("select pg_promote()").unwrap();
    let promoted = Store::open_read_only(&database.location).await.unwrap();
    assert_ne!(promoted.lineage().await.unwrap(), lineage);
}
