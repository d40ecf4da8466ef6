//! Reserve, cancel a hold, expire holds.

use std::vec;
use uuid::Uuid;

use super::test_store::CommandResult;
use super::test_world::{
    LIMITED, PRICE, STRANGER, TENANT, TestWorld, claim, create_product_command, provision,
};
use crate::commands::{CancelBooking, ExpireHolds, LapsedHold, NewUnit, Reserve};
use crate::lifecycle::{booking, booking_item, job};
use crate::limits::{AMOUNT_MINOR_MAX, HOLD_GRACE_SECONDS, HOLD_SECONDS, HOLD_SECONDS_MAX};
use crate::reply::{ItemReply, Reply};
use crate::rows::{Booking, BookingItem, Capture, Job, Message, Payment, Product, Slot, Unit};
use crate::time::Span;
use crate::working_set::Claim;
use crate::{AccountId, BookingId, Currency, Refusal, SlotId, TenantId, UnitId};

fn foreign(tenant: TenantId) -> Claim {
    Claim { tenant, ..claim("foreign") }
}

#[test]
fn a_reserve_is_refused_by_name() {
    type Arrange = fn(&mut TestWorld, &mut Reserve);
    let check = |arrange: Arrange, expected: fn(&TestWorld) -> Refusal| {
        let mut world = TestWorld::new(4);
        let mut command = world.reserve_command(1);
        arrange(&mut world, &mut command);
        let refusal = world.refused(&command);
        assert_eq!(refusal, expected(&world));
        let stored = matches!(world.run(&command), CommandResult::Replay { .. });
        assert_eq!(stored, refusal.is_stored(), "{refusal:?}");
    };
    check(|_, command| command.items[0].slot = SlotId(Uuid::nil()), |_| Refusal::SlotNotFound);
    check(|_, command| command.claim = foreign(STRANGER), |_| Refusal::SlotNotFound);
    check(
        |_, command| command.items[0].unit = UnitId(Uuid::nil()),
        |_| Refusal::UnitNotFound { unit: Uuid::nil() },
    );
    check(
        |_, command| command.items[0].quantity = 5,
        |world| Refusal::SlotIsFull { slot: world.slot.0, vacancies: 4 },
    );
    check(
        |_, command| {
            command.items[0].quantity = 5;
            command.last_try = false;
        },
        |_| Refusal::SlotLooksFull,
    );
    check(
        |world, _| world.set_slot(|slot| slot.closed = true),
        |world| Refusal::SlotIsClosed { slot: world.slot.0 },
    );
    check(
        |world, _| {
            let now = world.now;
            world.set_slot(|slot| slot.starts_at = now);
        },
        |world| Refusal::SlotHasStarted { slot: world.slot.0 },
    );
    check(
        |world, _| {
            let product: Product = world.get(world.product);
            world.set(&Product { active: false, ..product });
        },
        |_| Refusal::ProductIsNotOnSale,
    );
    check(
        |world, _| {
            let unit: Unit = world.get(world.seat);
            world.set(&Unit { active: false, ..unit });
        },
        |world| Refusal::UnitIsNotOnSale { unit: world.seat.0 },
    );
    check(
        |_, command| command.hold_seconds = Some(HOLD_SECONDS_MAX + 1),
        |_| Refusal::HoldIsTooLong { seconds_max: HOLD_SECONDS_MAX },
    );
    for price in [AMOUNT_MINOR_MAX, i64::MAX] {
        let mut world = TestWorld::new(4);
        let unit: Unit = world.get(world.seat);
        world.set(&Unit { price_minor: price, ..unit });
        let command = world.reserve_command(2);
        assert_eq!(world.refused(&command), Refusal::AmountIsTooLarge);
    }
}

#[test]
fn a_unit_of_another_product_is_refused() {
    let mut world = TestWorld::new(4);
    let unit = NewUnit { name: "seat".into(), price_minor: 1, seats: 1 };
    let made = world.run(&create_product_command(Currency::USD, vec![unit]));
    let Reply::Product(other) = made.reply() else { panic!("a product was made") };
    let unit = other.1[0].id;
    let command = Reserve { items: world.basket(unit, 1), ..world.reserve_command(1) };
    assert_eq!(world.refused(&command), Refusal::UnitIsNotOfThisProduct { unit: unit.0 });
}

#[test]
fn a_hold_takes_seats_until_there_are_none() {
    let mut world = TestWorld::new(4);
    let booking = world.reserve(3);
    let row: Booking = world.get(booking);
    let items = world.all::<BookingItem>();
    let [item] = items.as_slice() else { panic!("one unit, one item: {items:?}") };
    assert_eq!((row.total_minor, item.price_minor, item.quantity, item.seats), (3 * PRICE, PRICE, 3, 3));
    assert_eq!((item.booking, item.slot, item.unit), (row.id, world.slot, world.seat));
    assert_eq!(row.hold_expires_at, world.now.plus(Span::seconds(HOLD_SECONDS)));
    let command = world.reserve_command(2);
    assert_eq!(world.refused(&command), Refusal::SlotIsFull { slot: world.slot.0, vacancies: 1 });
    world.reserve(1);
    assert_eq!(world.get::<Slot>(world.slot).vacancies(), 0);
}

#[test]
fn a_hold_never_outlives_the_start_of_its_slot() {
    let check = |starts_in: i64, hold_seconds: Option<i64>, expires_in: i64| {
        let mut world = TestWorld::new(4);
        let starts_at = world.now.plus(Span::seconds(starts_in));
        world.set_slot(|slot| slot.starts_at = starts_at);
        let command = Reserve { hold_seconds, ..world.reserve_command(2) };
        let Reply::Booking(reply) = world.run(&command).reply() else { panic!("a booking was made") };
        assert_eq!(reply.booking.hold_expires_at, world.now.plus(Span::seconds(expires_in)));
        world.wait(Span::seconds(expires_in));
        let pay = world.pay_command(reply.booking.id);
        assert_eq!(world.refused(&pay), Refusal::HoldHasExpired);
        assert_eq!(world.expire(), 1);
        assert_eq!(world.get::<Slot>(world.slot).vacancies(), 4);
    };
    check(3, Some(HOLD_SECONDS_MAX), 3);
    check(3, None, 3);
    check(HOLD_SECONDS, None, HOLD_SECONDS);
    check(HOLD_SECONDS + 1, None, HOLD_SECONDS);
    check(60, Some(30), 30);
}

#[test]
fn the_same_key_reserves_once() {
    let mut world = TestWorld::new(4);
    let command = world.reserve_command(1);
    world.run(&command).reply();
    assert!(matches!(world.run(&command), CommandResult::Replay { status: 200, .. }));
    let mut other = command;
    other.claim.fingerprint = claim("other").fingerprint;
    assert!(matches!(world.run(&other), CommandResult::Mismatch));
    assert_eq!(world.all::<Booking>().len(), 1);
}

#[test]
fn a_customer_holds_no_more_than_the_limit() {
    let mut world = TestWorld::new(100);
    world.set_settings(|settings| settings.seats_held_per_customer_max = Some(3));
    let first = world.reserve(3);
    let command = world.reserve_command(1);
    let refusal = Refusal::TooManySeatsHeldByCustomer { held: 3, requested: 1, limit: 3 };
    assert_eq!(world.refused(&command), refusal);
    // The e-mail address is compared without case.
    let mut command = world.reserve_command(1);
    command.customer.email = "ANA@example.com".into();
    assert_eq!(world.refused(&command), refusal);
    // Free seats are not held.
    let free = Reserve { items: world.basket(world.child, 9), ..world.reserve_command(1) };
    world.run(&free).reply();
    world.set_settings(|settings| settings.seats_held_per_customer_max = Some(2));
    let free = Reserve { claim: world.claim(), ..free };
    world.run(&free).reply();
    world.set_settings(|settings| settings.seats_held_per_customer_max = Some(3));
    let cancel = world.cancel_command(first);
    world.run(&cancel).reply();
    world.reserve(3);
    world.set_settings(|settings| settings.seats_held_per_customer_max = None);
    world.reserve(50);
}

#[test]
fn a_client_holds_no_more_than_its_limit() {
    let mut world = TestWorld::new(100);
    let by_limited = |world: &mut TestWorld, quantity, key: &str| Reserve {
        claim: Claim { client: LIMITED, ..claim(key) },
        client_is_limited: true,
        ..world.reserve_command(quantity)
    };
    let command = by_limited(&mut world, 2, "a");
    world.run(&command).reply();
    let command = by_limited(&mut world, 2, "b");
    assert_eq!(
        world.refused(&command),
        Refusal::TooManySeatsHeldByClient { held: 2, requested: 2, limit: 3 }
    );
    world.wait(Span::seconds(HOLD_SECONDS));
    assert_eq!(world.expire(), 1);
    let command = by_limited(&mut world, 3, "c");
    world.run(&command).reply();
}

#[test]
fn a_free_booking_is_confirmed_at_once() {
    let mut world = TestWorld::new(2);
    let command = Reserve { items: world.basket(world.child, 2), ..world.reserve_command(1) };
    let Reply::Booking(reply) = world.run(&command).reply() else { panic!("a booking was made") };
    assert!(reply.booking.state.is(booking::State::Confirmed));
    let [ItemReply { item, slot, .. }] = reply.items.as_slice() else { panic!("one item") };
    assert!(item.state.is(booking_item::State::Sold));
    assert_eq!((slot.held, slot.sold), (0, 2));
    let pay = world.pay_command(reply.booking.id);
    assert_eq!(world.refused(&pay), Refusal::NothingIsDue);
}

#[test]
fn a_hold_is_cancelled_once_and_only_while_nobody_pays() {
    let mut world = TestWorld::new(4);
    let first = world.reserve(2);
    let cancel = world.cancel_command(first);
    world.run(&cancel).reply();
    assert_eq!(world.get::<Slot>(world.slot).vacancies(), 4);
    assert!(matches!(world.run(&cancel), CommandResult::Replay { .. }));
    let again = CancelBooking { claim: world.claim(), ..cancel };
    let event = "customer_cancelled";
    let gone = Refusal::StateDoesNotAllowIt { lifecycle: "booking", state: "cancelled", event };
    assert_eq!(world.refused(&again), gone);

    let second = world.reserve(2);
    let payment = world.pay(second);
    let cancel = world.cancel_command(second);
    assert_eq!(world.refused(&cancel), Refusal::BookingHasOpenPayment { payment: payment.0 });
    let foreign = CancelBooking { claim: foreign(STRANGER), ..cancel.clone() };
    assert_eq!(world.refused(&foreign), Refusal::BookingNotFound);
    let unknown = world.cancel_command(BookingId(Uuid::nil()));
    assert_eq!(world.refused(&unknown), Refusal::BookingNotFound);
}

#[test]
fn lapsed_holds_of_one_slot_expire_in_one_command() {
    let mut world = TestWorld::new(10);
    let bookings = [world.reserve(1), world.reserve(2), world.reserve(3)];
    world.wait(Span::seconds(HOLD_SECONDS - 1));
    let last = world.reserve(4);
    let all = |world: &TestWorld| -> std::vec::Vec<LapsedHold> {
        world.all::<Booking>().iter().map(|row| LapsedHold { booking: row.id, open_payment: None }).collect()
    };
    let early = ExpireHolds { holds: all(&world) };
    assert!(matches!(world.run(&early).reply(), Reply::Swept(0)));
    world.wait(Span::seconds(1));
    let sweep = ExpireHolds { holds: all(&world) };
    assert!(matches!(world.run(&sweep).reply(), Reply::Swept(3)));
    assert!(matches!(world.run(&sweep).reply(), Reply::Swept(0)), "a hold expires once");
    for booking in bookings {
        assert_eq!(world.booking_is(booking), booking::State::Expired);
    }
    assert_eq!(world.booking_is(last), booking::State::Held);
    assert_eq!(world.get::<Slot>(world.slot).vacancies(), 6);
}

#[test]
fn a_hold_that_changed_since_the_query_is_passed_over() {
    let mut world = TestWorld::new(10);
    let booking = world.reserve(1);
    world.wait(Span::seconds(HOLD_SECONDS - 1));
    let payment = world.pay(booking);
    world.wait(Span::seconds(1));
    let stale = ExpireHolds { holds: vec![LapsedHold { booking, open_payment: None }] };
    assert!(matches!(world.run(&stale).reply(), Reply::Swept(0)));
    let unknown =
        ExpireHolds { holds: vec![LapsedHold { booking: BookingId(Uuid::nil()), open_payment: None }] };
    assert!(matches!(world.run(&unknown).reply(), Reply::Swept(0)));
    assert_eq!(world.booking_is(booking), booking::State::Held);
    assert!(!world.get::<Payment>(payment).void_requested);
}

#[test]
fn a_lapsed_hold_with_a_payment_keeps_its_seats_while_that_is_called_off() {
    let mut world = TestWorld::new(10);
    let (booking, payment) = world.sent(Capture::Automatic);
    world.answer(payment, crate::provider::ProviderStatus::Processing);
    world.wait(Span::seconds(HOLD_SECONDS));
    let held = world.get::<Slot>(world.slot).held;
    assert_eq!(world.expire(), 0);
    assert!(world.get::<Payment>(payment).void_requested);
    assert_eq!(world.get::<Slot>(world.slot).held, held);
    let job: Job = world.get(payment.0);
    assert!(job.state.is(job::State::Ready) && job.due_at <= world.now, "the job is due now");
    assert_eq!(world.expire(), 0, "called off once");

    world.wait(Span::seconds(HOLD_GRACE_SECONDS));
    assert_eq!(world.expire(), 1);
    assert_eq!(world.booking_is(booking), booking::State::Expired);
}

/// The sweep did not run for longer than the grace: a charge that was not sent must still not be sent.
#[test]
fn a_payment_is_called_off_even_when_the_grace_is_over() {
    let mut world = TestWorld::new(10);
    let booking = world.reserve(2);
    let payment = world.pay(booking);
    world.wait(Span::seconds(HOLD_SECONDS + HOLD_GRACE_SECONDS));
    assert_eq!(world.expire(), 1);
    assert_eq!(world.booking_is(booking), booking::State::Expired);
    // The server died, and another one takes over.
    let job: Job = world.get(payment.0);
    world
        .run(&crate::commands::ClaimJobs {
            jobs: vec![job.id],
            kinds: crate::jobs::JobKinds::default(),
            lease: super::test_world::LEASE,
            alone: false,
        })
        .reply();
    assert!(!world.mark_sent(payment), "nobody is charged for a hold that is gone");
}

#[test]
fn each_state_of_a_booking_has_a_message() {
    let mut world = TestWorld::new(10);
    let booking = world.reserve(1);
    world.wait(Span::seconds(HOLD_SECONDS));
    world.expire();
    let messages = world.all::<Message>();
    let kinds: std::vec::Vec<_> = messages.iter().map(|message| message.kind.as_str()).collect();
    assert_eq!(kinds, ["booking.held", "booking.expired"]);
    let pay = world.pay_command(booking);
    assert_eq!(world.refused(&pay), Refusal::HoldHasExpired);
}

#[test]
fn a_provision_leaves_what_exists_as_it_is() {
    let mut world = TestWorld::new(1);
    world.set_settings(|settings| settings.hold_seconds = 7);
    world.run(&provision(TENANT, super::test_world::account())).reply();
    let tenant: crate::rows::Tenant = world.get(TENANT);
    assert_eq!(tenant.settings.0.hold_seconds, 7);
    world.run(&provision(STRANGER, AccountId::of("stripe", "other"))).reply();
}
