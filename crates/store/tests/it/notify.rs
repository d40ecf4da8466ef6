//! Processes notify each other of their commits over PostgreSQL, also after a connection broke.

use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use domain::side_effects::WakeUp;
use store::{Committed, Listener, Notification, Store};
use testkit::{Engine, OnEngine as _};
use tokio::time::Instant;

use crate::store_database::StoreDatabase;

use crate::test_command::Seller;

const PATIENCE: Duration = Duration::from_secs(30);

/// Records the notifications of other processes.
#[derive(Default)]
struct RecordingListener(Mutex<Vec<Notification>>);

impl Listener for RecordingListener {
    fn committed(&self, _: &Committed) {}
    fn notified(&self, notification: &Notification) {
        self.0.lock().push(notification.clone());
    }
}

impl RecordingListener {
    fn take(&self) -> Vec<Notification> {
        std::mem::take(&mut *self.0.lock())
    }

    /// Waits for a notification that `is` accepts.
    async fn receives(&self, what: &str, is: impl Fn(&Notification) -> bool) {
        let begun = Instant::now();
        while !self.take().iter().any(&is) {
            assert!(begun.elapsed() < PATIENCE, "not received: {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn open(database: &StoreDatabase) -> (Store, Arc<RecordingListener>) {
    let listener = Arc::new(RecordingListener::default());
    let store = database.open_with(|options| options.listener = listener.clone()).await;
    // A listener that starts polls everything once.
    listener.receives("the beginning", |seen| *seen == Notification::everything()).await;
    (store, listener)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn other_processes_are_notified_and_this_one_is_not() {
    let database = StoreDatabase::on(Engine::Postgres).await;
    let (here, own) = open(&database).await;
    let (_there, other) = open(&database).await;
    let seller = Seller::open(&here).await;
    let slot = seller.slot(&here, 10).await;
    seller.reserve(slot, 1).on(&here).await.unwrap();
    let messages = Notification { wake_ups: BTreeSet::from([WakeUp::Messages]), ..Notification::default() };
    other.receives("a message", |seen| *seen == messages).await;
    // A notification of this process itself would have arrived by now, because the server notifies
    // all sessions together.
    seller.reserve(slot, 1).on(&here).await.unwrap();
    other.receives("another message", |seen| *seen == messages).await;
    assert_eq!(own.take(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_broken_way_is_found_again() {
    let database = StoreDatabase::on(Engine::Postgres).await;
    let (here, _) = open(&database).await;
    let (_there, other) = open(&database).await;
    let seller = Seller::open(&here).await;
    let slot = seller.slot(&here, 1_000).await;
    other.take();
    database
        .execute(
            "select pg_terminate_backend(pid) from pg_stat_activity \
              where application_name = 'surehold notify' and datname = current_database()",
        )
        .await;
    other.receives("the request to poll everything", |seen| *seen == Notification::everything()).await;
    // The notifying session reconnects after a pause. Until then no process is notified.
    let begun = Instant::now();
    loop {
        seller.reserve(slot, 1).on(&here).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        if other.take().iter().any(|seen| seen.wake_ups == BTreeSet::from([WakeUp::Messages])) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "nobody was notified any more");
    }
}
