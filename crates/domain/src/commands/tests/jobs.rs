//! Leases, tokens, postponing, and giving up.

use std::boxed::Box;
use std::vec;
use std::vec::Vec;
use uuid::Uuid;

use super::payments::{AUTHORIZED, CAPTURED};
use super::provider_model::failure;
use super::test_world::{LEASE, PRICE, RECHECK, TestWorld};
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

/// The call had no reply.
pub fn put_off(attempt: impl Into<Uuid>, token: i64, payment: PaymentId) -> Postpone {
    Postpone {
        attempt: AttemptId(attempt.into()),
        token,
        payment,
        refund: None,
        pause: RECHECK.first,
        lost_sight: false,
        key_spent: false,
        reached_provider: true,
        error: None,
    }
}

fn postpone(
    world: &mut TestWorld,
    job: Uuid,
    payment: PaymentId,
    refund: Option<RefundId>,
    lost_sight: bool,
) {
    let token = world.token(job);
    let command = Postpone { refund, lost_sight, ..put_off(job, token, payment) };
    world.run(&command).reply();
}

fn attempt_is(world: &TestWorld, id: impl Into<Uuid>) -> attempt::State {
    *world.get::<Attempt>(AttemptId(id.into())).state
}

fn past_the_deadline(world: &mut TestWorld) {
    world.wait(Span::seconds(OPERATION_DEADLINE_SECONDS));
}

#[test]
fn a_job_is_taken_over_only_after_its_lease() {
    let mut world = TestWorld::new(9);
    let booking = world.reserve(2);
    let payment = world.pay(booking);
    let claim = ClaimJobs {
        jobs: vec![JobId(payment.0), JobId(Uuid::nil())],
        kinds: JobKinds::default(),
        lease: LEASE,
        alone: false,
    };
    let claimed = |world: &mut TestWorld| {
        let Reply::Claimed(claimed) = world.run(&claim).reply() else { panic!("claimed") };
        claimed.len()
    };
    assert_eq!(claimed(&mut world), 0, "its server drives it");
    world.wait(Span(LEASE.span.0 - 1));
    assert_eq!(claimed(&mut world), 0);
    let heartbeat = Heartbeat { job: JobId(payment.0), token: 1, span: LEASE.span };
    world.run(&heartbeat).reply();
    world.wait(Span(LEASE.span.0 - 1));
    assert_eq!(claimed(&mut world), 0, "it is alive");
    world.wait(Span(1));
    assert_eq!(claimed(&mut world), 1);
    assert_eq!(claimed(&mut world), 0, "once");
    assert_eq!(world.get::<Job>(payment.0).token, 2);
}

/// If only one process can have the database open, the running jobs of its predecessor are orphans.
#[test]
fn a_worker_that_is_alone_waits_for_no_lease() {
    let mut world = TestWorld::new(9);
    let booking = world.reserve(2);
    let payment = world.pay(booking);
    let jobs = vec![JobId(payment.0)];
    let claimed = |world: &mut TestWorld, lease| {
        let claim = ClaimJobs { jobs: jobs.clone(), kinds: JobKinds::default(), lease, alone: true };
        let Reply::Claimed(claimed) = world.run(&claim).reply() else { panic!("claimed") };
        claimed.len()
    };
    assert_eq!(claimed(&mut world, LEASE), 0, "it is its own");
    let successor = JobLease { worker: WorkerId(Uuid::from_u128(77)), ..LEASE };
    assert_eq!(claimed(&mut world, successor), 1);
    assert_eq!(world.get::<Job>(payment.0).token, 2);
}

#[test]
fn a_zombie_is_refused_everywhere() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    let refund = world.refund(payment, None);
    world.send(refund, payment);
    let (_, payment) = world.sent(Capture::Automatic);
    let job = JobId(payment.0);
    let outcome = world.refund_seen(refund, RefundStatus::Succeeded);
    let commands: Vec<Box<dyn Command>> = vec![
        Box::new(Heartbeat { job, token: 1, span: LEASE.span }),
        Box::new(MarkSent {
            attempt: payment.into(),
            token: 1,
            payment,
            object: None,
            api: None,
            another_key_after: ANOTHER_KEY_AFTER,
        }),
        Box::new(world.settle_command(payment.into(), payment, CAPTURED, Source::Answer)),
        Box::new(Postpone { lost_sight: true, ..put_off(job, 1, payment) }),
        Box::new(RecordDecline { job, token: 1, payment, failure: failure("x", false) }),
        Box::new(Abandon {
            attempt: payment.into(),
            token: 1,
            payment,
            refund: None,
            failure: failure("x", false),
            refused_at_first: false,
        }),
        Box::new(FinishJob { job, token: 1 }),
        Box::new(FinishAttempt { attempt: payment.into(), token: 1 }),
        Box::new(world.settle_refund_command(refund, outcome)),
    ];
    world.wait(LEASE.span);
    world
        .run(&ClaimJobs {
            jobs: vec![job, JobId(refund.0)],
            kinds: JobKinds::default(),
            lease: LEASE,
            alone: false,
        })
        .reply();
    for command in &commands {
        assert_eq!(world.refused(&**command), Refusal::LeaseLost, "{command:?}");
    }
}

#[test]
fn sent_is_committed_once() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.sent(Capture::Automatic);
    let sent_at = world.get::<Attempt>(payment.0).sent_at;
    world.wait(Span(1));
    assert!(world.mark_sent(payment), "the answer to the commit was lost");
    assert_eq!(world.get::<Attempt>(payment.0).sent_at, sent_at);
    assert_eq!(world.payment_is(payment), payment::State::Pending);
    world.answer(payment, CAPTURED);
    let again = world.mark_sent_command(payment, payment, None);
    assert_eq!(world.refused(&again), Refusal::NothingToDo, "it has its outcome");
}

/// After a change of the account's setting the repetition must not go elsewhere.
#[test]
fn the_api_of_a_charge_is_committed_by_its_first_mark() {
    let mut world = TestWorld::new(9);
    let booking = world.reserve(2);
    let payment = world.pay(booking);
    for api in ["orders", "payments"] {
        let mark = MarkSent { api: Some(api), ..world.mark_sent_command(payment, payment, None) };
        world.run(&mark);
        assert_eq!(world.get::<Attempt>(payment.0).provider_api.as_deref(), Some("orders"));
    }
}

#[test]
fn what_nobody_waits_for_any_more_is_not_sent() {
    let mut world = TestWorld::new(9);
    let booking = world.reserve(2);
    let payment = world.pay(booking);
    past_the_deadline(&mut world);
    assert!(!world.mark_sent(payment));
    assert_eq!(attempt_is(&world, payment), attempt::State::Created);
}

#[test]
fn a_lost_answer_is_unknown_and_blocks_another() {
    let mut world = TestWorld::new(9);
    let (booking, payment) = world.sent(Capture::Automatic);
    postpone(&mut world, payment.0, payment, None, true);
    assert_eq!(attempt_is(&world, payment), attempt::State::Unknown);
    let other = world.pay_command(booking);
    assert_eq!(world.refused(&other), Refusal::PaymentAlreadyOpen { payment: payment.0 });
    world.fetched(payment, CAPTURED);
    assert_eq!(attempt_is(&world, payment), attempt::State::Succeeded);
    assert_eq!(world.booking_is(booking), booking::State::Confirmed);
}

#[test]
fn past_the_deadline_the_unknown_waits_for_a_person_and_is_answered() {
    let mut world = TestWorld::new(9);
    let (booking, payment) = world.sent(Capture::Automatic);
    postpone(&mut world, payment.0, payment, None, true);
    past_the_deadline(&mut world);
    assert!(world.reviews().is_empty());
    postpone(&mut world, payment.0, payment, None, true);
    assert_eq!(attempt_is(&world, payment), attempt::State::Review);
    assert_eq!(world.stored(payment), "payment Pending");
    postpone(&mut world, payment.0, payment, None, true);
    assert_eq!(world.reviews().len(), 1, "one case");
    // It still fetches.
    world.fetched(payment, CAPTURED);
    assert_eq!(attempt_is(&world, payment), attempt::State::Succeeded);
    assert_eq!(world.booking_is(booking), booking::State::Confirmed, "the hold was not expired yet");
}

/// The provider refuses each call unread until the deadline: the attempt is sent, and never unknown.
#[test]
fn past_the_deadline_the_sent_waits_for_a_person_too() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.sent(Capture::Manual);
    world.answer(payment, AUTHORIZED);
    let capture = world.start_capture(payment, None);
    world.send(capture, payment);
    past_the_deadline(&mut world);
    postpone(&mut world, capture.0, payment, None, false);
    assert_eq!(attempt_is(&world, capture), attempt::State::Review);
    assert_eq!(world.stored(capture), "payment changed Authorized, under way: true");
}

#[test]
fn past_the_deadline_the_unsent_is_declined() {
    let mut world = TestWorld::new(9);
    let booking = world.reserve(2);
    let payment = world.pay(booking);
    postpone(&mut world, payment.0, payment, None, false);
    assert_eq!(world.stored(payment), "in flight");
    past_the_deadline(&mut world);
    postpone(&mut world, payment.0, payment, None, false);
    assert_eq!(world.payment_is(payment), payment::State::Failed);
    assert_eq!(world.get::<Payment>(payment).failure.unwrap().0.code, "provider_unreachable");
    assert_eq!(world.stored(payment), "not_sent_to_provider");
    assert!(world.get::<Job>(payment.0).state.is(job::State::Done));
    assert_eq!(world.get::<Booking>(booking).open_payment, None);
    assert!(world.reviews().is_empty());
}

#[test]
fn a_refund_is_lost_and_given_up_alike() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    let sent = world.refund(payment, Some(300));
    world.send(sent, payment);
    let unsent = world.refund(payment, Some(400));
    postpone(&mut world, sent.0, payment, Some(sent), true);
    assert_eq!(*world.get::<Refund>(sent).state, refund::State::Unknown);
    past_the_deadline(&mut world);
    postpone(&mut world, sent.0, payment, Some(sent), true);
    postpone(&mut world, unsent.0, payment, Some(unsent), false);
    assert_eq!(*world.get::<Refund>(sent).state, refund::State::Review);
    assert_eq!(world.stored(sent), "refund Review");
    assert_eq!(*world.get::<Refund>(unsent).state, refund::State::Failed);
    assert_eq!(world.stored(unsent), "not_sent_to_provider");
    assert_eq!(world.get::<Payment>(payment).refunding_minor, 300);
    world.refund_webhook(sent, RefundStatus::Succeeded);
    assert_eq!(attempt_is(&world, sent), attempt::State::Succeeded);
    assert_eq!(world.close_the_books()["provider"], 2 * PRICE - 300);
}

#[test]
fn a_charge_that_is_turned_away_unsent_failed() {
    let mut world = TestWorld::new(9);
    let booking = world.reserve(2);
    let payment = world.pay(booking);
    let void = world.start_void(payment);
    let token = world.token(payment);
    let failure = failure("invalid_payment_method", false);
    let abandon =
        Abandon { attempt: payment.into(), token, payment, refund: None, failure, refused_at_first: false };
    world.run(&abandon).reply();
    assert_eq!(world.payment_is(payment), payment::State::Failed);
    assert_eq!(world.stored(payment), "payment_declined");
    assert_eq!(world.refused(&abandon), Refusal::LeaseLost);
    // The void has no object to cancel, and nothing to wait for.
    postpone(&mut world, void.0, payment, None, false);
    assert_eq!(world.stored(void), "payment changed Failed, under way: false");
    assert!(world.get::<Job>(void.0).state.is(job::State::Done));
    world.pay(booking);
}

#[test]
fn what_was_sent_is_not_abandoned() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.sent(Capture::Automatic);
    let token = world.token(payment);
    let failure = failure("x", false);
    let abandon =
        Abandon { attempt: payment.into(), token, payment, refund: None, failure, refused_at_first: false };
    assert_eq!(world.refused(&abandon), Refusal::NothingToDo);
}

#[test]
fn a_job_is_finished_only_with_its_attempt() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.sent(Capture::Automatic);
    let finish =
        |world: &mut TestWorld| FinishAttempt { attempt: payment.into(), token: world.token(payment) };
    let command = finish(&mut world);
    assert_eq!(world.refused(&command), Refusal::NothingToDo);
    world.answer(payment, CAPTURED);
    let command = finish(&mut world);
    world.run(&command).reply();
    assert!(world.get::<Job>(payment.0).state.is(job::State::Done));
}

#[test]
fn a_job_that_kills_its_workers_dies_and_answers() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    let refund = world.refund(payment, None);
    world.send(refund, payment);
    let (_, payment) = world.sent(Capture::Automatic);
    let jobs = vec![JobId(payment.0), JobId(refund.0)];
    for id in &jobs {
        let row: Job = world.get(*id);
        world.set(&Job { attempts: JOB_ATTEMPTS_MAX, ..row });
    }
    world.wait(LEASE.span);
    let Reply::Claimed(claimed) =
        world.run(&ClaimJobs { jobs, kinds: JobKinds::default(), lease: LEASE, alone: false }).reply()
    else {
        panic!("claimed")
    };
    assert!(claimed.is_empty());
    for id in [payment.0, refund.0] {
        assert!(world.get::<Job>(id).state.is(job::State::Dead));
        assert_eq!(attempt_is(&world, id), attempt::State::Review);
        assert_ne!(world.stored(id), "in flight");
    }
    assert_eq!(world.reviews().len(), 2);
    // An outcome that is found later still settles it.
    world.webhook(payment, CAPTURED);
    assert_eq!(attempt_is(&world, payment), attempt::State::Succeeded);
}

/// A long outage with an open circuit does not use up the attempts of the waiting jobs.
#[test]
fn a_call_that_our_own_limits_refused_does_not_count() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.sent(Capture::Automatic);
    let job = JobId(payment.0);
    let mut tried = |reached_provider: bool| {
        let token = world.token(job);
        world.run(&Postpone { reached_provider, ..put_off(job, token, payment) }).reply();
        world.wait(RECHECK.first);
        world
            .run(&ClaimJobs { jobs: vec![job], kinds: JobKinds::default(), lease: LEASE, alone: false })
            .reply();
        world.get::<Job>(job).failures
    };
    assert_eq!([tried(false), tried(false), tried(true), tried(false), tried(true)], [0, 0, 1, 1, 2]);
}

/// A run without a reply leaves its error on the job, and the next run costs a token of the retry
/// budget. After a reply the next run is a planned recheck.
#[test]
fn an_answer_ends_the_error_before_it() {
    let mut world = TestWorld::new(9);
    let hiccup = |world: &mut TestWorld, job: Uuid, payment: PaymentId, refund: Option<RefundId>| {
        let token = world.token(job);
        let (job, error) = (JobId(job), Some("no answer".into()));
        let command = Postpone { refund, error, ..put_off(job, token, payment) };
        world.run(&command).reply();
        assert_eq!(world.get::<Job>(job).last_error.as_deref(), Some("no answer"));
    };
    let waits_without_error = |world: &TestWorld, job: Uuid| {
        let job: Job = world.get(job);
        assert_eq!((*job.state, job.last_error), (job::State::Ready, None));
    };

    let (_, payment) = world.sent(Capture::Automatic);
    hiccup(&mut world, payment.0, payment, None);
    world.answer(payment, CAPTURED);
    waits_without_error(&world, payment.0);
    world.webhook(payment, CAPTURED);

    let refund = world.refund(payment, None);
    world.send(refund, payment);
    hiccup(&mut world, refund.0, payment, Some(refund));
    world.refund_answer(refund, RefundStatus::Pending);
    waits_without_error(&world, refund.0);

    let (_, payment) = world.sent(Capture::Automatic);
    hiccup(&mut world, payment.0, payment, None);
    world.webhook(payment, ProviderStatus::Declined(failure("card_declined", true)));
    waits_without_error(&world, payment.0);
}

#[test]
fn a_stranger_finishes_a_job_of_what_is_settled() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.sent(Capture::Automatic);
    let late: Settle =
        world.settle_command(payment.into(), payment, ProviderStatus::Processing, Source::Answer);
    world.webhook(payment, CAPTURED);
    assert!(world.get::<Job>(payment.0).state.is(job::State::Done));
    assert_eq!(world.refused(&late), Refusal::LeaseLost);
    let refund = world.refund(payment, None);
    world.send(refund, payment);
    let late = world.settle_refund_command(refund, RefundOutcome::Refused(failure("late", false)));
    world.refund_webhook(refund, RefundStatus::Succeeded);
    assert_eq!(world.refused(&late), Refusal::LeaseLost);
}
