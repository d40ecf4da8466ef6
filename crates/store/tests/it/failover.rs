//! Failover from a real primary to a real hot standby that is promoted.

use std::time::{Duration, Instant};

use store::{CommandResult, Location, PostgresUrl, Store, Unavailable};
use test_servers::postgres::{Options, Private};

use crate::store_database::StoreDatabase;

use crate::test_command::Seller;

/// Ends the test if there is no failover.
const PATIENCE: Duration = Duration::from_mins(1);

fn at(url: String) -> StoreDatabase {
    StoreDatabase::at(Location::Postgres { url: PostgresUrl::new(url) })
}

/// Both servers, in the form of PostgreSQL's own clients: the first that takes writes is used.
fn either(one: &Private, other: &Private) -> StoreDatabase {
    at(format!("postgres://postgres@127.0.0.1:{},127.0.0.1:{}/postgres", one.port(), other.port()))
}

/// Waits for the result of a command, and for the state of the writer.
async fn until(what: &str, so: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !so().await {
        assert!(begun.elapsed() < PATIENCE, "{what}: it never was");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn writes(store: &Store, seller: Seller) -> bool {
    let slot = seller.slot_row(1);
    let put = crate::test_command::insert(move |outcome| outcome.put(slot.clone()));
    matches!(put.on(store).await, Ok(CommandResult::Fresh { .. }))
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_go_on_at_the_standby_that_was_promoted() {
    let primary = Private::start(&Options::default()).unwrap();
    let standby = primary.standby().unwrap();
    let database = either(&primary, &standby);
    Store::migrate(&database.location).await.unwrap();
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    assert_eq!(store.check_writer().await, Ok(()));
    let client = testkit::database::connect(&primary.url()).await;
    let behind = "select coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)), 1)::bigint \
                  from pg_stat_replication";
    until("the standby has it all", async || {
        client.query_one(behind, &[]).await.unwrap().get::<_, i64>(0) == 0
    })
    .await;

    primary.stop_immediate().unwrap();
    // The standby answers, and refuses writes.
    assert!(!writes(&store, seller).await);
    assert!(matches!(store.check_writer().await, Err(Unavailable::Database(_))));
    standby.promote().unwrap();
    until("writes are taken again", async || writes(&store, seller).await).await;
    assert_eq!(store.check_writer().await, Ok(()));
}

/// The connection stays open, and its server refuses writes from now on, as managed databases do
/// during a failover.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_no_writes_any_more_is_left() {
    let server = Private::start(&Options::default()).unwrap();
    let database = at(server.url());
    Store::migrate(&database.location).await.unwrap();
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let set = |value: &str| {
        server.query(&format!("alter system set default_transaction_read_only = {value}")).unwrap();
        server.query("select pg_reload_conf()").unwrap();
    };
    set("on");
    until("nothing is taken", async || !writes(&store, seller).await).await;
    assert!(matches!(store.check_writer().await, Err(Unavailable::Database(_))));
    assert!(!writes(&store, seller).await, "and it stays so");
    set("off");
    until("writes are taken again", async || writes(&store, seller).await).await;
    assert_eq!(store.check_writer().await, Ok(()));
}
