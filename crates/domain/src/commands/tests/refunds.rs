//! Refunds: parts, two at once, failures, and reversals.

use super::payments::{AUTHORIZED, CAPTURED};
use super::shop::{PRICE, Shop, eur};
use super::teller::failure;
use crate::commands::{RefundOutcome, StartCapture, StartRefund, StartVoid};
use crate::lifecycle::{job, refund};
use crate::limits::REFUNDS_PER_PAYMENT_MAX;
use crate::provider::RefundStatus;
use crate::rows::{Booking, Capture, Job, Mode, Payment, Refund};
use crate::{BookingId, PaymentId, RefundId, Refusal};

fn paid(shop: &mut Shop) -> (BookingId, PaymentId) {
    let (booking, payment) = shop.sent(Capture::Automatic);
    shop.webhook(payment, CAPTURED);
    (booking, payment)
}

fn failed() -> RefundStatus {
    RefundStatus::Failed(failure("account_closed", false))
}

fn sums(shop: &Shop, payment: PaymentId) -> (i64, i64) {
    let row: Payment = shop.get(payment);
    (row.refunding_minor, row.refunded_minor)
}

fn state(shop: &Shop, refund: RefundId) -> refund::State {
    *shop.get::<Refund>(refund).state
}

#[test]
fn parts_never_exceed_the_capture() {
    let mut shop = Shop::new(9);
    let (booking, payment) = paid(&mut shop);
    let first = shop.refund(payment, Some(700));
    let second = shop.refund(payment, Some(800));
    assert_eq!(sums(&shop, payment), (1500, 0), "two at once");
    let over = shop.refund_command(payment, Some(501));
    assert_eq!(shop.refused(&over), Refusal::RefundExceedsCapture { refundable: eur(500) });
    for refund in [first, second] {
        shop.send(refund, payment);
        shop.refund_answer(refund, RefundStatus::Succeeded);
        assert_eq!(shop.stored(refund), "refund Succeeded");
        shop.refund_webhook(refund, RefundStatus::Succeeded);
    }
    let rest = shop.refund(payment, None);
    assert_eq!(shop.get::<Refund>(rest).amount_minor, 500);
    shop.send(rest, payment);
    shop.refund_webhook(rest, RefundStatus::Succeeded);
    let none = shop.refund_command(payment, None);
    assert_eq!(shop.refused(&none), Refusal::RefundExceedsCapture { refundable: eur(0) });
    assert_eq!(shop.get::<Booking>(booking).refunded_minor, 2 * PRICE);
    assert_eq!(shop.close_the_books()["provider"], 0);
}

#[test]
fn a_payment_has_so_many_refunds() {
    let mut shop = Shop::new(9);
    let (_, payment) = paid(&mut shop);
    for _ in 0..REFUNDS_PER_PAYMENT_MAX {
        shop.refund(payment, Some(1));
    }
    let command = shop.refund_command(payment, Some(1));
    assert_eq!(shop.refused(&command), Refusal::TooManyRefunds { limit: REFUNDS_PER_PAYMENT_MAX });
}

#[test]
fn a_refund_that_fails_may_be_asked_for_again() {
    let mut shop = Shop::new(9);
    let (_, payment) = paid(&mut shop);
    let refund = shop.refund(payment, None);
    shop.send(refund, payment);
    shop.refund_answer(refund, failed());
    assert_eq!(shop.stored(refund), "refund_failed");
    assert_eq!(sums(&shop, payment), (0, 0));
    assert!(shop.reviews().is_empty(), "whoever asked was told");
    shop.refund_webhook(refund, failed());
    shop.refund(payment, None);
}

#[test]
fn a_refund_that_is_pending_is_answered_and_looked_after() {
    let mut shop = Shop::new(9);
    let (_, payment) = paid(&mut shop);
    let refund = shop.refund(payment, None);
    shop.send(refund, payment);
    shop.refund_answer(refund, RefundStatus::Pending);
    assert_eq!(shop.stored(refund), "refund Pending");
    assert_eq!(sums(&shop, payment), (2 * PRICE, 0));
    assert!(shop.get::<Job>(refund.0).state.is(job::State::Ready));
    shop.refund_answer(refund, RefundStatus::Pending);
    shop.refund_answer(refund, RefundStatus::Succeeded);
    assert!(shop.get::<Job>(refund.0).state.is(job::State::Done));
    shop.refund_webhook(refund, RefundStatus::Pending);
    assert_eq!((state(&shop, refund), sums(&shop, payment)), (refund::State::Succeeded, (0, 2 * PRICE)));
}

#[test]
fn a_refund_that_the_bank_sends_back_is_reversed() {
    let mut shop = Shop::new(9);
    let (booking, payment) = paid(&mut shop);
    let refund = shop.refund(payment, None);
    shop.send(refund, payment);
    shop.refund_answer(refund, RefundStatus::Succeeded);
    for _ in 0..2 {
        shop.refund_webhook(refund, failed());
    }
    assert_eq!(state(&shop, refund), refund::State::Failed);
    assert_eq!(sums(&shop, payment), (0, 0));
    assert_eq!(shop.get::<Booking>(booking).refunded_minor, 0);
    assert_eq!(shop.reviews().len(), 1);
    assert_eq!(shop.close_the_books()["provider"], 2 * PRICE);
}

#[test]
fn a_refund_that_succeeds_after_it_failed_waits_for_a_person() {
    let mut shop = Shop::new(9);
    let (_, payment) = paid(&mut shop);
    let refund = shop.refund(payment, Some(300));
    shop.send(refund, payment);
    shop.refund_answer(refund, failed());
    for _ in 0..2 {
        shop.refund_webhook(refund, RefundStatus::Succeeded);
    }
    assert_eq!(state(&shop, refund), refund::State::Failed);
    assert!(shop.has_open_review(refund.0));
    let books = shop.close_the_books();
    assert_eq!((books["provider"], books["suspense"]), (2 * PRICE - 300, 300));
}

#[test]
fn a_contradicted_refund_stops_its_job_and_answers() {
    let mut shop = Shop::new(9);
    let (_, payment) = paid(&mut shop);
    let refund = shop.refund(payment, Some(300));
    shop.send(refund, payment);
    let RefundOutcome::Seen(mut seen) = shop.refund_seen(refund, RefundStatus::Succeeded) else {
        panic!("seen")
    };
    seen.amount_minor = 301;
    let command = shop.settle_refund_command(refund, RefundOutcome::Seen(seen));
    shop.run(&command).reply();
    assert!(shop.get::<Job>(refund.0).state.is(job::State::Dead));
    assert_eq!(state(&shop, refund), refund::State::Review);
    assert_eq!(shop.stored(refund), "refund Review");
    assert_eq!(sums(&shop, payment), (300, 0), "it blocks what it may have taken");
    assert_eq!(shop.close_the_books()["suspense"], 301);
    shop.refund_webhook(refund, RefundStatus::Succeeded);
    assert_eq!(state(&shop, refund), refund::State::Succeeded, "what is found later settles it");
}

#[test]
fn a_second_object_for_one_refund_contradicts() {
    let mut shop = Shop::new(9);
    let (_, payment) = paid(&mut shop);
    let refund = shop.refund(payment, Some(300));
    shop.send(refund, payment);
    shop.refund_answer(refund, RefundStatus::Pending);
    let RefundOutcome::Seen(mut seen) = shop.refund_seen(refund, RefundStatus::Succeeded) else {
        panic!("seen")
    };
    seen.object = "re_other".into();
    let command = shop.settle_refund_command(refund, RefundOutcome::Seen(seen));
    shop.run(&command).reply();
    assert_eq!(state(&shop, refund), refund::State::Pending);
    assert!(shop.has_open_review(refund.0));
}

/// Turned down: nothing moved, unless the provider has it from an earlier call of ours.
#[test]
fn a_refusal_fails_only_what_was_never_seen() {
    let mut shop = Shop::new(9);
    let (_, payment) = paid(&mut shop);
    let refund = shop.refund(payment, Some(300));
    shop.send(refund, payment);
    let refused = || RefundOutcome::Refused(failure("insufficient_funds", false));
    let command = shop.settle_refund_command(refund, refused());
    shop.run(&command).reply();
    assert_eq!(shop.stored(refund), "refund_failed");

    let refund = shop.refund(payment, Some(300));
    shop.send(refund, payment);
    shop.refund_webhook(refund, RefundStatus::Pending);
    let command = shop.settle_refund_command(refund, refused());
    shop.run(&command).reply();
    assert_eq!(state(&shop, refund), refund::State::Pending);
    assert_eq!(sums(&shop, payment), (300, 0));
    shop.refund_webhook(refund, RefundStatus::Succeeded);
    assert!(shop.reviews().is_empty());
}

#[test]
fn a_refund_of_another_payment_is_not_found() {
    let mut shop = Shop::new(9);
    let (_, payment) = paid(&mut shop);
    let (_, other) = paid(&mut shop);
    let refund = shop.refund(payment, None);
    let outcome = shop.refund_seen(refund, RefundStatus::Succeeded);
    let mut command = shop.settle_refund_command(refund, outcome);
    command.payment = other;
    assert_eq!(shop.refused(&command), Refusal::RefundNotFound);
}

#[test]
fn a_key_of_the_other_mode_moves_no_money() {
    let mut shop = Shop::new(9);
    let (_, captured) = shop.sent(Capture::Automatic);
    shop.webhook(captured, CAPTURED);
    let (_, authorized) = shop.sent(Capture::Manual);
    shop.answer(authorized, AUTHORIZED);
    let refund = StartRefund { mode: Mode::Live, ..shop.refund_command(captured, None) };
    assert_eq!(shop.refused(&refund), Refusal::PaymentNotFound);
    let capture = StartCapture { mode: Mode::Live, ..shop.capture_command(authorized, None) };
    assert_eq!(shop.refused(&capture), Refusal::PaymentNotFound);
    let void = StartVoid { mode: Mode::Live, ..shop.void_command(authorized) };
    assert_eq!(shop.refused(&void), Refusal::PaymentNotFound);
    shop.refund(captured, None);
    shop.start_capture(authorized, None);
}
