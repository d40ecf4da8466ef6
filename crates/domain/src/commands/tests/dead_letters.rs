//! Dead letters: what a person may do about them, and what that does to the money.

use std::vec;
use std::vec::Vec;
use uuid::Uuid;

use super::jobs::put_off;
use super::payments::{AUTHORIZED, CAPTURED};
use super::shop::{CLIENT, LEASE, PRICE, STRANGER, Shop, TENANT};
use crate::commands::{
    ClaimJobs, CloseEvent, DeadLetterRef, Decided, DeliveryKey, DiscardDeadLetter, FailDelivery,
    PostTransfer, RetryDeadLetter,
};
use crate::consumers::LEDGER;
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
        client: CLIENT,
        request_id: "request".into(),
        letter,
        person: "Ana".into(),
        why: "looked it up".into(),
    }
}

fn retry(shop: &mut Shop, letter: DeadLetterRef) -> DeadLetter {
    let Reply::DeadLetter(letter) = shop.run(&RetryDeadLetter(decided(letter))).reply() else {
        panic!("a letter is shown")
    };
    *letter
}

fn discard(shop: &mut Shop, letter: DeadLetterRef) -> DeadLetter {
    let Reply::DeadLetter(letter) = shop.run(&DiscardDeadLetter(decided(letter))).reply() else {
        panic!("a letter is shown")
    };
    *letter
}

/// The job of an attempt has used its claims up.
pub fn kill(shop: &mut Shop, id: impl Into<Uuid>) -> DeadLetterRef {
    let id = JobId(id.into());
    let row: Job = shop.get(id);
    shop.set(&Job { attempts: JOB_ATTEMPTS_MAX, ..row });
    shop.wait(LEASE.span);
    shop.run(&ClaimJobs { jobs: vec![id], lease: LEASE, alone: false }).reply();
    assert!(shop.get::<Job>(id).state.is(job::State::Dead));
    DeadLetterRef::Job(id)
}

/// A person gives a payment up that was sent, with its outcome unknown.
pub fn write_off(shop: &mut Shop, payment: PaymentId) {
    let letter = kill(shop, payment);
    discard(shop, letter);
}

fn is(shop: &Shop, id: impl Into<Uuid>) -> (job::State, attempt::State) {
    let id = id.into();
    let job: Job = shop.get(id);
    (*job.state, *shop.get::<Attempt>(AttemptId(id)).state)
}

#[test]
fn only_what_is_dead_and_ones_own_is_moved() {
    let mut shop = Shop::new(9);
    let (_, payment) = shop.sent(Capture::Automatic);
    let event = shop.record();
    let alive = [DeadLetterRef::Job(JobId(payment.0)), DeadLetterRef::Event(event)];
    for letter in alive {
        assert!(matches!(
            shop.refused(&RetryDeadLetter(decided(letter))),
            Refusal::StateDoesNotAllowIt { .. }
        ));
        assert!(matches!(
            shop.refused(&DiscardDeadLetter(decided(letter))),
            Refusal::StateDoesNotAllowIt { .. }
        ));
    }
    let dead = kill(&mut shop, payment);
    let unknown = DeadLetterRef::Message(crate::InboxId(Uuid::nil()));
    let theirs = Decided { tenant: STRANGER, ..decided(dead) };
    for refused in [decided(unknown), theirs] {
        assert_eq!(shop.refused(&RetryDeadLetter(refused.clone())), Refusal::DeadLetterNotFound);
        assert_eq!(shop.refused(&DiscardDeadLetter(refused)), Refusal::DeadLetterNotFound);
    }
    retry(&mut shop, dead);
    assert!(
        matches!(shop.refused(&RetryDeadLetter(decided(dead))), Refusal::StateDoesNotAllowIt { .. }),
        "once"
    );
}

#[test]
fn what_a_retried_job_may_do_is_decided_by_its_attempt() {
    let mut shop = Shop::new(9);
    let (_, sent) = shop.sent(Capture::Automatic);
    let booking = shop.reserve(1);
    let unsent = shop.pay(booking);
    for (payment, before, sends) in
        [(sent, attempt::State::Review, false), (unsent, attempt::State::Created, true)]
    {
        let letter = kill(&mut shop, payment);
        assert_eq!(is(&shop, payment), (job::State::Dead, before));
        retry(&mut shop, letter);
        assert_eq!(is(&shop, payment), (job::State::Ready, before));
        assert_eq!(shop.mark_sent(payment), sends);
    }
    // It looks as long as somebody has the case: what it finds settles it, and closes the case.
    for look in 1..=40 {
        let token = shop.token(sent);
        shop.run(&put_off(JobId(sent.0), token, sent)).reply();
        assert_eq!(shop.get::<Job>(sent.0).looks, look);
    }
    shop.webhook(sent, CAPTURED);
    assert_eq!(is(&shop, sent), (job::State::Done, attempt::State::Succeeded));
    assert_eq!(shop.payment_is(sent), payment::State::Captured);
    assert!(!shop.has_open_review(sent.0));
}

#[test]
fn a_charge_that_is_written_off_frees_its_booking() {
    let mut shop = Shop::new(9);
    let (booking, payment) = shop.sent(Capture::Automatic);
    let letter = kill(&mut shop, payment);
    let DeadLetter::Job { job, attempt } = discard(&mut shop, letter) else { panic!("a job") };
    assert!(job.state.is(job::State::Done) && attempt.state.is(attempt::State::WrittenOff));
    assert_eq!(shop.payment_is(payment), payment::State::WrittenOff);
    assert_eq!(shop.get::<Booking>(booking).open_payment, None);
    assert_eq!(shop.stored(payment), "payment Pending", "the first answer stands");
    // The booking is paid otherwise; then the first payment turns out to have been taken.
    let command = shop.pay_command(booking);
    let again = shop.start(&command);
    assert!(shop.mark_sent(again));
    shop.webhook(again, CAPTURED);
    assert_eq!(shop.booking_is(booking), booking::State::Confirmed);
    let reviews = shop.reviews().len();
    shop.webhook(payment, CAPTURED);
    assert_eq!(shop.payment_is(payment), payment::State::WrittenOff);
    assert_eq!(shop.reviews().len(), reviews + 1, "a person sends it back");
    let books = shop.close_the_books();
    assert_eq!((books["provider"], books["suspense"]), (4 * PRICE, -2 * PRICE));
}

#[test]
fn a_charge_that_was_never_sent_is_declined_when_it_is_discarded() {
    let mut shop = Shop::new(9);
    let booking = shop.reserve(1);
    let payment = shop.pay(booking);
    let letter = kill(&mut shop, payment);
    discard(&mut shop, letter);
    assert_eq!(is(&shop, payment), (job::State::Done, attempt::State::Declined));
    assert_eq!(shop.payment_is(payment), payment::State::Failed);
    assert_eq!(shop.get::<Booking>(booking).open_payment, None);
    shop.pay(booking);
}

#[test]
fn a_refund_that_is_written_off_may_still_have_been_made() {
    let mut shop = Shop::new(9);
    let (_, payment) = shop.sent(Capture::Automatic);
    shop.webhook(payment, CAPTURED);
    let refund = shop.refund(payment, None);
    shop.send(refund, payment);
    let letter = kill(&mut shop, refund);
    assert_eq!(shop.get::<Payment>(payment).refundable_minor(), 0);
    discard(&mut shop, letter);
    assert_eq!(*shop.get::<Refund>(refund).state, refund::State::WrittenOff);
    assert_eq!(shop.get::<Payment>(payment).refundable_minor(), 2 * PRICE, "its sum is free again");
    assert!(shop.reviews().is_empty(), "a person decided");
    shop.refund_webhook(refund, RefundStatus::Succeeded);
    assert_eq!(shop.get::<Payment>(payment).refunded_minor, 2 * PRICE);
    assert!(shop.has_open_review(refund.0), "it may have been given back twice");
    assert_eq!(shop.close_the_books()["provider"], 0);
}

#[test]
fn a_void_that_is_written_off_leaves_the_payment_to_be_captured() {
    let mut shop = Shop::new(9);
    let (_, payment) = shop.sent(Capture::Manual);
    shop.webhook(payment, AUTHORIZED);
    let void = shop.start_void(payment);
    shop.send(void, payment);
    let letter = kill(&mut shop, void);
    discard(&mut shop, letter);
    let row: Payment = shop.get(payment);
    assert_eq!((row.active, row.void_requested), (None, false));
    shop.start_capture(payment, None);
}

#[test]
fn who_and_why_are_audited() {
    let mut shop = Shop::new(9);
    let (_, payment) = shop.sent(Capture::Automatic);
    let letter = kill(&mut shop, payment);
    retry(&mut shop, letter);
    let letter = kill(&mut shop, payment);
    discard(&mut shop, letter);
    let all = shop.all::<Audit>();
    let of_job = all.iter().filter(|row| row.subject_kind == crate::rows::Subject::Job);
    let told: Vec<_> = of_job
        .map(|row| (row.action.as_str(), row.to_state.as_deref().unwrap(), row.person.as_deref()))
        .collect();
    assert_eq!(
        told,
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
    let mut shop = Shop::new(9);
    let event = shop.record();
    shop.run(&CloseEvent { event, why: "unreadable".into(), dead: true }).reply();
    retry(&mut shop, DeadLetterRef::Event(event));
    let row: InboundEvent = shop.get(event);
    assert!(row.state.is(inbound_event::State::Received) && row.attempts == 0);
    shop.run(&CloseEvent { event, why: "unreadable".into(), dead: true }).reply();
    discard(&mut shop, DeadLetterRef::Event(event));
    assert!(shop.get::<InboundEvent>(event).state.is(inbound_event::State::Ignored));
}

#[test]
fn a_dead_delivery_has_its_effect_once_when_it_is_retried_and_never_when_it_is_discarded() {
    let mut shop = Shop::new(9);
    for retried in [true, false] {
        let (_, payment) = shop.sent(Capture::Automatic);
        shop.webhook(payment, CAPTURED);
        let told = shop.all::<Message>().into_iter();
        let message = told
            .into_iter()
            .find(|told| told.subject == payment.0 && told.kind == "payment.captured")
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
        shop.run(&fail).reply();
        let letter = DeadLetterRef::Message(at.id());
        assert_eq!(shop.refused(&post), Refusal::DeliveryIsDead);
        let before = shop.all::<Transfer>().len();
        if retried {
            retry(&mut shop, letter);
            shop.run(&post).reply();
        } else {
            discard(&mut shop, letter);
        }
        assert_eq!(shop.refused(&post), Refusal::NothingToDo);
        assert_eq!(shop.all::<Transfer>().len(), before + usize::from(retried));
        let expected = if retried { delivery::State::Received } else { delivery::State::Discarded };
        assert!(shop.get::<Delivery>(at.id()).state.is(expected));
        assert!(matches!(
            shop.refused(&RetryDeadLetter(decided(letter))),
            Refusal::StateDoesNotAllowIt { .. }
        ));
    }
}
