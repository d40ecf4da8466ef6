//! The last seat is sold once, whoever asks for it at the same time.

use domain::{BookingId, Refusal, Reply};
use store::{CommandResult, Location};

use crate::act::Shop;
use crate::place::Place;

both!(
    the_last_seats_are_held_once,
    seats_that_are_given_back_can_be_taken,
    items_are_loaded_with_their_booking,
);

async fn the_last_seats_are_held_once(place: Place) {
    let store = place.open().await;
    let other =
        if matches!(place.location, Location::Sqlite { .. }) { store.clone() } else { place.open().await };
    let shop = Shop::open(&store).await;
    for _ in 0..5 {
        let slot = shop.slot(&store, 3).await;
        let ask = |at: usize| {
            let store = if at.is_multiple_of(2) { store.clone() } else { other.clone() };
            tokio::spawn(async move { shop.reserve(slot, 1).on(&store).await })
        };
        let tasks: Vec<_> = (0..100).map(ask).collect();
        let mut made = 0;
        for task in tasks {
            match task.await.unwrap().unwrap() {
                CommandResult::Fresh { .. } => made += 1,
                CommandResult::Refused { refusal, .. } => {
                    assert_eq!(refusal, Refusal::SlotIsFull { vacancies: 0 });
                }
                answer => panic!("{answer:?}"),
            }
        }
        let slot = store.slot(shop.tenant, slot).await.unwrap().unwrap();
        assert_eq!((made, slot.held, slot.vacancies()), (3, 3, 0));
    }
}

async fn seats_that_are_given_back_can_be_taken(place: Place) {
    let store = place.open().await;
    let shop = Shop::open(&store).await;
    let slot = shop.slot(&store, 2).await;
    let booking = reserve(&store, shop, slot).await;
    shop.cancel(booking).on(&store).await.unwrap();
    let refused = shop.cancel(booking).on(&store).await.unwrap();
    assert!(matches!(refused, CommandResult::Refused { refusal: Refusal::NothingToDo, .. }), "{refused:?}");
    let row = store.booking(shop.tenant, booking).await.unwrap().unwrap();
    assert!(row.state.is(domain::lifecycle::booking::State::Cancelled));
    let taken = shop.reserve(slot, 2).on(&store).await.unwrap();
    assert!(matches!(taken, CommandResult::Fresh { .. }));
}

/// The booking with its items, their slot, the writes, the commit.
async fn items_are_loaded_with_their_booking(place: Place) {
    let store = place.open().await;
    let shop = Shop::open(&store).await;
    let slot = shop.slot(&store, 2).await;
    let booking = reserve(&store, shop, slot).await;
    let before = store.stats().round_trips;
    shop.cancel(booking).on(&store).await.unwrap();
    let expected = if matches!(place.location, Location::Sqlite { .. }) { 0 } else { 4 };
    assert_eq!(store.stats().round_trips - before, expected);
}

pub async fn reserve(store: &store::Store, shop: Shop, slot: domain::SlotId) -> BookingId {
    match shop.reserve(slot, 1).on(store).await {
        Ok(CommandResult::Fresh { reply: Reply::Booking(reply), .. }) => reply.booking.id,
        answer => panic!("{answer:?}"),
    }
}
