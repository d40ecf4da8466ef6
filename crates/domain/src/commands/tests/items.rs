//! A booking of two slots: each slot counts its own items, and all of them move with the booking.

use super::payments::CAPTURED;
use super::test_world::TestWorld;
use crate::lifecycle::{booking, booking_item};
use crate::limits::{HOLD_GRACE_SECONDS, HOLD_SECONDS};
use crate::provider::ProviderStatus;
use crate::reply::Reply;
use crate::rows::{Booking, BookingItem, Customer, Refund, Slot};
use crate::time::Span;
use crate::working_set::Row as _;
use crate::{BookingId, BookingItemId, Ids as _, PaymentId, SlotId};

/// A hold of two paid seats, and of three free seats of another slot. Returns the booking and the other slot.
fn two_slots(world: &mut TestWorld) -> (BookingId, SlotId) {
    let id = world.reserve(2);
    let other = world.add_slot(3);
    let booking: Booking = world.get(id);
    let first = world.all::<BookingItem>()[0].clone();
    let item = BookingItem {
        id: BookingItemId(world.ids.next()),
        slot: other,
        unit: world.child,
        quantity: 3,
        seats: 3,
        price_minor: 0,
        ..first
    };
    world.set(&item);
    let slot: Slot = world.get(other);
    world.set(&Slot { held: 3, ..slot });
    let customer: Customer = world.get(booking.customer);
    world.set(&Customer { held_seats: 5, ..customer });
    (id, other)
}

fn sent(world: &mut TestWorld, booking: BookingId) -> PaymentId {
    let payment = world.pay(booking);
    world.mark_sent(payment);
    world.answer(payment, ProviderStatus::Processing);
    payment
}

/// Held and sold seats of the first slot, of the other slot, and the state of both items.
fn counted(world: &TestWorld, other: SlotId) -> ([(i64, i64); 2], booking_item::State) {
    let of = |slot: SlotId| {
        let slot: Slot = world.get(slot);
        (slot.held, slot.sold)
    };
    let items = world.all::<BookingItem>();
    assert_eq!((items.len(), items[0].state), (2, items[1].state));
    ([of(world.slot), of(other)], *items[0].state)
}

#[test]
fn both_slots_get_their_seats_back() {
    let mut world = TestWorld::new(2);
    let (booking, other) = two_slots(&mut world);
    assert_eq!(counted(&world, other), ([(2, 0), (3, 0)], booking_item::State::Held));
    let cancel = world.cancel_command(booking);
    let Reply::BookingChanged(reply) = world.run(&cancel).reply() else { panic!("a booking was cancelled") };
    let slots: std::vec::Vec<_> =
        reply.items.iter().map(|shown| (shown.item.slot, shown.slot.id())).collect();
    assert_eq!(slots, [(world.slot, world.slot), (other, other)]);
    assert_eq!(counted(&world, other), ([(0, 0), (0, 0)], booking_item::State::Released));
}

#[test]
fn both_slots_sell_their_seats() {
    let mut world = TestWorld::new(2);
    let (booking, other) = two_slots(&mut world);
    let payment = sent(&mut world, booking);
    world.webhook(payment, CAPTURED);
    assert_eq!(counted(&world, other), ([(0, 2), (0, 3)], booking_item::State::Sold));
}

#[test]
fn late_money_takes_seats_of_all_slots_again_or_of_none() {
    type Arrange = fn(&mut TestWorld, SlotId);
    let nothing: Arrange = |_, _| {};
    let taken: Arrange = |world, other| {
        let slot: Slot = world.get(other);
        world.set(&Slot { capacity: 2, ..slot });
    };
    let departed: Arrange = |world, other| {
        let slot: Slot = world.get(other);
        let starts_at = world.now;
        world.set(&Slot { starts_at, ..slot });
    };
    for (arrange, seated) in [(nothing, true), (taken, false), (departed, false)] {
        let mut world = TestWorld::new(2);
        let (booking, other) = two_slots(&mut world);
        let payment = sent(&mut world, booking);
        world.wait(Span::seconds(HOLD_SECONDS + HOLD_GRACE_SECONDS));
        assert_eq!(world.expire(), 1);
        arrange(&mut world, other);
        world.webhook(payment, CAPTURED);
        let (expected, booked) = if seated {
            (([(0, 2), (0, 3)], booking_item::State::Sold), booking::State::Confirmed)
        } else {
            (([(0, 0), (0, 0)], booking_item::State::Released), booking::State::Expired)
        };
        assert_eq!((counted(&world, other), world.booking_is(booking)), (expected, booked));
        assert_eq!(world.all::<Refund>().len(), usize::from(!seated));
    }
}
