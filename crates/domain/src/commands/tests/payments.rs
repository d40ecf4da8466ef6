//! Starting payments, captures and voids.

use std::vec::Vec;
use uuid::Uuid;

use super::provider_model::failure;
use super::test_store::CommandResult;
use super::test_world::{PRICE, STRANGER, TENANT, TestWorld, claim, eur, object, provision};
use crate::commands::{PaymentTarget, StartCapture, StartPayment, StartRefund};
use crate::lifecycle::{booking, payment};
use crate::limits::{AMOUNT_MINOR_MAX, HOLD_SECONDS, PAYMENTS_PER_BOOKING_MAX};
use crate::provider::{ProviderStatus, Source};
use crate::rows::{Attempt, Booking, Capture, Payment};
use crate::time::Span;
use crate::working_set::Claim;
use crate::{AccountId, BookingId, Currency, Money, PaymentId, Refusal};

pub const CAPTURED: ProviderStatus = ProviderStatus::Captured { amount_minor: 2 * PRICE };
pub const AUTHORIZED: ProviderStatus = ProviderStatus::Authorized { amount_minor: 2 * PRICE };

fn booking_target(booking: BookingId) -> PaymentTarget {
    PaymentTarget::Booking { booking, amount: None }
}

fn foreign() -> Claim {
    Claim { tenant: STRANGER, ..claim("foreign") }
}

#[test]
fn a_payment_is_refused_by_name() {
    let check = |arrange: fn(&mut TestWorld, BookingId, &mut StartPayment), expected: Refusal| {
        let mut world = TestWorld::new(4);
        let booking = world.reserve(2);
        let mut command = world.pay_command(booking);
        arrange(&mut world, booking, &mut command);
        assert_eq!(world.refused(&command), expected);
    };
    let of = |minor| PaymentTarget::Amount { amount: eur(minor), reference: None };
    check(|_, _, command| command.target = booking_target(BookingId(Uuid::nil())), Refusal::BookingNotFound);
    check(|_, _, command| command.account = AccountId(Uuid::nil()), Refusal::AccountNotFound);
    check(|_, _, command| command.claim = foreign(), Refusal::AccountNotFound);
    check(
        |world, _, command| {
            world.run(&provision(STRANGER, AccountId::of("stripe", "theirs"))).reply();
            command.claim = foreign();
            command.account = AccountId::of("stripe", "theirs");
        },
        Refusal::BookingNotFound,
    );
    check(|world, _, _| world.wait(Span::seconds(HOLD_SECONDS)), Refusal::HoldHasExpired);
    check(
        |world, _, _| {
            world.wait(Span::seconds(HOLD_SECONDS));
            world.expire();
        },
        Refusal::HoldHasExpired,
    );
    check(
        |world, booking, _| {
            let cancel = world.cancel_command(booking);
            world.run(&cancel).reply();
        },
        Refusal::BookingIsNotHeld { state: "cancelled" },
    );
    check(
        |world, booking, _| {
            let row: Booking = world.get(booking);
            world.set(&Booking { payments: PAYMENTS_PER_BOOKING_MAX, ..row });
        },
        Refusal::TooManyPayments { limit: PAYMENTS_PER_BOOKING_MAX },
    );
    for (minor, refusal) in [
        (AMOUNT_MINOR_MAX + 1, Refusal::AmountIsTooLarge),
        (0, Refusal::NothingIsDue),
        (-1, Refusal::NothingIsDue),
    ] {
        let mut world = TestWorld::new(4);
        let command = StartPayment { target: of(minor), ..world.pay_command(BookingId(Uuid::nil())) };
        assert_eq!(world.refused(&command), refusal);
    }
}

#[test]
fn a_second_payment_waits_for_the_end_of_the_first() {
    let mut world = TestWorld::new(4);
    let (booking, first) = world.sent(Capture::Automatic);
    let open = Refusal::PaymentAlreadyOpen { payment: first.0 };
    let second = world.pay_command(booking);
    assert_eq!(world.refused(&second), open);
    world.answer(first, CAPTURED);
    assert_eq!(world.refused(&second), open, "an answer is no evidence");
    world.webhook(first, CAPTURED);
    assert_eq!(world.refused(&second), Refusal::NothingIsDue);
}

#[test]
fn the_same_key_pays_once() {
    let mut world = TestWorld::new(4);
    let booking = world.reserve(2);
    let command = world.pay_command(booking);
    let payment = world.start(&command);
    assert!(matches!(world.run(&command), CommandResult::InFlight));
    assert!(world.mark_sent(payment));
    world.answer(payment, CAPTURED);
    for _ in 0..3 {
        let CommandResult::Replay { status, body } = world.run(&command) else { panic!("a replay") };
        assert_eq!((status, body.as_str()), (200, "payment Captured"));
    }
    assert_eq!(world.all::<Payment>().len(), 1);
}

#[test]
fn without_a_lease_the_job_waits_for_a_worker() {
    let mut world = TestWorld::new(4);
    let booking = world.reserve(2);
    let command = StartPayment { lease: None, ..world.pay_command(booking) };
    let payment = world.start(&command);
    assert!(world.mark_sent(payment), "a worker claims it at once");
    assert_eq!(world.payment_is(payment), payment::State::Pending);
}

#[test]
fn a_payment_without_a_booking_is_sold() {
    let mut world = TestWorld::new(4);
    let target = PaymentTarget::Amount { amount: eur(700), reference: Some("invoice".into()) };
    let command = StartPayment { target, ..world.pay_command(BookingId(Uuid::nil())) };
    let payment = world.start(&command);
    assert!(world.mark_sent(payment));
    world.answer(payment, ProviderStatus::Captured { amount_minor: 700 });
    world.webhook(payment, ProviderStatus::Captured { amount_minor: 700 });
    assert_eq!(world.close_the_books()["sales"], -700);
}

#[test]
fn a_capture_is_refused_by_name() {
    let check = |arrange: fn(&mut TestWorld, PaymentId, &mut StartCapture),
                 expected: fn(&TestWorld, PaymentId) -> Refusal| {
        let mut world = TestWorld::new(4);
        let (_, payment) = world.sent(Capture::Manual);
        world.answer(payment, AUTHORIZED);
        let mut command = world.capture_command(payment, None);
        arrange(&mut world, payment, &mut command);
        assert_eq!(world.refused(&command), expected(&world, payment));
    };
    let exceeds: fn(&TestWorld, PaymentId) -> Refusal =
        |_, _| Refusal::CaptureExceedsAuthorization { authorized: eur(2 * PRICE) };
    let busy: fn(&TestWorld, PaymentId) -> Refusal = |world, payment| {
        let active = world.get::<Payment>(payment).active.unwrap();
        Refusal::PaymentHasOperationInProgress { attempt: active.0 }
    };
    check(|_, _, command| command.payment = PaymentId(Uuid::nil()), |_, _| Refusal::PaymentNotFound);
    check(|_, _, command| command.claim = foreign(), |_, _| Refusal::PaymentNotFound);
    check(|_, _, command| command.amount = Some(eur(2 * PRICE + 1)), exceeds);
    check(|_, _, command| command.amount = Some(eur(0)), exceeds);
    check(|_, _, command| command.amount = Some(eur(-1)), exceeds);
    check(|_, _, command| command.amount = Some(Money::new(1, Currency::USD)), exceeds);
    check(|world, payment, _| _ = world.start_capture(payment, None), busy);
    check(|world, payment, _| _ = world.start_void(payment), busy);
    check(
        |world, payment, _| world.webhook(payment, CAPTURED),
        |_, _| Refusal::PaymentIsNotAuthorized { state: "captured" },
    );
}

#[test]
fn a_void_is_refused_by_name() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.sent(Capture::Manual);
    world.answer(payment, AUTHORIZED);
    let capture = world.start_capture(payment, None);
    let mut command = world.void_command(payment);
    assert_eq!(world.refused(&command), Refusal::PaymentHasOperationInProgress { attempt: capture.0 });
    world.webhook(payment, CAPTURED);
    world.send(capture, payment);
    let settle = world.settle_command(capture, payment, CAPTURED, Source::Answer);
    world.run(&settle).reply();
    assert_eq!(world.refused(&command), Refusal::PaymentIsFinal { state: "captured" });
    command.claim = foreign();
    assert_eq!(world.refused(&command), Refusal::PaymentNotFound);
}

#[test]
fn a_capture_takes_all_or_less() {
    for amount in [None, Some(500)] {
        let mut world = TestWorld::new(9);
        let (booking, payment) = world.sent(Capture::Manual);
        world.answer(payment, AUTHORIZED);
        world.webhook(payment, AUTHORIZED);
        assert_eq!(world.booking_is(booking), booking::State::Confirmed, "reserved money secures");
        let capture = world.start_capture(payment, amount);
        world.send(capture, payment);
        let amount_minor = amount.unwrap_or(2 * PRICE);
        let settle =
            world.settle_command(capture, payment, ProviderStatus::Captured { amount_minor }, Source::Answer);
        world.run(&settle).reply();
        assert_eq!(world.stored(capture), "payment changed Captured, under way: false");
        assert_eq!(world.get::<Booking>(booking).paid_minor, 0, "an answer is no evidence");
        world.webhook(payment, ProviderStatus::Captured { amount_minor });
        let row: Booking = world.get(booking);
        assert_eq!((row.paid_minor, row.authorized_minor, row.open_payment), (amount_minor, 0, None));
        world.webhook(payment, ProviderStatus::Captured { amount_minor });
        assert_eq!(world.get::<Booking>(booking).paid_minor, amount_minor, "counted once");
        assert_eq!(world.close_the_books()["provider"], amount_minor);
    }
}

/// The authorisation was only in a reply, and the evidence comes with the capture.
#[test]
fn less_than_was_reserved_still_confirms() {
    let mut world = TestWorld::new(9);
    let (booking, payment) = world.sent(Capture::Manual);
    world.answer(payment, AUTHORIZED);
    assert_eq!(world.booking_is(booking), booking::State::Held);
    world.webhook(payment, ProviderStatus::Captured { amount_minor: 1 });
    assert_eq!(world.booking_is(booking), booking::State::Confirmed);
}

#[test]
fn a_capture_that_is_turned_down_leaves_the_payment_reserved() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.sent(Capture::Manual);
    world.answer(payment, AUTHORIZED);
    let capture = world.start_capture(payment, None);
    world.send(capture, payment);
    let mut settle = world.settle_command(capture, payment, AUTHORIZED, Source::Fetched);
    settle.refused = Some(failure("amount_too_small", false));
    world.run(&settle).reply();
    assert_eq!(world.stored(capture), "capture_failed");
    let row: Payment = world.get(payment);
    assert!(row.state.is(payment::State::Authorized) && row.active.is_none());
    world.start_capture(payment, None);
}

#[test]
fn a_void_that_is_turned_down_leaves_the_payment_reserved() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.sent(Capture::Manual);
    world.answer(payment, AUTHORIZED);
    let void = world.start_void(payment);
    world.send(void, payment);
    let mut settle = world.settle_command(void, payment, AUTHORIZED, Source::Fetched);
    settle.refused = Some(failure("not_now", false));
    world.run(&settle).reply();
    assert_eq!(world.stored(void), "cancel_failed");
    assert!(world.reviews().is_empty(), "the client got the refusal");
    world.start_capture(payment, None);
}

#[test]
fn a_void_ends_what_was_not_captured() {
    let mut world = TestWorld::new(9);
    let (booking, payment) = world.sent(Capture::Manual);
    world.answer(payment, AUTHORIZED);
    let void = world.start_void(payment);
    world.send(void, payment);
    let settle = world.settle_command(void, payment, ProviderStatus::Cancelled, Source::Answer);
    world.run(&settle).reply();
    assert_eq!(world.payment_is(payment), payment::State::Cancelled);
    assert_eq!(world.stored(void), "payment changed Cancelled, under way: false");
    assert_eq!(world.get::<Booking>(booking).open_payment, None, "free for another payment");
    world.pay(booking);
    world.webhook(payment, ProviderStatus::Cancelled);
    assert!(world.reviews().is_empty());
    world.close_the_books();
}

#[test]
fn a_void_that_comes_after_the_capture_fails() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.sent(Capture::Manual);
    world.answer(payment, AUTHORIZED);
    let void = world.start_void(payment);
    world.send(void, payment);
    let mut settle = world.settle_command(void, payment, CAPTURED, Source::Answer);
    settle.refused = Some(failure("payment_intent_unexpected_state", false));
    world.run(&settle).reply();
    assert_eq!(world.stored(void), "cancel_failed");
    assert_eq!(world.payment_is(payment), payment::State::Captured);
}

/// Voided before it was sent: the charge is never sent, and both keys are answered.
#[test]
fn what_was_called_off_is_not_sent() {
    let mut world = TestWorld::new(9);
    let booking = world.reserve(2);
    let payment = world.pay(booking);
    let void = world.start_void(payment);
    assert!(!world.mark_sent(payment));
    assert_eq!(world.payment_is(payment), payment::State::Created);
    assert_eq!(world.get::<Payment>(payment).provider_ref, Some(object(payment)));
    world.answer(payment, ProviderStatus::Cancelled);
    assert_eq!(world.payment_is(payment), payment::State::Cancelled);
    assert_eq!(world.stored(payment), "payment_was_cancelled");
    world.send(void, payment);
    let settle = world.settle_command(void, payment, ProviderStatus::Cancelled, Source::Fetched);
    world.run(&settle).reply();
    assert_eq!(world.stored(void), "payment changed Cancelled, under way: false");
    world.pay(booking);
}

/// The payment fails only after the declined object was cancelled, because until then it could still succeed.
#[test]
fn a_decline_ends_with_the_cancel() {
    let mut world = TestWorld::new(9);
    let (booking, payment) = world.sent(Capture::Automatic);
    let failure = failure("card_declined", true);
    world.webhook(payment, ProviderStatus::Declined(failure.clone()));
    assert_eq!(world.payment_is(payment), payment::State::Pending);
    world.answer(payment, ProviderStatus::Cancelled);
    assert_eq!(world.payment_is(payment), payment::State::Failed);
    assert_eq!(world.stored(payment), "payment_declined");
    let attempt: Attempt = world.get(payment.0);
    assert_eq!(attempt.failure.unwrap().0, failure);
    let second = world.pay(booking);
    assert_ne!(second, payment);
    assert!(world.mark_sent(second));
    world.webhook(second, CAPTURED);
    assert_eq!(world.booking_is(booking), booking::State::Confirmed);
    let failed: Vec<_> = world.all::<Payment>().into_iter().filter(|row| row.failure.is_some()).collect();
    assert_eq!(failed.len(), 1);
}

#[test]
fn a_refund_is_refused_by_name() {
    let check = |arrange: fn(&mut StartRefund, PaymentId), expected: Refusal| {
        let mut world = TestWorld::new(4);
        let (_, payment) = world.paid();
        let mut command = world.refund_command(payment, None);
        arrange(&mut command, payment);
        assert_eq!(world.refused(&command), expected);
    };
    let exceeds = Refusal::RefundExceedsCapture { refundable: eur(2 * PRICE) };
    check(|command, _| command.payment = PaymentId(Uuid::nil()), Refusal::PaymentNotFound);
    check(|command, _| command.claim = foreign(), Refusal::PaymentNotFound);
    check(|command, _| command.amount = Some(eur(2 * PRICE + 1)), exceeds.clone());
    check(|command, _| command.amount = Some(eur(0)), exceeds.clone());
    check(|command, _| command.amount = Some(eur(-1)), exceeds.clone());
    check(|command, _| command.amount = Some(Money::new(1, Currency::USD)), exceeds);

    let mut world = TestWorld::new(4);
    let (_, payment) = world.sent(Capture::Automatic);
    let command = world.refund_command(payment, None);
    assert_eq!(world.refused(&command), Refusal::PaymentIsNotCaptured { state: "pending" });
    assert_eq!(world.get::<Payment>(payment).tenant, TENANT);
}
