//! A hold that is extended, while it is one.

use std::vec::Vec;
use uuid::Uuid;

use super::payments::CAPTURED;
use super::test_store::CommandResult;
use super::test_world::{STRANGER, TestWorld, claim};
use crate::commands::{ExtendHold, Reserve};
use crate::lifecycle::booking;
use crate::limits::{HOLD_GRACE_SECONDS, HOLD_SECONDS, HOLD_SECONDS_MAX};
use crate::provider::ProviderStatus;
use crate::reply::Reply;
use crate::rows::{Audit, Booking, Capture, Message, Payment, Slot};
use crate::time::{Span, Timestamp};
use crate::working_set::Claim;
use crate::{BookingId, Refusal};

impl TestWorld {
    fn extend_command(&mut self, booking: BookingId, hold_seconds: Option<i64>) -> ExtendHold {
        ExtendHold { claim: self.claim(), booking, hold_seconds }
    }

    fn extend(&mut self, booking: BookingId, hold_seconds: Option<i64>) -> Booking {
        let command = self.extend_command(booking, hold_seconds);
        let Reply::BookingChanged(reply) = self.run(&command).reply() else { panic!("a hold was extended") };
        assert_eq!(self.get::<Booking>(booking), reply.booking);
        reply.booking
    }

    fn after(&self, seconds: i64) -> Timestamp {
        self.now.plus(Span::seconds(seconds))
    }

    fn messages_of_extensions(&self) -> usize {
        self.all::<Message>().iter().filter(|message| message.kind == "booking.extended").count()
    }
}

#[test]
fn an_extended_hold_ends_that_much_later() {
    let mut world = TestWorld::new(4);
    let booking = world.reserve(2);
    world.wait(Span::seconds(HOLD_SECONDS - 1));
    let extended = world.extend(booking, None);
    let until = world.after(HOLD_SECONDS);
    assert_eq!((extended.hold_expires_at, extended.sweep_at), (until, until));
    let actions: Vec<_> = world.all::<Audit>().into_iter().map(|row| row.action).collect();
    assert!(actions.contains(&"hold_extended".into()), "{actions:?}");
    assert_eq!(world.messages_of_extensions(), 1);

    world.wait(Span::seconds(HOLD_SECONDS - 1));
    assert_eq!(world.expire(), 0, "its seats are kept");
    world.wait(Span::seconds(1));
    assert_eq!(world.expire(), 1);
    assert_eq!(world.get::<Slot>(world.slot).vacancies(), 4);
}

#[test]
fn an_extension_is_made_once() {
    let mut world = TestWorld::new(4);
    let booking = world.reserve(2);
    world.wait(Span::seconds(10));
    let command = world.extend_command(booking, None);
    world.run(&command).reply();
    let until = world.get::<Booking>(booking).hold_expires_at;
    world.wait(Span::seconds(10));
    assert!(matches!(world.run(&command), CommandResult::Replay { .. }));
    assert_eq!(world.get::<Booking>(booking).hold_expires_at, until);
    assert_eq!(world.messages_of_extensions(), 1);
}

#[test]
fn an_extension_never_shortens_a_hold() {
    let mut world = TestWorld::new(4);
    let booking = world.reserve(2);
    let until = world.get::<Booking>(booking).hold_expires_at;
    for seconds in [1, HOLD_SECONDS] {
        assert_eq!(world.extend(booking, Some(seconds)).hold_expires_at, until);
    }
    assert_eq!(world.messages_of_extensions(), 0, "nothing has changed");
}

#[test]
fn a_hold_is_not_extended_beyond_its_last_end() {
    let check = |starts_in: i64, longest: i64| {
        let mut world = TestWorld::new(4);
        let starts_at = world.after(starts_in);
        world.set_slot(|slot| slot.starts_at = starts_at);
        let booking = world.reserve(2);
        let latest = world.after(longest);
        assert_eq!(world.extend(booking, Some(HOLD_SECONDS_MAX)).hold_expires_at, latest);
        let again = world.extend_command(booking, None);
        assert_eq!(world.refused(&again), Refusal::HoldIsAtItsLimit { latest });
        world.wait(Span::seconds(longest));
        assert_eq!(world.expire(), 1);
    };
    check(HOLD_SECONDS + 60, HOLD_SECONDS + 60);
    check(HOLD_SECONDS_MAX + 60, HOLD_SECONDS_MAX);

    let mut world = TestWorld::new(4);
    let booking = world.reserve(2);
    world.set_settings(|settings| settings.hold_seconds_max = 60);
    let long = world.extend_command(booking, Some(61));
    assert_eq!(world.refused(&long), Refusal::HoldIsTooLong { seconds_max: 60 });
}

/// Also before a sweep has met it: its seats were promised to whoever comes next.
#[test]
fn a_lapsed_hold_does_not_come_back() {
    for swept in [false, true] {
        let mut world = TestWorld::new(2);
        let booking = world.reserve(2);
        world.wait(Span::seconds(HOLD_SECONDS));
        assert!(!swept || world.expire() == 1);
        let late = world.extend_command(booking, None);
        assert_eq!(world.refused(&late), Refusal::HoldHasExpired);
        let pay = world.pay_command(booking);
        assert_eq!(world.refused(&pay), Refusal::HoldHasExpired, "as it cannot be paid");
        assert_eq!(world.expire(), usize::from(!swept));
        world.reserve(2);
    }
}

#[test]
fn only_a_hold_is_extended() {
    let mut world = TestWorld::new(9);
    let (confirmed, _) = world.paid();
    let command = world.extend_command(confirmed, None);
    assert_eq!(world.refused(&command), Refusal::BookingIsNotHeld { state: "confirmed" });
    let held = world.reserve(1);
    let foreign = Claim { tenant: STRANGER, ..claim("foreign") };
    for booking in [held, confirmed] {
        let command = ExtendHold { claim: foreign.clone(), booking, hold_seconds: None };
        assert_eq!(world.refused(&command), Refusal::BookingNotFound);
    }
    let command = world.extend_command(BookingId(Uuid::nil()), None);
    assert_eq!(world.refused(&command), Refusal::BookingNotFound);
    let cancel = world.cancel_command(held);
    world.run(&cancel).reply();
    let command = world.extend_command(held, None);
    assert_eq!(world.refused(&command), Refusal::BookingIsNotHeld { state: "cancelled" });
}

/// The sweep comes at the new end, and the grace is counted from it.
#[test]
fn a_hold_is_extended_while_its_payment_is_under_way() {
    let mut world = TestWorld::new(9);
    let (booking, payment) = world.sent(Capture::Automatic);
    world.answer(payment, ProviderStatus::Processing);
    world.wait(Span::seconds(HOLD_SECONDS - 1));
    let until = world.after(HOLD_SECONDS);
    world.extend(booking, None);
    world.wait(Span::seconds(1));
    assert!(world.lapsed().is_empty());
    assert!(!world.get::<Payment>(payment).void_requested, "its payment is not called off");
    world.wait(Span::seconds(HOLD_SECONDS));
    assert_eq!((world.expire(), world.get::<Payment>(payment).void_requested), (0, true));
    let grace_ends = until.plus(Span::seconds(HOLD_GRACE_SECONDS));
    assert_eq!(world.get::<Booking>(booking).sweep_at, grace_ends);
    // In its grace it keeps its seats for the payment alone.
    let late = world.extend_command(booking, None);
    assert_eq!(world.refused(&late), Refusal::HoldHasExpired);
    world.webhook(payment, CAPTURED);
    assert_eq!(world.booking_is(booking), booking::State::Confirmed);
}

/// A sweep that has found the hold lapsed decides again under the lock.
#[test]
fn a_sweep_that_comes_after_the_extension_passes_over() {
    let mut world = TestWorld::new(9);
    let command = Reserve { hold_seconds: Some(5), ..world.reserve_command(2) };
    let Reply::Booking(reply) = world.run(&command).reply() else { panic!("a booking was made") };
    let booking = reply.booking.id;
    world.wait(Span::seconds(4));
    world.extend(booking, Some(60));
    world.wait(Span::seconds(1));
    let stale = crate::commands::LapsedHold { booking, open_payment: None };
    let sweep = crate::commands::ExpireHolds { holds: std::vec![stale] };
    assert!(matches!(world.run(&sweep).reply(), Reply::Swept(0)));
    assert_eq!(world.booking_is(booking), booking::State::Held);
}
