//! Entries belong to one database, and to one part of its history.

use std::time::{Duration, Instant};

use adapter_redis::Settings;
use providers::Secret;
use server::ports::cache::{Cache, CacheAdapter as _};
use server::ports::idempotency_cache::{CacheLookup, KnownDuplicate};
use store::{Location, Store};
use test_servers::redis::{Options, Private};

use crate::bench::{claim, connected, decides, known, reply, store};

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
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| Location::Sqlite { path: directory.path().join(name) };
    let (one, two) = (store(&at("one.db")).await, store(&at("two.db")).await);
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
    let database = crate::database::Database::new().await;
    let location = database.location();
    let request = claim("k", "{}");
    let before = store(&location).await;
    let (id, lineage) = (before.database_id(), before.lineage().await.unwrap());
    decides(&server(&redis, &before, "").await, &request).await.settle(Some(&reply("{}"))).await;
    before.close().await;

    let again = store(&location).await;
    assert_eq!(again.lineage().await.unwrap(), lineage, "a restart of the server changes nothing");
    assert_eq!(known(&server(&redis, &again, "").await, &request).await, KnownDuplicate::Replay(reply("{}")));
    again.close().await;

    database.read_back().await;
    let restored = store(&location).await;
    assert_eq!(restored.database_id(), id);
    assert_ne!(restored.lineage().await.unwrap(), lineage);
    decides(&server(&redis, &restored, "").await, &request).await;
}

/// As after a failover: the servers run on, and the database has forgotten.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_runs_on_follows_the_database() {
    let redis = Private::start(Options::default()).unwrap();
    let database = crate::database::Database::new().await;
    let request = claim("k", "{}");
    let store = store(&database.location()).await;
    let server = server(&redis, &store, "").await;
    decides(&server, &request).await.settle(Some(&reply("{}"))).await;
    assert_eq!(known(&server, &request).await, KnownDuplicate::Replay(reply("{}")));
    database.read_back().await;
    let deadline = Instant::now() + Duration::from_mins(1);
    while !matches!(server.idempotency.lookup(&request).await, CacheLookup::Decide(_)) {
        assert!(Instant::now() < deadline, "it believes what was");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A standby takes writes at once, and minutes until it writes down in its control file that it does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_was_promoted_is_another_at_once() {
    let server = test_servers::postgres::Private::start(&test_servers::postgres::Options::default()).unwrap();
    let location = Location::postgres(server.create_database("books").unwrap());
    let before = store(&location).await;
    let lineage = before.lineage().await.unwrap();
    before.close().await;
    // So that its first checkpoint has something to do.
    server.query("create table ballast as select repeat('x', 1000) from generate_series(1, 50000)").unwrap();
    std::fs::write(server.directory().join("data/standby.signal"), "").unwrap();
    server.restart().unwrap();
    server.query("select pg_promote()").unwrap();
    let promoted = Store::open_read_only(&location).await.unwrap();
    assert_ne!(promoted.lineage().await.unwrap(), lineage);
}
