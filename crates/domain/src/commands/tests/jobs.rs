//! Leases, tokens, postponing, and giving up.

use std::boxed::Box;
use std::vec;
use std::vec::Vec;
use uuid::Uuid;

use super::payments::{AUTHORIZED, CAPTURED};
use super::shop::{LEASE, LOOK_AGAIN, PRICE, Shop};
use super::teller::failure;
use crate::commands::{
    Abandon, ClaimJobs, FinishAttempt, FinishJob, Heartbeat, JobLease, MarkSent, Postpone, RecordDecline,
    RefundOutcome, Settle,
};
use crate::jobs::JobKinds;
use crate::lifecycle::{attempt, booking, job, payment, refund};
use crate::limits::{ANOTHER_KEY_AFTER, JOB_ATTEMPTS_MAX, OPERATION_DEADLINE_SECONDS};
use crate::provider::{ProviderStatus, RefundStatus, Source};
use crate::reply::Reply;
use crate::rows::{Attempt, Booking, Capture, Job, Payment, Refund};
use crate::time::Span;
use crate::working_set::Command;
use crate::{AttemptId, JobId, PaymentId, RefundId, Refusal, WorkerId};

/// Nothing was heard.
pub fn put_off(attempt: impl Into<Uuid>, token: i64, payment: PaymentId) -> Postpone {
    Postpone {
        attempt: AttemptId(attempt.into()),
        token,
        payment,
        refund: None,
        pause: LOOK_AGAIN.first,
        lost_sight: false,
        key_spent: false,
        asked: true,
        error: None,
    }
}

fn postpone(shop: &mut Shop, job: Uuid, payment: PaymentId, refund: Option<RefundId>, lost_sight: bool) {
    let token = shop.token(job);
    let command = Postpone { refund, lost_sight, ..put_off(job, token, payment) };
    shop.run(&command).reply();
}

fn attempt_is(shop: &Shop, id: impl Into<Uuid>) -> attempt::State {
    *shop.get::<Attempt>(AttemptId(id.into())).state
}

fn past_the_deadline(shop: &mut Shop) {
    shop.wait(Span::seconds(OPERATION_DEADLINE_SECONDS));
}

#[test]
fn a_job_is_taken_over_only_after_its_lease() {
    let mut shop = Shop::new(9);
    let booking = shop.reserve(2);
    let payment = shop.pay(booking);
    let claim = ClaimJobs {
        jobs: vec![JobId(payment.0), JobId(Uuid::nil())],
        kinds: JobKinds::default(),
        lease: LEASE,
        alone: false,
    };
    let claimed = |shop: &mut Shop| {
        let Reply::Claimed(claimed) = shop.run(&claim).reply() else { panic!("claimed") };
        claimed.len()
    };
    assert_eq!(claimed(&mut shop), 0, "its server drives it");
    shop.wait(Span(LEASE.span.0 - 1));
    assert_eq!(claimed(&mut shop), 0);
    let heartbeat = Heartbeat { job: JobId(payment.0), token: 1, span: LEASE.span };
    shop.run(&heartbeat).reply();
    shop.wait(Span(LEASE.span.0 - 1));
    assert_eq!(claimed(&mut shop), 0, "it is alive");
    shop.wait(Span(1));
    assert_eq!(claimed(&mut shop), 1);
    assert_eq!(claimed(&mut shop), 0, "once");
    assert_eq!(shop.get::<Job>(payment.0).token, 2);
}

/// Where only one process can have the database open, the jobs of its predecessor are orphans.
#[test]
fn a_worker_that_is_alone_waits_for_no_lease() {
    let mut shop = Shop::new(9);
    let booking = shop.reserve(2);
    let payment = shop.pay(booking);
    let jobs = vec![JobId(payment.0)];
    let claimed = |shop: &mut Shop, lease| {
        let claim = ClaimJobs { jobs: jobs.clone(), kinds: JobKinds::default(), lease, alone: true };
        let Reply::Claimed(claimed) = shop.run(&claim).reply() else { panic!("claimed") };
        claimed.len()
    };
    assert_eq!(claimed(&mut shop, LEASE), 0, "it is its own");
    let successor = JobLease { worker: WorkerId(Uuid::from_u128(77)), ..LEASE };
    assert_eq!(claimed(&mut shop, successor), 1);
    assert_eq!(shop.get::<Job>(payment.0).token, 2);
}

#[test]
fn a_zombie_is_refused_everywhere() {
    let mut shop = Shop::new(9);
    let (_, payment) = shop.sent(Capture::Automatic);
    shop.webhook(payment, CAPTURED);
    let refund = shop.refund(payment, None);
    shop.send(refund, payment);
    let (_, payment) = shop.sent(Capture::Automatic);
    let job = JobId(payment.0);
    let outcome = shop.refund_seen(refund, RefundStatus::Succeeded);
    let commands: Vec<Box<dyn Command>> = vec![
        Box::new(Heartbeat { job, token: 1, span: LEASE.span }),
        Box::new(MarkSent {
            attempt: payment.into(),
            token: 1,
            payment,
            object: None,
            another_key_after: ANOTHER_KEY_AFTER,
        }),
        Box::new(shop.settle_command(payment.into(), payment, CAPTURED, Source::Answer)),
        Box::new(Postpone { lost_sight: true, ..put_off(job, 1, payment) }),
        Box::new(RecordDecline { job, token: 1, payment, failure: failure("x", false) }),
        Box::new(Abandon {
            attempt: payment.into(),
            token: 1,
            payment,
            refund: None,
            failure: failure("x", false),
        }),
        Box::new(FinishJob { job, token: 1 }),
        Box::new(FinishAttempt { attempt: payment.into(), token: 1 }),
        Box::new(shop.settle_refund_command(refund, outcome)),
    ];
    shop.wait(LEASE.span);
    shop.run(&ClaimJobs {
        jobs: vec![job, JobId(refund.0)],
        kinds: JobKinds::default(),
        lease: LEASE,
        alone: false,
    })
    .reply();
    for command in &commands {
        assert_eq!(shop.refused(&**command), Refusal::LeaseLost, "{command:?}");
    }
}

#[test]
fn sent_is_committed_once() {
    let mut shop = Shop::new(9);
    let (_, payment) = shop.sent(Capture::Automatic);
    let sent_at = shop.get::<Attempt>(payment.0).sent_at;
    shop.wait(Span(1));
    assert!(shop.mark_sent(payment), "the answer to the commit was lost");
    assert_eq!(shop.get::<Attempt>(payment.0).sent_at, sent_at);
    assert_eq!(shop.payment_is(payment), payment::State::Pending);
    shop.answer(payment, CAPTURED);
    let again = shop.mark_sent_command(payment, payment, None);
    assert_eq!(shop.refused(&again), Refusal::NothingToDo, "it has its outcome");
}

#[test]
fn what_nobody_waits_for_any_more_is_not_sent() {
    let mut shop = Shop::new(9);
    let booking = shop.reserve(2);
    let payment = shop.pay(booking);
    past_the_deadline(&mut shop);
    assert!(!shop.mark_sent(payment));
    assert_eq!(attempt_is(&shop, payment), attempt::State::Created);
}

#[test]
fn a_lost_answer_is_unknown_and_blocks_another() {
    let mut shop = Shop::new(9);
    let (booking, payment) = shop.sent(Capture::Automatic);
    postpone(&mut shop, payment.0, payment, None, true);
    assert_eq!(attempt_is(&shop, payment), attempt::State::Unknown);
    let other = shop.pay_command(booking);
    assert_eq!(shop.refused(&other), Refusal::PaymentAlreadyOpen { payment: payment.0 });
    shop.fetched(payment, CAPTURED);
    assert_eq!(attempt_is(&shop, payment), attempt::State::Succeeded);
    assert_eq!(shop.booking_is(booking), booking::State::Confirmed);
}

#[test]
fn past_the_deadline_the_unknown_waits_for_a_person_and_is_answered() {
    let mut shop = Shop::new(9);
    let (booking, payment) = shop.sent(Capture::Automatic);
    postpone(&mut shop, payment.0, payment, None, true);
    past_the_deadline(&mut shop);
    assert!(shop.reviews().is_empty());
    postpone(&mut shop, payment.0, payment, None, true);
    assert_eq!(attempt_is(&shop, payment), attempt::State::Review);
    assert_eq!(shop.stored(payment), "payment Pending");
    postpone(&mut shop, payment.0, payment, None, true);
    assert_eq!(shop.reviews().len(), 1, "one case");
    // It goes on looking.
    shop.fetched(payment, CAPTURED);
    assert_eq!(attempt_is(&shop, payment), attempt::State::Succeeded);
    assert_eq!(shop.booking_is(booking), booking::State::Confirmed, "the hold was not expired yet");
}

/// The provider turned each try away unread, until the deadline: sent, and never unknown.
#[test]
fn past_the_deadline_the_sent_waits_for_a_person_too() {
    let mut shop = Shop::new(9);
    let (_, payment) = shop.sent(Capture::Manual);
    shop.answer(payment, AUTHORIZED);
    let capture = shop.start_capture(payment, None);
    shop.send(capture, payment);
    past_the_deadline(&mut shop);
    postpone(&mut shop, capture.0, payment, None, false);
    assert_eq!(attempt_is(&shop, capture), attempt::State::Review);
    assert_eq!(shop.stored(capture), "payment changed Authorized, under way: true");
}

#[test]
fn past_the_deadline_the_unsent_is_declined() {
    let mut shop = Shop::new(9);
    let booking = shop.reserve(2);
    let payment = shop.pay(booking);
    postpone(&mut shop, payment.0, payment, None, false);
    assert_eq!(shop.stored(payment), "in flight");
    past_the_deadline(&mut shop);
    postpone(&mut shop, payment.0, payment, None, false);
    assert_eq!(shop.payment_is(payment), payment::State::Failed);
    assert_eq!(shop.get::<Payment>(payment).failure.unwrap().0.code, "provider_unreachable");
    assert_eq!(shop.stored(payment), "not_sent_to_provider");
    assert!(shop.get::<Job>(payment.0).state.is(job::State::Done));
    assert_eq!(shop.get::<Booking>(booking).open_payment, None);
    assert!(shop.reviews().is_empty());
}

#[test]
fn a_refund_is_lost_and_given_up_alike() {
    let mut shop = Shop::new(9);
    let (_, payment) = shop.sent(Capture::Automatic);
    shop.webhook(payment, CAPTURED);
    let sent = shop.refund(payment, Some(300));
    shop.send(sent, payment);
    let unsent = shop.refund(payment, Some(400));
    postpone(&mut shop, sent.0, payment, Some(sent), true);
    assert_eq!(*shop.get::<Refund>(sent).state, refund::State::Unknown);
    past_the_deadline(&mut shop);
    postpone(&mut shop, sent.0, payment, Some(sent), true);
    postpone(&mut shop, unsent.0, payment, Some(unsent), false);
    assert_eq!(*shop.get::<Refund>(sent).state, refund::State::Review);
    assert_eq!(shop.stored(sent), "refund Review");
    assert_eq!(*shop.get::<Refund>(unsent).state, refund::State::Failed);
    assert_eq!(shop.stored(unsent), "not_sent_to_provider");
    assert_eq!(shop.get::<Payment>(payment).refunding_minor, 300);
    shop.refund_webhook(sent, RefundStatus::Succeeded);
    assert_eq!(attempt_is(&shop, sent), attempt::State::Succeeded);
    assert_eq!(shop.close_the_books()["provider"], 2 * PRICE - 300);
}

#[test]
fn a_charge_that_is_turned_away_unsent_failed() {
    let mut shop = Shop::new(9);
    let booking = shop.reserve(2);
    let payment = shop.pay(booking);
    let void = shop.start_void(payment);
    let token = shop.token(payment);
    let failure = failure("invalid_payment_method", false);
    let abandon = Abandon { attempt: payment.into(), token, payment, refund: None, failure };
    shop.run(&abandon).reply();
    assert_eq!(shop.payment_is(payment), payment::State::Failed);
    assert_eq!(shop.stored(payment), "payment_declined");
    assert_eq!(shop.refused(&abandon), Refusal::LeaseLost);
    // Its void has no object to cancel, and nothing to wait for.
    postpone(&mut shop, void.0, payment, None, false);
    assert_eq!(shop.stored(void), "payment changed Failed, under way: false");
    assert!(shop.get::<Job>(void.0).state.is(job::State::Done));
    shop.pay(booking);
}

#[test]
fn what_was_sent_is_not_abandoned() {
    let mut shop = Shop::new(9);
    let (_, payment) = shop.sent(Capture::Automatic);
    let token = shop.token(payment);
    let failure = failure("x", false);
    let abandon = Abandon { attempt: payment.into(), token, payment, refund: None, failure };
    assert_eq!(shop.refused(&abandon), Refusal::NothingToDo);
}

#[test]
fn a_job_is_finished_only_with_its_attempt() {
    let mut shop = Shop::new(9);
    let (_, payment) = shop.sent(Capture::Automatic);
    let finish = |shop: &mut Shop| FinishAttempt { attempt: payment.into(), token: shop.token(payment) };
    let command = finish(&mut shop);
    assert_eq!(shop.refused(&command), Refusal::NothingToDo);
    shop.answer(payment, CAPTURED);
    let command = finish(&mut shop);
    shop.run(&command).reply();
    assert!(shop.get::<Job>(payment.0).state.is(job::State::Done));
}

#[test]
fn a_job_that_kills_its_workers_dies_and_answers() {
    let mut shop = Shop::new(9);
    let (_, payment) = shop.sent(Capture::Automatic);
    shop.webhook(payment, CAPTURED);
    let refund = shop.refund(payment, None);
    shop.send(refund, payment);
    let (_, payment) = shop.sent(Capture::Automatic);
    let jobs = vec![JobId(payment.0), JobId(refund.0)];
    for id in &jobs {
        let row: Job = shop.get(*id);
        shop.set(&Job { attempts: JOB_ATTEMPTS_MAX, ..row });
    }
    shop.wait(LEASE.span);
    let Reply::Claimed(claimed) =
        shop.run(&ClaimJobs { jobs, kinds: JobKinds::default(), lease: LEASE, alone: false }).reply()
    else {
        panic!("claimed")
    };
    assert!(claimed.is_empty());
    for id in [payment.0, refund.0] {
        assert!(shop.get::<Job>(id).state.is(job::State::Dead));
        assert_eq!(attempt_is(&shop, id), attempt::State::Review);
        assert_ne!(shop.stored(id), "in flight");
    }
    assert_eq!(shop.reviews().len(), 2);
    // What is found later still settles it.
    shop.webhook(payment, CAPTURED);
    assert_eq!(attempt_is(&shop, payment), attempt::State::Succeeded);
}

/// However long an outage is waited out behind an open circuit, it makes no poison of what waits.
#[test]
fn a_try_that_was_turned_away_at_our_own_door_does_not_count() {
    let mut shop = Shop::new(9);
    let (_, payment) = shop.sent(Capture::Automatic);
    let job = JobId(payment.0);
    let mut tried = |asked: bool| {
        let token = shop.token(job);
        shop.run(&Postpone { asked, ..put_off(job, token, payment) }).reply();
        shop.wait(LOOK_AGAIN.first);
        shop.run(&ClaimJobs { jobs: vec![job], kinds: JobKinds::default(), lease: LEASE, alone: false })
            .reply();
        shop.get::<Job>(job).failures
    };
    assert_eq!([tried(false), tried(false), tried(true), tried(false), tried(true)], [0, 0, 1, 1, 2]);
}

/// What brought no answer is told by the job's last error, and its next try needs a token. Once an answer
/// came, the next try is a look that was planned.
#[test]
fn an_answer_ends_the_error_before_it() {
    let mut shop = Shop::new(9);
    let hiccup = |shop: &mut Shop, job: Uuid, payment: PaymentId, refund: Option<RefundId>| {
        let token = shop.token(job);
        let (job, error) = (JobId(job), Some("no answer".into()));
        let command = Postpone { refund, error, ..put_off(job, token, payment) };
        shop.run(&command).reply();
        assert_eq!(shop.get::<Job>(job).last_error.as_deref(), Some("no answer"));
    };
    let waits_without_error = |shop: &Shop, job: Uuid| {
        let job: Job = shop.get(job);
        assert_eq!((*job.state, job.last_error), (job::State::Ready, None));
    };

    let (_, payment) = shop.sent(Capture::Automatic);
    hiccup(&mut shop, payment.0, payment, None);
    shop.answer(payment, CAPTURED);
    waits_without_error(&shop, payment.0);
    shop.webhook(payment, CAPTURED);

    let refund = shop.refund(payment, None);
    shop.send(refund, payment);
    hiccup(&mut shop, refund.0, payment, Some(refund));
    shop.refund_answer(refund, RefundStatus::Pending);
    waits_without_error(&shop, refund.0);

    let (_, payment) = shop.sent(Capture::Automatic);
    hiccup(&mut shop, payment.0, payment, None);
    shop.webhook(payment, ProviderStatus::Declined(failure("card_declined", true)));
    waits_without_error(&shop, payment.0);
}

#[test]
fn a_stranger_finishes_a_job_of_what_is_settled() {
    let mut shop = Shop::new(9);
    let (_, payment) = shop.sent(Capture::Automatic);
    let late: Settle =
        shop.settle_command(payment.into(), payment, ProviderStatus::Processing, Source::Answer);
    shop.webhook(payment, CAPTURED);
    assert!(shop.get::<Job>(payment.0).state.is(job::State::Done));
    assert_eq!(shop.refused(&late), Refusal::LeaseLost);
    let refund = shop.refund(payment, None);
    shop.send(refund, payment);
    let late = shop.settle_refund_command(refund, RefundOutcome::Refused(failure("late", false)));
    shop.refund_webhook(refund, RefundStatus::Succeeded);
    assert_eq!(shop.refused(&late), Refusal::LeaseLost);
}
