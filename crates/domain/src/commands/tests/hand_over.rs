//! Handing over: once a person has the case of an attempt, nothing of it is sent any more.

use uuid::Uuid;

use super::jobs::put_off;
use super::operate::resolution;
use super::payments::{AUTHORIZED, CAPTURED};
use super::shop::{PRICE, Shop};
use crate::commands::{Abandon, Postpone};
use crate::lifecycle::{attempt, job, payment, refund};
use crate::limits::{ANOTHER_KEY_AFTER, OPERATION_DEADLINE_SECONDS};
use crate::provider::{ProviderStatus, RefundStatus, Source};
use crate::rows::{Attempt, Booking, Capture, Failure, Job, Payment, Refund};
use crate::time::Span;
use crate::{AttemptId, PaymentId, RefundId, ReviewId};

pub fn paid(shop: &mut Shop) -> PaymentId {
    let (_, payment) = shop.sent(Capture::Automatic);
    shop.webhook(payment, CAPTURED);
    payment
}

pub fn reserved(shop: &mut Shop) -> PaymentId {
    let (_, payment) = shop.sent(Capture::Manual);
    shop.webhook(payment, AUTHORIZED);
    payment
}

/// The provider answers nothing until the deadline, and a case is opened.
fn hand_over(shop: &mut Shop, attempt: impl Into<Uuid>, payment: PaymentId, refund: Option<RefundId>) {
    let attempt = attempt.into();
    shop.wait(Span::seconds(OPERATION_DEADLINE_SECONDS));
    let token = shop.token(attempt);
    let lost = Postpone { refund, lost_sight: true, ..put_off(attempt, token, payment) };
    shop.run(&lost).reply();
    assert_eq!(attempt_is(shop, attempt), attempt::State::Review);
    assert!(shop.has_open_review(payment.0));
}

fn attempt_is(shop: &Shop, id: impl Into<Uuid>) -> attempt::State {
    *shop.get::<Attempt>(AttemptId(id.into())).state
}

pub fn resolve(shop: &mut Shop, attempt: impl Into<Uuid>) {
    let case = ReviewId::of_attempt(AttemptId(attempt.into()));
    let command = resolution(&shop.get(case));
    shop.run(&command).reply();
    assert!(shop.reviews().iter().all(|open| open.id != case));
}

#[test]
fn nothing_that_was_handed_over_is_sent_again() {
    let mut shop = Shop::new(9);
    let (_, charge) = shop.sent(Capture::Automatic);
    hand_over(&mut shop, charge, charge, None);
    assert_eq!(shop.may_send_again(charge, charge), None);

    let payment = paid(&mut shop);
    let refund = shop.refund(payment, Some(400));
    shop.send(refund, payment);
    hand_over(&mut shop, refund, payment, Some(refund));
    assert_eq!(shop.may_send_again(refund, payment), None);

    let payment = reserved(&mut shop);
    let capture = shop.start_capture(payment, None);
    shop.send(capture, payment);
    hand_over(&mut shop, capture, payment, None);
    assert_eq!(shop.may_send_again(capture, payment), None);

    let payment = reserved(&mut shop);
    let void = shop.start_void(payment);
    shop.send(void, payment);
    hand_over(&mut shop, void, payment, None);
    assert_eq!(shop.may_send_again(void, payment), None);
}

/// A person gave the money back by hand, and says so.
#[test]
fn a_refund_that_a_person_made_is_not_made_twice() {
    let mut shop = Shop::new(9);
    let payment = paid(&mut shop);
    let refund = shop.refund(payment, Some(400));
    shop.send(refund, payment);
    hand_over(&mut shop, refund, payment, Some(refund));
    shop.refund_at_provider(payment, "re_by_hand", 400, RefundStatus::Succeeded).reply();
    resolve(&mut shop, refund);
    assert_eq!(*shop.get::<Refund>(refund).state, refund::State::WrittenOff);
    assert!(shop.get::<Job>(refund.0).state.is(job::State::Done));
    let row: Payment = shop.get(payment);
    assert_eq!((row.refunded_minor, row.refundable_minor()), (400, 2 * PRICE - 400));
    assert_eq!(shop.stored(refund), "refund Review", "the first answer stands");
    assert_eq!(shop.close_the_books()["provider"], 2 * PRICE - 400);
}

#[test]
fn what_is_found_of_it_closes_its_case() {
    let mut shop = Shop::new(9);
    let payment = paid(&mut shop);
    let refund = shop.refund(payment, None);
    shop.send(refund, payment);
    hand_over(&mut shop, refund, payment, Some(refund));
    shop.refund_answer(refund, RefundStatus::Succeeded);

    let payment = reserved(&mut shop);
    let capture = shop.start_capture(payment, None);
    shop.send(capture, payment);
    hand_over(&mut shop, capture, payment, None);
    let seen = shop.settle_command(capture, payment, CAPTURED, Source::Fetched);
    shop.run(&seen).reply();
    assert_eq!(attempt_is(&shop, capture), attempt::State::Succeeded);
    assert!(shop.reviews().is_empty());
}

#[test]
fn a_case_that_a_person_closes_ends_its_attempt() {
    let mut shop = Shop::new(9);
    let (booking, charge) = shop.sent(Capture::Automatic);
    hand_over(&mut shop, charge, charge, None);
    resolve(&mut shop, charge);
    assert_eq!(shop.payment_is(charge), payment::State::WrittenOff);
    assert_eq!(shop.get::<Booking>(booking).open_payment, None);

    for void in [false, true] {
        let payment = reserved(&mut shop);
        let attempt = if void { shop.start_void(payment) } else { shop.start_capture(payment, None) };
        shop.send(attempt, payment);
        hand_over(&mut shop, attempt, payment, None);
        resolve(&mut shop, attempt);
        let row: Payment = shop.get(payment);
        assert_eq!((row.active, row.capturing_minor, row.void_requested), (None, None, false));
        shop.start_capture(payment, None);
    }
}

/// Operations that were under way when the provider contradicted our books wait for a person; one that is
/// asked for later knows of it.
#[test]
fn a_contradiction_stops_what_is_under_way() {
    let mut shop = Shop::new(9);
    let payment = paid(&mut shop);
    let [sent, unsent] = [300, 200].map(|minor| shop.refund(payment, Some(minor)));
    shop.send(sent, payment);
    shop.webhook(payment, ProviderStatus::Captured { amount_minor: 1 });
    assert_eq!(shop.may_send_again(sent, payment), None);
    assert_eq!(shop.may_send_again(unsent, payment), None);
    let token = shop.token(unsent);
    let failure = Failure::not_sent("provider_contradicts", false);
    let attempt = unsent.into();
    shop.run(&Abandon { attempt, token, payment, refund: Some(unsent), failure }).reply();
    assert_eq!(shop.stored(unsent), "not_sent_to_provider");
    shop.wait(Span::seconds(1));
    let later = shop.refund(payment, Some(200));
    assert_eq!(shop.may_send_again(later, payment), Some(0));
}

/// An error that the provider keeps under a key is heard again under it each time: another key is used, and
/// where no object shows whether money moved, not at once.
#[test]
fn after_an_error_that_is_kept_another_key_is_used() {
    let mut shop = Shop::new(9);
    let payment = paid(&mut shop);
    let refund = shop.refund(payment, Some(400));
    shop.send(refund, payment);
    let token = shop.token(refund);
    let spent = |job: Uuid, token, payment, refund| Postpone {
        refund,
        lost_sight: true,
        key_spent: true,
        pause: Span::default(),
        ..put_off(job, token, payment)
    };
    let command = spent(refund.0, token, payment, Some(refund));
    shop.run(&command).reply();
    assert_eq!(shop.get::<Attempt>(refund.0).sent_at, None);
    assert_eq!(shop.may_send_again(refund, payment), None, "it is given time to show");
    shop.wait(ANOTHER_KEY_AFTER);
    assert_eq!(shop.may_send_again(refund, payment), Some(1));
    assert_eq!(shop.get::<Attempt>(refund.0).sent_at, Some(shop.now));

    let payment = reserved(&mut shop);
    let capture = shop.start_capture(payment, None);
    shop.send(capture, payment);
    let token = shop.token(capture);
    let command = spent(capture.0, token, payment, None);
    shop.run(&command).reply();
    assert_eq!(shop.may_send_again(capture, payment), Some(1), "its object shows that nothing moved");
}

/// Its job died before anything was sent.
#[test]
fn a_case_of_a_dead_job_ends_it_unsent() {
    let mut shop = Shop::new(9);
    let booking = shop.reserve(1);
    let payment = shop.pay(booking);
    super::dead_letters::kill(&mut shop, payment);
    let command = resolution(&shop.reviews()[0]);
    shop.run(&command).reply();
    assert!(shop.reviews().is_empty());
    assert!(shop.get::<Job>(payment.0).state.is(job::State::Done));
    assert_eq!(shop.payment_is(payment), payment::State::Failed);
    assert_eq!(shop.stored(payment), "payment Created", "the first answer stands");
    shop.pay(booking);
}

/// Settled as its answer came, with its job dead: what it captured is still looked for.
#[test]
fn a_dead_job_whose_attempt_settled_looks_again() {
    let mut shop = Shop::new(9);
    let payment = reserved(&mut shop);
    let capture = shop.start_capture(payment, None);
    shop.send(capture, payment);
    let mut answer = shop.settle_command(capture, payment, CAPTURED, Source::Answer);
    super::dead_letters::kill(&mut shop, capture);
    let charge: Job = shop.get(payment.0);
    assert!(charge.state.is(job::State::Done));
    answer.by = crate::commands::ObservedBy::Event(shop.record());
    shop.run(&answer).reply();
    let job: Job = shop.get(capture.0);
    assert!(job.state.is(job::State::Ready) && job.due_at > shop.now);
    assert!(shop.reviews().is_empty());
}
