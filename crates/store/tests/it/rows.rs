//! Rows are read as they were written, and updates take effect only over the loaded rows.

use std::collections::BTreeSet;

use domain::rows::{InboundEvent, Product};
use domain::side_effects::WakeUp;
use domain::working_set::Decision;
use domain::{EventId, Refusal, Timestamp};
use store::{CommandResult, Unavailable};
use testkit::new_id;

use crate::store_database::StoreDatabase;

use crate::test_command::{Seller, TestCommand, WriterPause, insert};

testkit::on_both_engines!(
    a_row_comes_back_as_it_was,
    a_value_may_become_null_and_back,
    a_batch_sees_what_it_changed,
    changes_of_unlocked_rows_are_all_counted,
    a_batch_that_changes_nothing_commits_nothing,
    the_listener_is_called_for_each_commit,
    a_closed_store_has_done_what_it_took,
);

async fn a_row_comes_back_as_it_was(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let event = InboundEvent {
        id: new_id(),
        tenant: seller.tenant,
        account: new_id(),
        name: "evt_1".into(),
        kind: "payment.captured".into(),
        // Sixteen bytes that are no id, and no bytes that are text.
        body: vec![0, 255, 1, 254, 2, 253, 3, 252, 4, 251, 5, 250, 6, 249, 7, 248],
        state: domain::lifecycle::CurrentState::start(),
        attempts: 0,
        outcome: None,
        received_at: Timestamp(i64::MAX),
        processed_at: Some(Timestamp(i64::MIN)),
    };
    let put = event.clone();
    insert(move |outcome| outcome.put(put.clone())).on(&store).await.unwrap();
    let found = load_event(&store, event.id).await;
    assert_eq!(found, Some(event));
    assert_eq!(store.product(seller.tenant, seller.product).await.unwrap(), Some(seller.product_row()));
}

async fn load_event(store: &store::Store, event: EventId) -> Option<InboundEvent> {
    let (found_tx, found) = std::sync::mpsc::channel();
    let act = TestCommand::new(
        move |rows| rows.inbound_event(event).map(drop),
        move |facts, _| {
            found_tx.send(facts.inbound_events.get(event).cloned()).unwrap();
            Ok(Decision::default())
        },
    );
    act.on(store).await.unwrap();
    found.recv().unwrap()
}

async fn a_value_may_become_null_and_back(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let slot = seller.slot(&store, 1).await;
    let Ok(CommandResult::Fresh { reply: domain::Reply::Booking(made), .. }) =
        seller.reserve(slot, 1).on(&store).await
    else {
        panic!("there is room");
    };
    let booking = made.booking.id;
    for ended_at in [Some(Timestamp(7)), None, Some(Timestamp(8))] {
        let act = TestCommand::new(
            move |rows| rows.booking(booking).map(drop),
            move |facts, _| {
                let mut outcome = Decision::default();
                let row = facts.bookings.get(booking).ok_or(Refusal::BookingNotFound)?;
                outcome.put(domain::rows::Booking { ended_at, ..row.clone() });
                Ok(outcome)
            },
        );
        act.on(&store).await.unwrap();
        let row = store.booking(seller.tenant, booking).await.unwrap().unwrap();
        assert_eq!(row.ended_at, ended_at);
    }
}

async fn a_batch_sees_what_it_changed(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let slot = seller.slot(&store, 7).await;
    let acts = (0..10).map(|_| seller.reserve(slot, 1)).collect();
    let answers = WriterPause::start(&store).together(&store, acts).await;
    let made = answers.iter().filter(|answer| matches!(answer, Ok(CommandResult::Fresh { .. }))).count();
    let full = Refusal::SlotIsFull { slot: slot.0, vacancies: 0 };
    let refused = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(CommandResult::Refused { refusal, .. }) if *refusal == full));
    assert_eq!((made, refused.count()), (7, 3));
    assert_eq!(store.slot(seller.tenant, slot).await.unwrap().unwrap().held, 7);
    let commits = database.commits.0.lock();
    let batches = commits.iter().filter(|committed| committed.wake_ups.contains(&WakeUp::Messages));
    assert_eq!(batches.count(), 1, "it was one batch");
}

/// Products are read without a lock: only the guard keeps two changes from counting as one.
async fn changes_of_unlocked_rows_are_all_counted(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    // SQLite has one process and one store.
    let other = if matches!(database.location, store::Location::Sqlite { .. }) {
        store.clone()
    } else {
        database.open().await
    };
    let change = |store: store::Store| async move {
        let act = TestCommand::new(
            move |rows| rows.product(seller.product).map(drop),
            move |facts, _| {
                let row = facts.products.get(seller.product).ok_or(Refusal::ProductNotFound)?;
                let mut outcome = Decision::default();
                outcome.put(Product { version: row.version + 1, ..row.clone() });
                Ok(outcome)
            },
        );
        act.on(&store).await
    };
    let tasks: Vec<_> = (0..200)
        .map(|at| tokio::spawn(change(if at % 2 == 0 { store.clone() } else { other.clone() })))
        .collect();
    let mut counted = 1;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => counted += 1,
            Err(why) => assert_eq!(why, Unavailable::Contended),
        }
    }
    let product = store.product(seller.tenant, seller.product).await.unwrap().unwrap();
    assert_eq!(product.version, counted);
    assert!(counted > 100, "{counted}");
}

async fn a_batch_that_changes_nothing_commits_nothing(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let slot = seller.slot(&store, 0).await;
    let before = store.stats().commits;
    let answer = seller.reserve(slot, 1).on(&store).await.unwrap();
    assert!(matches!(answer, CommandResult::Refused { rendered: None, .. }), "{answer:?}");
    assert_eq!(store.stats().commits, before);
}

async fn the_listener_is_called_for_each_commit(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let slot = seller.slot(&store, 3).await;
    database.commits.0.lock().clear();
    seller.reserve(slot, 1).on(&store).await.unwrap();
    store.close().await;
    let committed = database.commits.0.lock().clone();
    assert_eq!(
        committed,
        [store::Committed { wake_ups: BTreeSet::from([WakeUp::Messages]), ..Default::default() }]
    );
}

async fn a_closed_store_has_done_what_it_took(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let slot = seller.slot(&store, 100).await;
    let gate = WriterPause::start(&store);
    let acts = (0..50).map(|_| seller.reserve(slot, 1)).collect();
    let answers = gate.together(&store, acts).await;
    assert!(answers.iter().all(Result::is_ok));
    let late = store.clone();
    store.close().await;
    assert_eq!(seller.reserve(slot, 1).on(&late).await.unwrap_err(), Unavailable::Closed);
    drop(late);
    // The locks, in particular that of a SQLite file, are released.
    let store = database.open().await;
    assert_eq!(store.slot(seller.tenant, slot).await.unwrap().unwrap().held, 50);
}
