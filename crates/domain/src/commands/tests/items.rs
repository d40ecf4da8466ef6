//! A booking of two slots: each slot counts its own items, and all of them move with the booking.

use super::payments::CAPTURED;
use super::shop::Shop;
use crate::commands::CancelHold;
use crate::lifecycle::{booking, booking_item};
use crate::limits::{HOLD_GRACE_SECONDS, HOLD_SECONDS};
use crate::provider::ProviderStatus;
use crate::reply::Reply;
use crate::rows::{Booking, BookingItem, Customer, Refund, Slot};
use crate::time::Span;
use crate::working_set::Row as _;
use crate::{BookingId, BookingItemId, Ids as _, PaymentId, SlotId};

/// A hold of two seats for money, and of three more for nothing that another slot has; the other slot.
fn two_slots(shop: &mut Shop) -> (BookingId, SlotId) {
    let id = shop.reserve(2);
    let other = shop.add_slot(3);
    let booking: Booking = shop.get(id);
    let first = shop.all::<BookingItem>()[0].clone();
    let item = BookingItem {
        id: BookingItemId(shop.ids.next()),
        slot: other,
        unit: shop.child,
        quantity: 3,
        seats: 3,
        price_minor: 0,
        ..first
    };
    shop.set(&item);
    let slot: Slot = shop.get(other);
    shop.set(&Slot { held: 3, ..slot });
    let customer: Customer = shop.get(booking.customer);
    shop.set(&Customer { held_seats: 5, ..customer });
    (id, other)
}

fn sent(shop: &mut Shop, booking: BookingId) -> PaymentId {
    let payment = shop.pay(booking);
    shop.mark_sent(payment);
    shop.answer(payment, ProviderStatus::Processing);
    payment
}

/// Held and sold of the first slot, of the other, and the state of both items.
fn counted(shop: &Shop, other: SlotId) -> ([(i64, i64); 2], booking_item::State) {
    let of = |slot: SlotId| {
        let slot: Slot = shop.get(slot);
        (slot.held, slot.sold)
    };
    let items = shop.all::<BookingItem>();
    assert_eq!((items.len(), items[0].state), (2, items[1].state));
    ([of(shop.slot), of(other)], *items[0].state)
}

#[test]
fn both_slots_get_their_seats_back() {
    let mut shop = Shop::new(2);
    let (booking, other) = two_slots(&mut shop);
    assert_eq!(counted(&shop, other), ([(2, 0), (3, 0)], booking_item::State::Held));
    let cancel = CancelHold { claim: shop.claim(), booking };
    let Reply::Booking(reply) = shop.run(&cancel).reply() else { panic!("a booking was cancelled") };
    let slots: std::vec::Vec<_> =
        reply.items.iter().map(|shown| (shown.item.slot, shown.slot.id())).collect();
    assert_eq!(slots, [(shop.slot, shop.slot), (other, other)]);
    assert_eq!(counted(&shop, other), ([(0, 0), (0, 0)], booking_item::State::Released));
}

#[test]
fn both_slots_sell_their_seats() {
    let mut shop = Shop::new(2);
    let (booking, other) = two_slots(&mut shop);
    let payment = sent(&mut shop, booking);
    shop.webhook(payment, CAPTURED);
    assert_eq!(counted(&shop, other), ([(0, 2), (0, 3)], booking_item::State::Sold));
}

#[test]
fn late_money_takes_seats_of_all_slots_again_or_of_none() {
    type Arrange = fn(&mut Shop, SlotId);
    let nothing: Arrange = |_, _| {};
    let taken: Arrange = |shop, other| {
        let slot: Slot = shop.get(other);
        shop.set(&Slot { capacity: 2, ..slot });
    };
    let departed: Arrange = |shop, other| {
        let slot: Slot = shop.get(other);
        let starts_at = shop.now;
        shop.set(&Slot { starts_at, ..slot });
    };
    for (arrange, seated) in [(nothing, true), (taken, false), (departed, false)] {
        let mut shop = Shop::new(2);
        let (booking, other) = two_slots(&mut shop);
        let payment = sent(&mut shop, booking);
        shop.wait(Span::seconds(HOLD_SECONDS + HOLD_GRACE_SECONDS));
        assert_eq!(shop.expire(), 1);
        arrange(&mut shop, other);
        shop.webhook(payment, CAPTURED);
        let (expected, booked) = if seated {
            (([(0, 2), (0, 3)], booking_item::State::Sold), booking::State::Confirmed)
        } else {
            (([(0, 0), (0, 0)], booking_item::State::Released), booking::State::Expired)
        };
        assert_eq!((counted(&shop, other), shop.booking_is(booking)), (expected, booked));
        assert_eq!(shop.all::<Refund>().len(), usize::from(!seated));
    }
}
