//! What goes wrong with one command stays with it.

use domain::rows::{Product, Slot};
use domain::working_set::Decision;
use domain::{Refusal, SlotId};
use store::{CommandResult, Unavailable};

use crate::act::{Act, Gate, Shop, insert};
use crate::place::{Place, id};

both!(
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

/// Puts one bad command in the middle of fifty good ones and expects it, and nothing else, to fail.
async fn alone(place: &Place, bad: impl Fn(Shop, SlotId) -> Act) -> Result<CommandResult, Unavailable> {
    let store = place.open().await;
    let shop = Shop::open(&store).await;
    let slot = shop.slot(&store, 1000).await;
    let mut acts: Vec<Act> = (0..50).map(|_| shop.reserve(slot, 1)).collect();
    acts[31] = bad(shop, slot).claiming(&shop.claim("bad"));
    let mut answers = Gate::shut(&store).together(&store, acts).await;
    let answer = answers.remove(31);
    assert!(answers.iter().all(|answer| matches!(answer, Ok(CommandResult::Fresh { .. }))), "{answers:?}");
    assert_eq!(store.slot(shop.tenant, slot).await.unwrap().unwrap().held, 49);
    assert_eq!(store.key(shop.tenant, shop.claim("bad").key).await.unwrap(), None);
    store.close().await;
    answer
}

async fn a_panic_fails_its_command_alone(place: Place) {
    let answer = alone(&place, |_, _| Act::new(|_| Some(()), |_, _| panic!("a bug in decide"))).await;
    assert_eq!(poisoned(&answer), "Act: it panicked: a bug in decide");
    let answer =
        alone(&place, |_, _| Act::new(|_| panic!("a bug in needs"), |_, _| Ok(Decision::default()))).await;
    assert_eq!(poisoned(&answer), "it panicked: a bug in needs");
}

async fn a_poisonous_command_fails_alone(place: Place) {
    let overfill = |_: Shop, slot: SlotId| {
        Act::new(
            move |rows| rows.slot(slot).map(drop),
            move |facts, _| {
                let slot = facts.slots.get(slot).ok_or(Refusal::SlotNotFound)?;
                let mut outcome = Decision::default();
                outcome.put(Slot { sold: slot.capacity + 1, ..slot.clone() });
                Ok(outcome)
            },
        )
    };
    let answer = alone(&place, overfill).await;
    assert!(!poisoned(&answer).is_empty());
}

async fn a_reference_to_another_tenant_is_refused(place: Place) {
    let foreign = |shop: Shop, slot: SlotId| {
        let stranger = Shop { tenant: id(), ..shop };
        let booking = stranger.booking_row(id(), 1, domain::Timestamp(1));
        let item = stranger.item_row(&booking, id(), slot, 1);
        insert(move |outcome| {
            outcome.put(booking.clone());
            outcome.put(item.clone());
        })
    };
    let answer = alone(&place, foreign).await;
    assert!(!poisoned(&answer).is_empty());
    let unknown = |shop: Shop, slot: SlotId| {
        let booking = shop.booking_row(id(), 1, domain::Timestamp(1));
        let item = shop.item_row(&booking, id(), slot, 1);
        insert(move |outcome| outcome.put(item.clone()))
    };
    let answer = alone(&place, unknown).await;
    assert!(!poisoned(&answer).is_empty(), "an item without its booking");
}

async fn rows_in_the_wrong_order_are_refused(place: Place) {
    // The product's row is named by the slot's: it may only be asked for after it.
    let backwards = |shop: Shop, _: SlotId| {
        let slot = id();
        Act::new(
            move |rows| {
                rows.product(shop.product)?;
                rows.slot(slot).map(drop)
            },
            |_, _| Ok(Decision::default()),
        )
    };
    let answer = alone(&place, backwards).await;
    assert_eq!(poisoned(&answer), "Act asked for a row of slots out of the order of locks");
}

async fn a_row_put_twice_is_refused(place: Place) {
    let twice = |shop: Shop, _: SlotId| {
        insert(move |outcome| {
            let slot = shop.slot_row(1);
            outcome.put(slot.clone());
            outcome.put(slot);
        })
    };
    let answer = alone(&place, twice).await;
    assert_eq!(poisoned(&answer), "Act: it puts one row of slots twice");
}

/// It looks like a rival's row, forever; the others of its batch must not be kept.
async fn an_insert_over_a_row_that_was_not_needed_fails_alone(place: Place) {
    let blind = |shop: Shop, _: SlotId| {
        insert(move |outcome| outcome.put(Product { version: 9, ..shop.product_row() }))
    };
    let answer = alone(&place, blind).await;
    assert_eq!(answer.unwrap_err(), Unavailable::Contended);
}
