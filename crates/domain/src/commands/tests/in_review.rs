//! Review: once a person has the case of an attempt, none of its calls is sent any more.

use uuid::Uuid;

use super::jobs::put_off;
use super::operate::resolution;
use super::payments::{AUTHORIZED, CAPTURED};
use super::test_world::{PRICE, TestWorld};
use crate::commands::{Abandon, Postpone};
use crate::lifecycle::{attempt, job, payment, refund};
use crate::limits::{ANOTHER_KEY_AFTER, OPERATION_DEADLINE_SECONDS};
use crate::provider::{ProviderStatus, RefundStatus, Source};
use crate::rows::{Attempt, Booking, Capture, Failure, Job, Payment, Refund};
use crate::time::Span;
use crate::{AttemptId, PaymentId, RefundId, ReviewId};

pub fn reserved(world: &mut TestWorld) -> PaymentId {
    let (_, payment) = world.sent(Capture::Manual);
    world.webhook(payment, AUTHORIZED);
    payment
}

/// The provider does not reply until the deadline, and a case is opened.
fn move_to_review(
    world: &mut TestWorld,
    attempt: impl Into<Uuid>,
    payment: PaymentId,
    refund: Option<RefundId>,
) {
    let attempt = attempt.into();
    world.wait(Span::seconds(OPERATION_DEADLINE_SECONDS));
    let token = world.token(attempt);
    let lost = Postpone { refund, lost_sight: true, ..put_off(attempt, token, payment) };
    world.run(&lost).reply();
    assert_eq!(attempt_is(world, attempt), attempt::State::Review);
    assert!(world.has_open_review(payment.0));
}

fn attempt_is(world: &TestWorld, id: impl Into<Uuid>) -> attempt::State {
    *world.get::<Attempt>(AttemptId(id.into())).state
}

pub fn resolve(world: &mut TestWorld, attempt: impl Into<Uuid>) {
    let case = ReviewId::of_attempt(AttemptId(attempt.into()));
    let command = resolution(&world.get(case));
    world.run(&command).reply();
    assert!(world.reviews().iter().all(|open| open.id != case));
}

#[test]
fn no_call_of_an_attempt_in_review_is_sent() {
    let mut world = TestWorld::new(9);
    let (_, charge) = world.sent(Capture::Automatic);
    move_to_review(&mut world, charge, charge, None);
    assert_eq!(world.may_send_again(charge, charge), None);

    let (_, payment) = world.paid();
    let refund = world.refund(payment, Some(400));
    world.send(refund, payment);
    move_to_review(&mut world, refund, payment, Some(refund));
    assert_eq!(world.may_send_again(refund, payment), None);

    let payment = reserved(&mut world);
    let capture = world.start_capture(payment, None);
    world.send(capture, payment);
    move_to_review(&mut world, capture, payment, None);
    assert_eq!(world.may_send_again(capture, payment), None);

    let payment = reserved(&mut world);
    let void = world.start_void(payment);
    world.send(void, payment);
    move_to_review(&mut world, void, payment, None);
    assert_eq!(world.may_send_again(void, payment), None);
}

/// A person returned the money at the provider, and closes the case.
#[test]
fn a_refund_that_a_person_made_is_not_made_twice() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    let refund = world.refund(payment, Some(400));
    world.send(refund, payment);
    move_to_review(&mut world, refund, payment, Some(refund));
    world.refund_at_provider(payment, "re_by_hand", 400, RefundStatus::Succeeded).reply();
    resolve(&mut world, refund);
    assert_eq!(*world.get::<Refund>(refund).state, refund::State::WrittenOff);
    assert!(world.get::<Job>(refund.0).state.is(job::State::Done));
    let row: Payment = world.get(payment);
    assert_eq!((row.refunded_minor, row.refundable_minor()), (400, 2 * PRICE - 400));
    assert_eq!(world.stored(refund), "refund Review", "the first answer stands");
    assert_eq!(world.close_the_books()["provider"], 2 * PRICE - 400);
}

#[test]
fn what_is_found_of_it_closes_its_case() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    let refund = world.refund(payment, None);
    world.send(refund, payment);
    move_to_review(&mut world, refund, payment, Some(refund));
    world.refund_answer(refund, RefundStatus::Succeeded);

    let payment = reserved(&mut world);
    let capture = world.start_capture(payment, None);
    world.send(capture, payment);
    move_to_review(&mut world, capture, payment, None);
    let seen = world.settle_command(capture, payment, CAPTURED, Source::Fetched);
    world.run(&seen).reply();
    assert_eq!(attempt_is(&world, capture), attempt::State::Succeeded);
    assert!(world.reviews().is_empty());
}

#[test]
fn a_case_that_a_person_closes_ends_its_attempt() {
    let mut world = TestWorld::new(9);
    let (booking, charge) = world.sent(Capture::Automatic);
    move_to_review(&mut world, charge, charge, None);
    resolve(&mut world, charge);
    assert_eq!(world.payment_is(charge), payment::State::WrittenOff);
    assert_eq!(world.get::<Booking>(booking).open_payment, None);

    for void in [false, true] {
        let payment = reserved(&mut world);
        let attempt = if void { world.start_void(payment) } else { world.start_capture(payment, None) };
        world.send(attempt, payment);
        move_to_review(&mut world, attempt, payment, None);
        resolve(&mut world, attempt);
        let row: Payment = world.get(payment);
        assert_eq!((row.active, row.capturing_minor, row.void_requested), (None, None, false));
        world.start_capture(payment, None);
    }
}

/// Operations that were under way when the provider contradicted our books wait for a person. A
/// later operation is not stopped.
#[test]
fn a_contradiction_stops_what_is_under_way() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    let [sent, unsent] = [300, 200].map(|minor| world.refund(payment, Some(minor)));
    world.send(sent, payment);
    world.webhook(payment, ProviderStatus::Captured { amount_minor: 1 });
    assert_eq!(world.may_send_again(sent, payment), None);
    assert_eq!(world.may_send_again(unsent, payment), None);
    let token = world.token(unsent);
    let failure = Failure::not_sent("provider_contradicts", false);
    let attempt = unsent.into();
    world
        .run(&Abandon { attempt, token, payment, refund: Some(unsent), failure, refused_at_first: false })
        .reply();
    assert_eq!(world.stored(unsent), "not_sent_to_provider");
    world.wait(Span::seconds(1));
    let later = world.refund(payment, Some(200));
    assert_eq!(world.may_send_again(later, payment), Some(0));
}

/// An error that the provider keeps under a key is its reply to each repetition: another key is used, and
/// if no object shows whether money moved, only after a wait.
#[test]
fn after_an_error_that_is_kept_another_key_is_used() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    let refund = world.refund(payment, Some(400));
    world.send(refund, payment);
    let token = world.token(refund);
    let spent = |job: Uuid, token, payment, refund| Postpone {
        refund,
        lost_sight: true,
        key_spent: true,
        pause: Span::default(),
        ..put_off(job, token, payment)
    };
    let command = spent(refund.0, token, payment, Some(refund));
    world.run(&command).reply();
    assert_eq!(world.get::<Attempt>(refund.0).sent_at, None);
    assert_eq!(world.may_send_again(refund, payment), None, "it is given time to show");
    world.wait(ANOTHER_KEY_AFTER);
    assert_eq!(world.may_send_again(refund, payment), Some(1));
    assert_eq!(world.get::<Attempt>(refund.0).sent_at, Some(world.now));

    let payment = reserved(&mut world);
    let capture = world.start_capture(payment, None);
    world.send(capture, payment);
    let token = world.token(capture);
    let command = spent(capture.0, token, payment, None);
    world.run(&command).reply();
    assert_eq!(world.may_send_again(capture, payment), Some(1), "its object shows that nothing moved");
}

/// The job died before a call was sent.
#[test]
fn a_case_of_a_dead_job_ends_it_unsent() {
    let mut world = TestWorld::new(9);
    let booking = world.reserve(1);
    let payment = world.pay(booking);
    super::dead_letters::kill(&mut world, payment);
    let command = resolution(&world.reviews()[0]);
    world.run(&command).reply();
    assert!(world.reviews().is_empty());
    assert!(world.get::<Job>(payment.0).state.is(job::State::Done));
    assert_eq!(world.payment_is(payment), payment::State::Failed);
    assert_eq!(world.stored(payment), "payment Created", "the first answer stands");
    world.pay(booking);
}

/// Settled by the reply while its job was dead: the job still waits for evidence.
#[test]
fn a_dead_job_whose_attempt_settled_is_revived() {
    let mut world = TestWorld::new(9);
    let payment = reserved(&mut world);
    let capture = world.start_capture(payment, None);
    world.send(capture, payment);
    let mut answer = world.settle_command(capture, payment, CAPTURED, Source::Answer);
    super::dead_letters::kill(&mut world, capture);
    let charge: Job = world.get(payment.0);
    assert!(charge.state.is(job::State::Done));
    answer.by = crate::commands::ObservedBy::Event(world.record());
    world.run(&answer).reply();
    let job: Job = world.get(capture.0);
    assert!(job.state.is(job::State::Ready) && job.due_at > world.now);
    assert!(world.reviews().is_empty());
}
