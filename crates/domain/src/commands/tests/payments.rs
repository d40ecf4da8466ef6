//! Starting payments, captures and voids.

use std::vec::Vec;
use uuid::Uuid;

use super::shop::{PRICE, STRANGER, Shop, TENANT, claim, eur, object, provision};
use super::teller::failure;
use super::world::CommandResult;
use crate::commands::{CancelHold, PaymentTarget, StartCapture, StartPayment, StartRefund};
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
    let check = |arrange: fn(&mut Shop, BookingId, &mut StartPayment), expected: Refusal| {
        let mut shop = Shop::new(4);
        let booking = shop.reserve(2);
        let mut command = shop.pay_command(booking);
        arrange(&mut shop, booking, &mut command);
        assert_eq!(shop.refused(&command), expected);
    };
    let of = |minor| PaymentTarget::Amount { amount: eur(minor), reference: None };
    check(|_, _, command| command.target = booking_target(BookingId(Uuid::nil())), Refusal::BookingNotFound);
    check(|_, _, command| command.account = AccountId(Uuid::nil()), Refusal::AccountNotFound);
    check(|_, _, command| command.claim = foreign(), Refusal::AccountNotFound);
    check(
        |shop, _, command| {
            shop.run(&provision(STRANGER, AccountId::of("stripe", "theirs"))).reply();
            command.claim = foreign();
            command.account = AccountId::of("stripe", "theirs");
        },
        Refusal::BookingNotFound,
    );
    check(|shop, _, _| shop.wait(Span::seconds(HOLD_SECONDS)), Refusal::HoldHasExpired);
    check(
        |shop, _, _| {
            shop.wait(Span::seconds(HOLD_SECONDS));
            shop.expire();
        },
        Refusal::HoldHasExpired,
    );
    check(
        |shop, booking, _| {
            let cancel = CancelHold { claim: shop.claim(), booking };
            shop.run(&cancel).reply();
        },
        Refusal::BookingIsNotHeld { state: "cancelled" },
    );
    check(
        |shop, booking, _| {
            let row: Booking = shop.get(booking);
            shop.set(&Booking { payments: PAYMENTS_PER_BOOKING_MAX, ..row });
        },
        Refusal::TooManyPayments { limit: PAYMENTS_PER_BOOKING_MAX },
    );
    for (minor, refusal) in [
        (AMOUNT_MINOR_MAX + 1, Refusal::AmountIsTooLarge),
        (0, Refusal::NothingIsDue),
        (-1, Refusal::NothingIsDue),
    ] {
        let mut shop = Shop::new(4);
        let command = StartPayment { target: of(minor), ..shop.pay_command(BookingId(Uuid::nil())) };
        assert_eq!(shop.refused(&command), refusal);
    }
}

#[test]
fn a_second_payment_waits_for_the_end_of_the_first() {
    let mut shop = Shop::new(4);
    let (booking, first) = shop.sent(Capture::Automatic);
    let open = Refusal::PaymentAlreadyOpen { payment: first.0 };
    let second = shop.pay_command(booking);
    assert_eq!(shop.refused(&second), open);
    shop.answer(first, CAPTURED);
    assert_eq!(shop.refused(&second), open, "an answer is no evidence");
    shop.webhook(first, CAPTURED);
    assert_eq!(shop.refused(&second), Refusal::NothingIsDue);
}

#[test]
fn the_same_key_pays_once() {
    let mut shop = Shop::new(4);
    let booking = shop.reserve(2);
    let command = shop.pay_command(booking);
    let payment = shop.start(&command);
    assert!(matches!(shop.run(&command), CommandResult::InFlight));
    assert!(shop.mark_sent(payment));
    shop.answer(payment, CAPTURED);
    for _ in 0..3 {
        let CommandResult::Replay { status, body } = shop.run(&command) else { panic!("a replay") };
        assert_eq!((status, body.as_str()), (200, "payment Captured"));
    }
    assert_eq!(shop.all::<Payment>().len(), 1);
}

#[test]
fn without_a_lease_the_job_waits_for_a_worker() {
    let mut shop = Shop::new(4);
    let booking = shop.reserve(2);
    let command = StartPayment { lease: None, ..shop.pay_command(booking) };
    let payment = shop.start(&command);
    assert!(shop.mark_sent(payment), "a worker claims it at once");
    assert_eq!(shop.payment_is(payment), payment::State::Pending);
}

#[test]
fn a_payment_without_a_booking_is_sold() {
    let mut shop = Shop::new(4);
    let target = PaymentTarget::Amount { amount: eur(700), reference: Some("invoice".into()) };
    let command = StartPayment { target, ..shop.pay_command(BookingId(Uuid::nil())) };
    let payment = shop.start(&command);
    assert!(shop.mark_sent(payment));
    shop.answer(payment, ProviderStatus::Captured { amount_minor: 700 });
    shop.webhook(payment, ProviderStatus::Captured { amount_minor: 700 });
    assert_eq!(shop.close_the_books()["sales"], -700);
}

#[test]
fn a_capture_is_refused_by_name() {
    let check = |arrange: fn(&mut Shop, PaymentId, &mut StartCapture),
                 expected: fn(&Shop, PaymentId) -> Refusal| {
        let mut shop = Shop::new(4);
        let (_, payment) = shop.sent(Capture::Manual);
        shop.answer(payment, AUTHORIZED);
        let mut command = shop.capture_command(payment, None);
        arrange(&mut shop, payment, &mut command);
        assert_eq!(shop.refused(&command), expected(&shop, payment));
    };
    let exceeds: fn(&Shop, PaymentId) -> Refusal =
        |_, _| Refusal::CaptureExceedsAuthorization { authorized: eur(2 * PRICE) };
    let busy: fn(&Shop, PaymentId) -> Refusal = |shop, payment| {
        let active = shop.get::<Payment>(payment).active.unwrap();
        Refusal::PaymentHasOperationInProgress { attempt: active.0 }
    };
    check(|_, _, command| command.payment = PaymentId(Uuid::nil()), |_, _| Refusal::PaymentNotFound);
    check(|_, _, command| command.claim = foreign(), |_, _| Refusal::PaymentNotFound);
    check(|_, _, command| command.amount = Some(eur(2 * PRICE + 1)), exceeds);
    check(|_, _, command| command.amount = Some(eur(0)), exceeds);
    check(|_, _, command| command.amount = Some(eur(-1)), exceeds);
    check(|_, _, command| command.amount = Some(Money::new(1, Currency::USD)), exceeds);
    check(|shop, payment, _| _ = shop.start_capture(payment, None), busy);
    check(|shop, payment, _| _ = shop.start_void(payment), busy);
    check(
        |shop, payment, _| shop.webhook(payment, CAPTURED),
        |_, _| Refusal::PaymentIsNotAuthorized { state: "captured" },
    );
}

#[test]
fn a_void_is_refused_by_name() {
    let mut shop = Shop::new(9);
    let (_, payment) = shop.sent(Capture::Manual);
    shop.answer(payment, AUTHORIZED);
    let capture = shop.start_capture(payment, None);
    let mut command = shop.void_command(payment);
    assert_eq!(shop.refused(&command), Refusal::PaymentHasOperationInProgress { attempt: capture.0 });
    shop.webhook(payment, CAPTURED);
    shop.send(capture, payment);
    let settle = shop.settle_command(capture, payment, CAPTURED, Source::Answer);
    shop.run(&settle).reply();
    assert_eq!(shop.refused(&command), Refusal::PaymentIsFinal { state: "captured" });
    command.claim = foreign();
    assert_eq!(shop.refused(&command), Refusal::PaymentNotFound);
}

#[test]
fn a_capture_takes_all_or_less() {
    for amount in [None, Some(500)] {
        let mut shop = Shop::new(9);
        let (booking, payment) = shop.sent(Capture::Manual);
        shop.answer(payment, AUTHORIZED);
        shop.webhook(payment, AUTHORIZED);
        assert_eq!(shop.booking_is(booking), booking::State::Confirmed, "reserved money secures");
        let capture = shop.start_capture(payment, amount);
        shop.send(capture, payment);
        let amount_minor = amount.unwrap_or(2 * PRICE);
        let settle =
            shop.settle_command(capture, payment, ProviderStatus::Captured { amount_minor }, Source::Answer);
        shop.run(&settle).reply();
        assert_eq!(shop.stored(capture), "payment changed Captured, under way: false");
        assert_eq!(shop.get::<Booking>(booking).paid_minor, 0, "an answer is no evidence");
        shop.webhook(payment, ProviderStatus::Captured { amount_minor });
        let row: Booking = shop.get(booking);
        assert_eq!((row.paid_minor, row.authorized_minor, row.open_payment), (amount_minor, 0, None));
        shop.webhook(payment, ProviderStatus::Captured { amount_minor });
        assert_eq!(shop.get::<Booking>(booking).paid_minor, amount_minor, "counted once");
        assert_eq!(shop.close_the_books()["provider"], amount_minor);
    }
}

/// The authorisation was heard as an answer only; the evidence comes with the capture.
#[test]
fn less_than_was_reserved_still_confirms() {
    let mut shop = Shop::new(9);
    let (booking, payment) = shop.sent(Capture::Manual);
    shop.answer(payment, AUTHORIZED);
    assert_eq!(shop.booking_is(booking), booking::State::Held);
    shop.webhook(payment, ProviderStatus::Captured { amount_minor: 1 });
    assert_eq!(shop.booking_is(booking), booking::State::Confirmed);
}

#[test]
fn a_capture_that_is_turned_down_leaves_the_payment_reserved() {
    let mut shop = Shop::new(9);
    let (_, payment) = shop.sent(Capture::Manual);
    shop.answer(payment, AUTHORIZED);
    let capture = shop.start_capture(payment, None);
    shop.send(capture, payment);
    let mut settle = shop.settle_command(capture, payment, AUTHORIZED, Source::Fetched);
    settle.refused = Some(failure("amount_too_small", false));
    shop.run(&settle).reply();
    assert_eq!(shop.stored(capture), "capture_failed");
    let row: Payment = shop.get(payment);
    assert!(row.state.is(payment::State::Authorized) && row.active.is_none());
    shop.start_capture(payment, None);
}

#[test]
fn a_void_that_is_turned_down_leaves_the_payment_reserved() {
    let mut shop = Shop::new(9);
    let (_, payment) = shop.sent(Capture::Manual);
    shop.answer(payment, AUTHORIZED);
    let void = shop.start_void(payment);
    shop.send(void, payment);
    let mut settle = shop.settle_command(void, payment, AUTHORIZED, Source::Fetched);
    settle.refused = Some(failure("not_now", false));
    shop.run(&settle).reply();
    assert_eq!(shop.stored(void), "cancel_failed");
    assert!(shop.reviews().is_empty(), "whoever asked was told");
    shop.start_capture(payment, None);
}

#[test]
fn a_void_ends_what_was_not_captured() {
    let mut shop = Shop::new(9);
    let (booking, payment) = shop.sent(Capture::Manual);
    shop.answer(payment, AUTHORIZED);
    let void = shop.start_void(payment);
    shop.send(void, payment);
    let settle = shop.settle_command(void, payment, ProviderStatus::Cancelled, Source::Answer);
    shop.run(&settle).reply();
    assert_eq!(shop.payment_is(payment), payment::State::Cancelled);
    assert_eq!(shop.stored(void), "payment changed Cancelled, under way: false");
    assert_eq!(shop.get::<Booking>(booking).open_payment, None, "free for another payment");
    shop.pay(booking);
    shop.webhook(payment, ProviderStatus::Cancelled);
    assert!(shop.reviews().is_empty());
    shop.close_the_books();
}

#[test]
fn a_void_that_comes_after_the_capture_fails() {
    let mut shop = Shop::new(9);
    let (_, payment) = shop.sent(Capture::Manual);
    shop.answer(payment, AUTHORIZED);
    let void = shop.start_void(payment);
    shop.send(void, payment);
    let mut settle = shop.settle_command(void, payment, CAPTURED, Source::Answer);
    settle.refused = Some(failure("payment_intent_unexpected_state", false));
    shop.run(&settle).reply();
    assert_eq!(shop.stored(void), "cancel_failed");
    assert_eq!(shop.payment_is(payment), payment::State::Captured);
}

/// Called off before it was sent: the charge is never sent, and both keys are answered.
#[test]
fn what_was_called_off_is_not_sent() {
    let mut shop = Shop::new(9);
    let booking = shop.reserve(2);
    let payment = shop.pay(booking);
    let void = shop.start_void(payment);
    assert!(!shop.mark_sent(payment));
    assert_eq!(shop.payment_is(payment), payment::State::Created);
    assert_eq!(shop.get::<Payment>(payment).provider_ref, Some(object(payment)));
    shop.answer(payment, ProviderStatus::Cancelled);
    assert_eq!(shop.payment_is(payment), payment::State::Cancelled);
    assert_eq!(shop.stored(payment), "payment_was_cancelled");
    shop.send(void, payment);
    let settle = shop.settle_command(void, payment, ProviderStatus::Cancelled, Source::Fetched);
    shop.run(&settle).reply();
    assert_eq!(shop.stored(void), "payment changed Cancelled, under way: false");
    shop.pay(booking);
}

/// Declined, then cancelled at the provider so that it cannot succeed later: only then it failed.
#[test]
fn a_decline_ends_with_the_cancel() {
    let mut shop = Shop::new(9);
    let (booking, payment) = shop.sent(Capture::Automatic);
    let failure = failure("card_declined", true);
    shop.webhook(payment, ProviderStatus::Declined(failure.clone()));
    assert_eq!(shop.payment_is(payment), payment::State::Pending);
    shop.answer(payment, ProviderStatus::Cancelled);
    assert_eq!(shop.payment_is(payment), payment::State::Failed);
    assert_eq!(shop.stored(payment), "payment_declined");
    let attempt: Attempt = shop.get(payment.0);
    assert_eq!(attempt.failure.unwrap().0, failure);
    let second = shop.pay(booking);
    assert_ne!(second, payment);
    assert!(shop.mark_sent(second));
    shop.webhook(second, CAPTURED);
    assert_eq!(shop.booking_is(booking), booking::State::Confirmed);
    let failed: Vec<_> = shop.all::<Payment>().into_iter().filter(|row| row.failure.is_some()).collect();
    assert_eq!(failed.len(), 1);
}

#[test]
fn a_refund_is_refused_by_name() {
    let check = |arrange: fn(&mut StartRefund, PaymentId), expected: Refusal| {
        let mut shop = Shop::new(4);
        let (_, payment) = shop.sent(Capture::Automatic);
        shop.webhook(payment, CAPTURED);
        let mut command = shop.refund_command(payment, None);
        arrange(&mut command, payment);
        assert_eq!(shop.refused(&command), expected);
    };
    let exceeds = Refusal::RefundExceedsCapture { refundable: eur(2 * PRICE) };
    check(|command, _| command.payment = PaymentId(Uuid::nil()), Refusal::PaymentNotFound);
    check(|command, _| command.claim = foreign(), Refusal::PaymentNotFound);
    check(|command, _| command.amount = Some(eur(2 * PRICE + 1)), exceeds.clone());
    check(|command, _| command.amount = Some(eur(0)), exceeds.clone());
    check(|command, _| command.amount = Some(eur(-1)), exceeds.clone());
    check(|command, _| command.amount = Some(Money::new(1, Currency::USD)), exceeds);

    let mut shop = Shop::new(4);
    let (_, payment) = shop.sent(Capture::Automatic);
    let command = shop.refund_command(payment, None);
    assert_eq!(shop.refused(&command), Refusal::PaymentIsNotCaptured { state: "pending" });
    assert_eq!(shop.get::<Payment>(payment).tenant, TENANT);
}
