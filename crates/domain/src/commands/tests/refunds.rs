//! Refunds: parts, two concurrent ones, failures, and reversals.

use super::payments::AUTHORIZED;
use super::provider_model::failure;
use super::test_world::{PRICE, TestWorld, eur};
use crate::commands::{RefundOutcome, StartCapture, StartRefund, StartVoid};
use crate::lifecycle::{job, refund};
use crate::limits::REFUNDS_PER_PAYMENT_MAX;
use crate::provider::RefundStatus;
use crate::rows::{Booking, Capture, Job, Mode, Payment, Refund};
use crate::{PaymentId, RefundId, Refusal};

fn failed() -> RefundStatus {
    RefundStatus::Failed(failure("account_closed", false))
}

fn sums(world: &TestWorld, payment: PaymentId) -> (i64, i64) {
    let row: Payment = world.get(payment);
    (row.refunding_minor, row.refunded_minor)
}

fn state(world: &TestWorld, refund: RefundId) -> refund::State {
    *world.get::<Refund>(refund).state
}

#[test]
fn parts_never_exceed_the_capture() {
    let mut world = TestWorld::new(9);
    let (booking, payment) = world.paid();
    let first = world.refund(payment, Some(700));
    let second = world.refund(payment, Some(800));
    assert_eq!(sums(&world, payment), (1500, 0), "two at once");
    let over = world.refund_command(payment, Some(501));
    assert_eq!(world.refused(&over), Refusal::RefundExceedsCapture { refundable: eur(500) });
    for refund in [first, second] {
        world.send(refund, payment);
        world.refund_answer(refund, RefundStatus::Succeeded);
        assert_eq!(world.stored(refund), "refund Succeeded");
        world.refund_webhook(refund, RefundStatus::Succeeded);
    }
    let rest = world.refund(payment, None);
    assert_eq!(world.get::<Refund>(rest).amount_minor, 500);
    world.send(rest, payment);
    world.refund_webhook(rest, RefundStatus::Succeeded);
    let none = world.refund_command(payment, None);
    assert_eq!(world.refused(&none), Refusal::RefundExceedsCapture { refundable: eur(0) });
    assert_eq!(world.get::<Booking>(booking).refunded_minor, 2 * PRICE);
    assert_eq!(world.close_the_books()["provider"], 0);
}

#[test]
fn a_payment_has_so_many_refunds() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    for _ in 0..REFUNDS_PER_PAYMENT_MAX {
        world.refund(payment, Some(1));
    }
    let command = world.refund_command(payment, Some(1));
    assert_eq!(world.refused(&command), Refusal::TooManyRefunds { limit: REFUNDS_PER_PAYMENT_MAX });
}

#[test]
fn a_failed_refund_may_be_requested_again() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    let refund = world.refund(payment, None);
    world.send(refund, payment);
    world.refund_answer(refund, failed());
    assert_eq!(world.stored(refund), "refund_failed");
    assert_eq!(sums(&world, payment), (0, 0));
    assert!(world.reviews().is_empty(), "the client got the refusal");
    world.refund_webhook(refund, failed());
    world.refund(payment, None);
}

#[test]
fn a_pending_refund_is_answered_and_rechecked() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    let refund = world.refund(payment, None);
    world.send(refund, payment);
    world.refund_answer(refund, RefundStatus::Pending);
    assert_eq!(world.stored(refund), "refund Pending");
    assert_eq!(sums(&world, payment), (2 * PRICE, 0));
    assert!(world.get::<Job>(refund.0).state.is(job::State::Ready));
    world.refund_answer(refund, RefundStatus::Pending);
    world.refund_answer(refund, RefundStatus::Succeeded);
    assert!(world.get::<Job>(refund.0).state.is(job::State::Done));
    world.refund_webhook(refund, RefundStatus::Pending);
    assert_eq!((state(&world, refund), sums(&world, payment)), (refund::State::Succeeded, (0, 2 * PRICE)));
}

#[test]
fn a_refund_that_the_bank_sends_back_is_reversed() {
    let mut world = TestWorld::new(9);
    let (booking, payment) = world.paid();
    let refund = world.refund(payment, None);
    world.send(refund, payment);
    world.refund_answer(refund, RefundStatus::Succeeded);
    for _ in 0..2 {
        world.refund_webhook(refund, failed());
    }
    assert_eq!(state(&world, refund), refund::State::Failed);
    assert_eq!(sums(&world, payment), (0, 0));
    assert_eq!(world.get::<Booking>(booking).refunded_minor, 0);
    assert_eq!(world.reviews().len(), 1);
    assert_eq!(world.close_the_books()["provider"], 2 * PRICE);
}

#[test]
fn a_refund_that_succeeds_after_it_failed_waits_for_a_person() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    let refund = world.refund(payment, Some(300));
    world.send(refund, payment);
    world.refund_answer(refund, failed());
    for _ in 0..2 {
        world.refund_webhook(refund, RefundStatus::Succeeded);
    }
    assert_eq!(state(&world, refund), refund::State::Failed);
    assert!(world.has_open_review(refund.0));
    let books = world.close_the_books();
    assert_eq!((books["provider"], books["suspense"]), (2 * PRICE - 300, 300));
}

#[test]
fn a_contradicted_refund_stops_its_job_and_answers() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    let refund = world.refund(payment, Some(300));
    world.send(refund, payment);
    let RefundOutcome::Seen(mut seen) = world.refund_seen(refund, RefundStatus::Succeeded) else {
        panic!("seen")
    };
    seen.amount_minor = 301;
    let command = world.settle_refund_command(refund, RefundOutcome::Seen(seen));
    world.run(&command).reply();
    assert!(world.get::<Job>(refund.0).state.is(job::State::Dead));
    assert_eq!(state(&world, refund), refund::State::Review);
    assert_eq!(world.stored(refund), "refund Review");
    assert_eq!(sums(&world, payment), (300, 0), "it blocks what it may have taken");
    assert_eq!(world.close_the_books()["suspense"], 301);
    world.refund_webhook(refund, RefundStatus::Succeeded);
    assert_eq!(state(&world, refund), refund::State::Succeeded, "what is found later settles it");
}

#[test]
fn a_second_object_for_one_refund_contradicts() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    let refund = world.refund(payment, Some(300));
    world.send(refund, payment);
    world.refund_answer(refund, RefundStatus::Pending);
    let RefundOutcome::Seen(mut seen) = world.refund_seen(refund, RefundStatus::Succeeded) else {
        panic!("seen")
    };
    seen.object = "re_other".into();
    let command = world.settle_refund_command(refund, RefundOutcome::Seen(seen));
    world.run(&command).reply();
    assert_eq!(state(&world, refund), refund::State::Pending);
    assert!(world.has_open_review(refund.0));
}

/// A refused refund moved no money, unless the provider has it from an earlier call of ours.
#[test]
fn a_refusal_fails_only_what_was_never_seen() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    let refund = world.refund(payment, Some(300));
    world.send(refund, payment);
    let refused = || RefundOutcome::Refused(failure("insufficient_funds", false));
    let command = world.settle_refund_command(refund, refused());
    world.run(&command).reply();
    assert_eq!(world.stored(refund), "refund_failed");

    let refund = world.refund(payment, Some(300));
    world.send(refund, payment);
    world.refund_webhook(refund, RefundStatus::Pending);
    let command = world.settle_refund_command(refund, refused());
    world.run(&command).reply();
    assert_eq!(state(&world, refund), refund::State::Pending);
    assert_eq!(sums(&world, payment), (300, 0));
    world.refund_webhook(refund, RefundStatus::Succeeded);
    assert!(world.reviews().is_empty());
}

#[test]
fn a_refund_of_another_payment_is_not_found() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    let (_, other) = world.paid();
    let refund = world.refund(payment, None);
    let outcome = world.refund_seen(refund, RefundStatus::Succeeded);
    let mut command = world.settle_refund_command(refund, outcome);
    command.payment = other;
    assert_eq!(world.refused(&command), Refusal::RefundNotFound);
}

#[test]
fn a_key_of_the_other_mode_moves_no_money() {
    let mut world = TestWorld::new(9);
    let (_, captured) = world.paid();
    let (_, authorized) = world.sent(Capture::Manual);
    world.answer(authorized, AUTHORIZED);
    let refund = StartRefund { mode: Mode::Live, ..world.refund_command(captured, None) };
    assert_eq!(world.refused(&refund), Refusal::PaymentNotFound);
    let capture = StartCapture { mode: Mode::Live, ..world.capture_command(authorized, None) };
    assert_eq!(world.refused(&capture), Refusal::PaymentNotFound);
    let void = StartVoid { mode: Mode::Live, ..world.void_command(authorized) };
    assert_eq!(world.refused(&void), Refusal::PaymentNotFound);
    world.refund(captured, None);
    world.start_capture(authorized, None);
}
