//! The failure of one command does not affect others.

use domain::rows::{Product, Slot};
use domain::working_set::Decision;
use domain::{Refusal, SlotId};
use store::{CommandResult, Unavailable};
use testkit::new_id;

use crate::store_database::StoreDatabase;

use crate::test_command::{Seller, TestCommand, WriterPause, insert};

testkit::on_both_engines!(
    a_panic_fails_its_command_alone,
    a_poisonous_command_fails_alone,
    a_reference_to_another_tenant_is_refused,
    rows_in_the_wrong_order_are_refused,
    a_row_put_twice_is_refused,
    an_insert_over_a_row_that_was_not_needed_fails_alone,
);

fn poisoned(answer: &Result<CommandResult, Unavailable>) -> &str {
    match answer {
        Err(Unavailable::Poisoned(why)) => why,
        answer => panic!("not poisoned: {answer:?}"),
    }
}

/// Puts one bad command in the middle of fifty good ones and expects that only it fails.
async fn alone(
    database: &StoreDatabase,
    bad: impl Fn(Seller, SlotId) -> TestCommand,
) -> Result<CommandResult, Unavailable> {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let slot = seller.slot(&store, 1000).await;
    let mut acts: Vec<TestCommand> = (0..50).map(|_| seller.reserve(slot, 1)).collect();
    acts[31] = bad(seller, slot).claiming(&seller.claim("bad"));
    let mut answers = WriterPause::start(&store).together(&store, acts).await;
    let answer = answers.remove(31);
    assert!(answers.iter().all(|answer| matches!(answer, Ok(CommandResult::Fresh { .. }))), "{answers:?}");
    assert_eq!(store.slot(seller.tenant, slot).await.unwrap().unwrap().held, 49);
    assert_eq!(store.key(seller.tenant, seller.claim("bad").key).await.unwrap(), None);
    store.close().await;
    answer
}

async fn a_panic_fails_its_command_alone(database: StoreDatabase) {
    let answer =
        alone(&database, |_, _| TestCommand::new(|_| Some(()), |_, _| panic!("a bug in decide"))).await;
    assert_eq!(poisoned(&answer), "TestCommand: it panicked: a bug in decide");
    let answer = alone(&database, |_, _| {
        TestCommand::new(|_| panic!("a bug in needs"), |_, _| Ok(Decision::default()))
    })
    .await;
    assert_eq!(poisoned(&answer), "it panicked: a bug in needs");
}

async fn a_poisonous_command_fails_alone(database: StoreDatabase) {
    let overfill = |_: Seller, slot: SlotId| {
        TestCommand::new(
            move |rows| rows.slot(slot).map(drop),
            move |facts, _| {
                let slot = facts.slots.get(slot).ok_or(Refusal::SlotNotFound)?;
                let mut outcome = Decision::default();
                outcome.put(Slot { sold: slot.capacity + 1, ..slot.clone() });
                Ok(outcome)
            },
        )
    };
    let answer = alone(&database, overfill).await;
    assert!(!poisoned(&answer).is_empty());
}

async fn a_reference_to_another_tenant_is_refused(database: StoreDatabase) {
    let foreign = |seller: Seller, slot: SlotId| {
        let stranger = Seller { tenant: new_id(), ..seller };
        let booking = stranger.booking_row(new_id(), 1, domain::Timestamp(1));
        let item = stranger.item_row(&booking, new_id(), slot, 1);
        insert(move |outcome| {
            outcome.put(booking.clone());
            outcome.put(item.clone());
        })
    };
    let answer = alone(&database, foreign).await;
    assert!(!poisoned(&answer).is_empty());
    let unknown = |seller: Seller, slot: SlotId| {
        let booking = seller.booking_row(new_id(), 1, domain::Timestamp(1));
        let item = seller.item_row(&booking, new_id(), slot, 1);
        insert(move |outcome| outcome.put(item.clone()))
    };
    let answer = alone(&database, unknown).await;
    assert!(!poisoned(&answer).is_empty(), "an item without its booking");
}

async fn rows_in_the_wrong_order_are_refused(database: StoreDatabase) {
    // The slot's row names the product's, so the product may only be requested after the slot.
    let backwards = |seller: Seller, _: SlotId| {
        let slot = new_id();
        TestCommand::new(
            move |rows| {
                rows.product(seller.product)?;
                rows.slot(slot).map(drop)
            },
            |_, _| Ok(Decision::default()),
        )
    };
    let answer = alone(&database, backwards).await;
    assert_eq!(poisoned(&answer), "TestCommand requested a row of slots out of the order of locks");
}

async fn a_row_put_twice_is_refused(database: StoreDatabase) {
    let twice = |seller: Seller, _: SlotId| {
        insert(move |outcome| {
            let slot = seller.slot_row(1);
            outcome.put(slot.clone());
            outcome.put(slot);
        })
    };
    let answer = alone(&database, twice).await;
    assert_eq!(poisoned(&answer), "TestCommand: it puts one row of slots twice");
}

/// The row always looks like that of a concurrent transaction. It must not stop the others of its batch.
async fn an_insert_over_a_row_that_was_not_needed_fails_alone(database: StoreDatabase) {
    let blind = |seller: Seller, _: SlotId| {
        insert(move |outcome| outcome.put(Product { version: 9, ..seller.product_row() }))
    };
    let answer = alone(&database, blind).await;
    assert_eq!(answer.unwrap_err(), Unavailable::Contended);
}
