//! The last seat is sold once, however many requests for it are concurrent.

use domain::{BookingId, Refusal, Reply};
use store::{CommandResult, Location};

use crate::store_database::StoreDatabase;

use crate::test_command::Seller;

testkit::on_both_engines!(
    the_last_seats_are_held_once,
    seats_that_are_given_back_can_be_taken,
    items_are_loaded_with_their_booking,
);

async fn the_last_seats_are_held_once(database: StoreDatabase) {
    let store = database.open().await;
    let other = if matches!(database.location, Location::Sqlite { .. }) {
        store.clone()
    } else {
        database.open().await
    };
    let seller = Seller::open(&store).await;
    for _ in 0..5 {
        let slot = seller.slot(&store, 3).await;
        let request = |at: usize| {
            let store = if at.is_multiple_of(2) { store.clone() } else { other.clone() };
            tokio::spawn(async move { seller.reserve(slot, 1).on(&store).await })
        };
        let tasks: Vec<_> = (0..100).map(request).collect();
        let mut made = 0;
        for task in tasks {
            match task.await.unwrap().unwrap() {
                CommandResult::Fresh { .. } => made += 1,
                CommandResult::Refused { refusal, .. } => {
                    assert_eq!(refusal, Refusal::SlotIsFull { slot: slot.0, vacancies: 0 });
                }
                answer => panic!("{answer:?}"),
            }
        }
        let slot = store.slot(seller.tenant, slot).await.unwrap().unwrap();
        assert_eq!((made, slot.held, slot.vacancies()), (3, 3, 0));
    }
}

async fn seats_that_are_given_back_can_be_taken(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let slot = seller.slot(&store, 2).await;
    let booking = reserve(&store, seller, slot).await;
    seller.cancel(booking).on(&store).await.unwrap();
    let refused = seller.cancel(booking).on(&store).await.unwrap();
    assert!(matches!(refused, CommandResult::Refused { refusal: Refusal::NothingToDo, .. }), "{refused:?}");
    let row = store.booking(seller.tenant, booking).await.unwrap().unwrap();
    assert!(row.state.is(domain::lifecycle::booking::State::Cancelled));
    let taken = seller.reserve(slot, 2).on(&store).await.unwrap();
    assert!(matches!(taken, CommandResult::Fresh { .. }));
}

/// The booking with its items, their slot, the writes, the commit.
async fn items_are_loaded_with_their_booking(database: StoreDatabase) {
    let store = database.open().await;
    let seller = Seller::open(&store).await;
    let slot = seller.slot(&store, 2).await;
    let booking = reserve(&store, seller, slot).await;
    let before = store.stats().round_trips;
    seller.cancel(booking).on(&store).await.unwrap();
    let expected = if matches!(database.location, Location::Sqlite { .. }) { 0 } else { 4 };
    assert_eq!(store.stats().round_trips - before, expected);
}

pub async fn reserve(store: &store::Store, seller: Seller, slot: domain::SlotId) -> BookingId {
    match seller.reserve(slot, 1).on(store).await {
        Ok(CommandResult::Fresh { reply: Reply::Booking(reply), .. }) => reply.booking.id,
        answer => panic!("{answer:?}"),
    }
}
