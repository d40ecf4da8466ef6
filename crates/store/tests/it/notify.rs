//! What one process commits another one hears of, over PostgreSQL; and it goes on after the way was broken.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::side_effects::WakeUp;
use store::{Committed, Listener, Notification, Store};
use tokio::time::Instant;

use crate::act::Shop;
use crate::place::Place;

const PATIENCE: Duration = Duration::from_secs(30);

/// Remembers what it heard of others.
#[derive(Default)]
struct Ear(Mutex<Vec<Notification>>);

impl Listener for Ear {
    fn committed(&self, _: &Committed) {}
    fn notified(&self, heard: &Notification) {
        self.0.lock().unwrap().push(heard.clone());
    }
}

impl Ear {
    fn take(&self) -> Vec<Notification> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// Until something is heard that is looked for.
    async fn hears(&self, what: &str, is: impl Fn(&Notification) -> bool) {
        let begun = Instant::now();
        while !self.take().iter().any(&is) {
            assert!(begun.elapsed() < PATIENCE, "nobody heard {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn open(place: &Place) -> (Store, Arc<Ear>) {
    let ear = Arc::new(Ear::default());
    let store = place.open_with(|options| options.listener = ear.clone()).await;
    // Whoever begins to hear looks once.
    ear.hears("the beginning", |heard| *heard == Notification::everything()).await;
    (store, ear)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn others_hear_what_was_committed_and_we_do_not() {
    let place = Place::postgres().await;
    let (here, own) = open(&place).await;
    let (_there, other) = open(&place).await;
    let shop = Shop::open(&here).await;
    let slot = shop.slot(&here, 10).await;
    shop.reserve(slot, 1).on(&here).await.unwrap();
    let messages = Notification { wake_ups: BTreeSet::from([WakeUp::Messages]), ..Notification::default() };
    other.hears("of a message", |heard| *heard == messages).await;
    // Had it been heard here as well, it would have been by now: the server tells all at once.
    shop.reserve(slot, 1).on(&here).await.unwrap();
    other.hears("of another message", |heard| *heard == messages).await;
    assert_eq!(own.take(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_broken_way_is_found_again() {
    let place = Place::postgres().await;
    let (here, _) = open(&place).await;
    let (_there, other) = open(&place).await;
    let shop = Shop::open(&here).await;
    let slot = shop.slot(&here, 1_000).await;
    other.take();
    place
        .sql(
            "select pg_terminate_backend(pid) from pg_stat_activity \
              where application_name = 'surehold notify' and datname = current_database()",
        )
        .await;
    other.hears("that it is to look at everything", |heard| *heard == Notification::everything()).await;
    // The one that notifies comes back in its own time; until then nobody is told.
    let begun = Instant::now();
    loop {
        shop.reserve(slot, 1).on(&here).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        if other.take().iter().any(|heard| heard.wake_ups == BTreeSet::from([WakeUp::Messages])) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "nobody was notified any more");
    }
}
