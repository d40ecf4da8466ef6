//! Dead letters: the decisions of a person, and their effects on the money.

use std::vec;
use std::vec::Vec;
use uuid::Uuid;

use super::jobs::put_off;
use super::payments::{AUTHORIZED, CAPTURED};
use super::test_world::{CLIENT, LEASE, PRICE, STRANGER, TENANT, TestWorld};
use crate::commands::{
    ClaimJobs, CloseEvent, DeadLetterRef, Decided, DeliveryKey, DiscardDeadLetter, FailDelivery,
    PostTransfer, RetryDeadLetter,
};
use crate::consumers::LEDGER;
use crate::jobs::JobKinds;
use crate::lifecycle::{attempt, booking, delivery, inbound_event, job, payment, refund};
use crate::limits::JOB_ATTEMPTS_MAX;
use crate::provider::RefundStatus;
use crate::reply::{DeadLetter, Reply};
use crate::rows::{
    Attempt, Audit, Booking, Capture, Delivery, InboundEvent, Job, Message, Payment, Refund, Transfer,
};
use crate::time::Span;
use crate::{AttemptId, JobId, PaymentId, Refusal};

pub fn decided(letter: DeadLetterRef) -> Decided {
    Decided {
        claim: None,
        tenant: TENANT,
        kinds: JobKinds::default(),
        client: CLIENT,
        request_id: "request".into(),
        letter,
        person: "Ana".into(),
        why: "looked it up".into(),
    }
}

pub fn retry(world: &mut TestWorld, letter: DeadLetterRef) -> DeadLetter {
    let Reply::DeadLetter(letter) = world.run(&RetryDeadLetter(decided(letter))).reply() else {
        panic!("a letter is shown")
    };
    *letter
}

fn discard(world: &mut TestWorld, letter: DeadLetterRef) -> DeadLetter {
    let Reply::DeadLetter(letter) = world.run(&DiscardDeadLetter(decided(letter))).reply() else {
        panic!("a letter is shown")
    };
    *letter
}

/// Kills the job of an attempt: its claims are used up.
pub fn kill(world: &mut TestWorld, id: impl Into<Uuid>) -> DeadLetterRef {
    let id = JobId(id.into());
    let row: Job = world.get(id);
    world.set(&Job { attempts: JOB_ATTEMPTS_MAX, ..row });
    world.wait(LEASE.span);
    world.run(&ClaimJobs { jobs: vec![id], kinds: JobKinds::default(), lease: LEASE, alone: false }).reply();
    assert!(world.get::<Job>(id).state.is(job::State::Dead));
    DeadLetterRef::Job(id)
}

/// A person discards a payment that was sent and whose outcome is unknown.
pub fn write_off(world: &mut TestWorld, payment: PaymentId) {
    let letter = kill(world, payment);
    discard(world, letter);
}

fn is(world: &TestWorld, id: impl Into<Uuid>) -> (job::State, attempt::State) {
    let id = id.into();
    let job: Job = world.get(id);
    (*job.state, *world.get::<Attempt>(AttemptId(id)).state)
}

#[test]
fn only_what_is_dead_and_ones_own_is_moved() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.sent(Capture::Automatic);
    let event = world.record();
    let alive = [DeadLetterRef::Job(JobId(payment.0)), DeadLetterRef::Event(event)];
    for letter in alive {
        assert!(matches!(
            world.refused(&RetryDeadLetter(decided(letter))),
            Refusal::StateDoesNotAllowIt { .. }
        ));
        assert!(matches!(
            world.refused(&DiscardDeadLetter(decided(letter))),
            Refusal::StateDoesNotAllowIt { .. }
        ));
    }
    let dead = kill(&mut world, payment);
    let unknown = DeadLetterRef::Message(crate::InboxId(Uuid::nil()));
    let theirs = Decided { tenant: STRANGER, ..decided(dead) };
    for refused in [decided(unknown), theirs] {
        assert_eq!(world.refused(&RetryDeadLetter(refused.clone())), Refusal::DeadLetterNotFound);
        assert_eq!(world.refused(&DiscardDeadLetter(refused)), Refusal::DeadLetterNotFound);
    }
    retry(&mut world, dead);
    assert!(
        matches!(world.refused(&RetryDeadLetter(decided(dead))), Refusal::StateDoesNotAllowIt { .. }),
        "once"
    );
}

#[test]
fn what_a_retried_job_may_do_is_decided_by_its_attempt() {
    let mut world = TestWorld::new(9);
    let (_, sent) = world.sent(Capture::Automatic);
    let booking = world.reserve(1);
    let unsent = world.pay(booking);
    for (payment, before, sends) in
        [(sent, attempt::State::Review, false), (unsent, attempt::State::Created, true)]
    {
        let letter = kill(&mut world, payment);
        assert_eq!(is(&world, payment), (job::State::Dead, before));
        retry(&mut world, letter);
        assert_eq!(is(&world, payment), (job::State::Ready, before));
        assert_eq!(world.mark_sent(payment), sends);
    }
    // It fetches as long as the case is open, and an outcome that it finds settles the attempt and
    // closes the case.
    for rechecks in 1..=40 {
        let token = world.token(sent);
        world.run(&put_off(sent.0, token, sent)).reply();
        assert_eq!(world.get::<Job>(sent.0).looks, rechecks);
    }
    world.webhook(sent, CAPTURED);
    assert_eq!(is(&world, sent), (job::State::Done, attempt::State::Succeeded));
    assert_eq!(world.payment_is(sent), payment::State::Captured);
    assert!(!world.has_open_review(sent.0));
}

#[test]
fn a_charge_that_is_written_off_frees_its_booking() {
    let mut world = TestWorld::new(9);
    let (booking, payment) = world.sent(Capture::Automatic);
    let letter = kill(&mut world, payment);
    let DeadLetter::Job { job, attempt } = discard(&mut world, letter) else { panic!("a job") };
    assert!(job.state.is(job::State::Done) && attempt.unwrap().state.is(attempt::State::WrittenOff));
    assert_eq!(world.payment_is(payment), payment::State::WrittenOff);
    assert_eq!(world.get::<Booking>(booking).open_payment, None);
    assert_eq!(world.stored(payment), "payment Pending", "the first answer stands");
    // The booking is paid by another payment. Then the provider reports the first one as captured.
    let command = world.pay_command(booking);
    let again = world.start(&command);
    assert!(world.mark_sent(again));
    world.webhook(again, CAPTURED);
    assert_eq!(world.booking_is(booking), booking::State::Confirmed);
    let reviews = world.reviews().len();
    world.webhook(payment, CAPTURED);
    assert_eq!(world.payment_is(payment), payment::State::WrittenOff);
    assert_eq!(world.reviews().len(), reviews + 1, "a person sends it back");
    let books = world.close_the_books();
    assert_eq!((books["provider"], books["suspense"]), (4 * PRICE, -2 * PRICE));
}

#[test]
fn a_charge_that_was_never_sent_is_declined_when_it_is_discarded() {
    let mut world = TestWorld::new(9);
    let booking = world.reserve(1);
    let payment = world.pay(booking);
    let letter = kill(&mut world, payment);
    discard(&mut world, letter);
    assert_eq!(is(&world, payment), (job::State::Done, attempt::State::Declined));
    assert_eq!(world.payment_is(payment), payment::State::Failed);
    assert_eq!(world.get::<Booking>(booking).open_payment, None);
    world.pay(booking);
}

#[test]
fn a_refund_that_is_written_off_may_still_have_been_made() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    let refund = world.refund(payment, None);
    world.send(refund, payment);
    let letter = kill(&mut world, refund);
    assert_eq!(world.get::<Payment>(payment).refundable_minor(), 0);
    discard(&mut world, letter);
    assert_eq!(*world.get::<Refund>(refund).state, refund::State::WrittenOff);
    assert_eq!(world.get::<Payment>(payment).refundable_minor(), 2 * PRICE, "its sum is free again");
    assert!(world.reviews().is_empty(), "a person decided");
    world.refund_webhook(refund, RefundStatus::Succeeded);
    assert_eq!(world.get::<Payment>(payment).refunded_minor, 2 * PRICE);
    assert!(world.has_open_review(refund.0), "it may have been given back twice");
    assert_eq!(world.close_the_books()["provider"], 0);
}

#[test]
fn a_void_that_is_written_off_leaves_the_payment_to_be_captured() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.sent(Capture::Manual);
    world.webhook(payment, AUTHORIZED);
    let void = world.start_void(payment);
    world.send(void, payment);
    let letter = kill(&mut world, void);
    discard(&mut world, letter);
    let row: Payment = world.get(payment);
    assert_eq!((row.active, row.void_requested), (None, false));
    world.start_capture(payment, None);
}

#[test]
fn who_and_why_are_audited() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.sent(Capture::Automatic);
    let letter = kill(&mut world, payment);
    retry(&mut world, letter);
    let letter = kill(&mut world, payment);
    discard(&mut world, letter);
    let all = world.all::<Audit>();
    let of_job = all.iter().filter(|row| row.subject_kind == crate::rows::Subject::Job);
    let actions: Vec<_> = of_job
        .map(|row| (row.action.as_str(), row.to_state.as_deref().unwrap(), row.person.as_deref()))
        .collect();
    assert_eq!(
        actions,
        [
            ("gave_up", "dead", None),
            ("revive", "ready", Some("Ana")),
            ("gave_up", "dead", None),
            ("finish", "done", Some("Ana")),
        ]
    );
    for row in all.iter().filter(|row| row.person.is_some()) {
        assert_eq!((row.why.as_deref(), row.client), (Some("looked it up"), Some(CLIENT)));
    }
}

#[test]
fn a_dead_event_is_read_again_or_ignored() {
    let mut world = TestWorld::new(9);
    let event = world.record();
    world.run(&CloseEvent { event, why: "unreadable".into(), dead: true }).reply();
    retry(&mut world, DeadLetterRef::Event(event));
    let row: InboundEvent = world.get(event);
    assert!(row.state.is(inbound_event::State::Received) && row.attempts == 0);
    world.run(&CloseEvent { event, why: "unreadable".into(), dead: true }).reply();
    discard(&mut world, DeadLetterRef::Event(event));
    assert!(world.get::<InboundEvent>(event).state.is(inbound_event::State::Ignored));
}

#[test]
fn a_dead_delivery_has_its_effect_once_when_it_is_retried_and_never_when_it_is_discarded() {
    let mut world = TestWorld::new(9);
    for retried in [true, false] {
        let (_, payment) = world.paid();
        let message = world
            .all::<Message>()
            .into_iter()
            .find(|message| message.subject == payment.0 && message.kind == "payment.captured")
            .unwrap();
        let post = PostTransfer::of(&message).unwrap().unwrap();
        let at = DeliveryKey { tenant: TENANT, message: message.id, consumer: LEDGER };
        let fail = FailDelivery {
            at,
            error: "no such account".into(),
            pause: Span::seconds(1),
            attempts_max: 1,
            counted: false,
        };
        world.run(&fail).reply();
        let letter = DeadLetterRef::Message(at.id());
        assert_eq!(world.refused(&post), Refusal::DeliveryIsDead);
        let before = world.all::<Transfer>().len();
        if retried {
            retry(&mut world, letter);
            world.run(&post).reply();
        } else {
            discard(&mut world, letter);
        }
        assert_eq!(world.refused(&post), Refusal::NothingToDo);
        assert_eq!(world.all::<Transfer>().len(), before + usize::from(retried));
        let expected = if retried { delivery::State::Received } else { delivery::State::Discarded };
        assert!(world.get::<Delivery>(at.id()).state.is(expected));
        assert!(matches!(
            world.refused(&RetryDeadLetter(decided(letter))),
            Refusal::StateDoesNotAllowIt { .. }
        ));
    }
}
