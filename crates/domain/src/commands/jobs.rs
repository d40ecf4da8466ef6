//! Jobs: claimed under a lease with a fencing token, kept alive, finished or rescheduled.
//!
//! | job | commands |
//! |---|---|
//! | any | [`ClaimJobs`], [`Heartbeat`], [`FinishJob`], [`FailJob`] |
//! | of an attempt | [`FinishAttempt`], [`MarkSent`], [`RecordDecline`], [`Postpone`], [`Abandon`], and those that settle it |
//!
//! The kinds of jobs are a table: [`crate::jobs`].

mod abandon;
mod attempt;
mod claim;
mod enqueue;
mod fail_job;
mod finish_job;
mod mark_sent;
mod postpone;
mod record_decline;
mod rules;

pub use abandon::Abandon;
pub use claim::ClaimJobs;
pub use enqueue::NewJob;
pub use fail_job::FailJob;
pub use finish_job::{FinishAttempt, FinishJob};
pub use mark_sent::MarkSent;
pub use postpone::Postpone;
pub use record_decline::RecordDecline;

pub(crate) use attempt::AttemptJobs;
pub(crate) use rules::{JobRules, StandaloneJobs};

use alloc::string::String;
use core::ops::Deref;

use crate::commands::draft::{About, Draft, Origin};
use crate::ids::{AttemptId, JobId, PaymentId, RefundId, TenantId, WorkerId};
use crate::lifecycle::{State as _, Step, job};
use crate::refusal::Refusal;
use crate::rows::{Actor, Attempt, Facts, Job, Needs, Payment, Subject};
use crate::time::{Span, Timestamp};
use crate::working_set::{Command, Context, DecisionResult};

/// The worker of a job, and the time for which its lease lasts.
#[derive(Clone, Copy, Debug)]
pub struct JobLease {
    pub worker: WorkerId,
    pub span: Span,
}

/// The pauses between two rechecks of an object that waits for the customer or the provider. Each recheck
/// without news doubles the pause.
#[derive(Clone, Copy, Debug)]
pub struct RecheckDelays {
    pub first: Span,
    pub longest: Span,
}

impl RecheckDelays {
    /// `rechecks`: how many there were already.
    pub fn pause(self, rechecks: i64) -> Span {
        let doublings = u32::try_from(rechecks.max(0)).unwrap_or(u32::MAX);
        let pause = 2_i64.checked_pow(doublings).and_then(|factor| self.first.0.checked_mul(factor));
        Span(pause.unwrap_or(self.longest.0).min(self.longest.0))
    }
}

/// A run of a job that settled nothing.
pub(super) struct UnsettledRun<'a> {
    /// The time until the next run.
    pub pause: Span,
    pub reached_provider: bool,
    /// A person has the case, so the run was a look and no retry.
    pub in_review: bool,
    /// Absent: the error of an earlier run stays.
    pub error: Option<&'a str>,
}

/// A job that is not done, with the steps that the outcome of a call may make it take.
pub(super) struct OpenJob<'f> {
    row: &'f Job,
    pub finish: Step<job::State>,
    /// It becomes ready for another run: a dead job is revived, any other is rescheduled.
    pub again: Step<job::State>,
}

impl Deref for OpenJob<'_> {
    type Target = Job;
    fn deref(&self) -> &Job {
        self.row
    }
}

impl OpenJob<'_> {
    /// `None` for a job that is done.
    pub fn of(row: &Job) -> Option<OpenJob<'_>> {
        use job::{Event, State, step};
        let (finish, again) = match *row.state {
            State::Done => return None,
            State::Ready => {
                const { (step(State::Ready, Event::Finish), step(State::Ready, Event::Reschedule)) }
            }
            State::Running => {
                const { (step(State::Running, Event::Finish), step(State::Running, Event::Reschedule)) }
            }
            State::Dead => const { (step(State::Dead, Event::Finish), step(State::Dead, Event::Revive)) },
        };
        Some(OpenJob { row, finish, again })
    }

    /// The job after a call that got an answer and settled nothing: it rechecks the object after
    /// the pause, at the latest at `by`. The recheck is planned, so it is no retry of an earlier
    /// error.
    pub fn rechecked(&self, pause: Span, by: Option<Timestamp>, now: Timestamp) -> Job {
        let due_at = now.plus(pause);
        Job {
            state: self.again.to(),
            due_at: by.map_or(due_at, |by| due_at.min(by)),
            worker: None,
            lease_until: None,
            attempts: 0,
            failures: 0,
            looks: self.looks + 1,
            last_error: None,
            updated_at: now,
            ..self.row.clone()
        }
    }

    /// The job after a run that settled nothing: it runs again after the pause.
    pub fn postponed(&self, run: &UnsettledRun<'_>, now: Timestamp) -> Job {
        let UnsettledRun { pause, reached_provider, in_review, error } = *run;
        Job {
            state: self.again.to(),
            worker: None,
            lease_until: None,
            due_at: now.plus(pause),
            attempts: 0,
            failures: self.failures + i64::from(reached_provider && !in_review),
            looks: self.looks + i64::from(reached_provider && in_review),
            last_error: error.map(String::from).or_else(|| self.last_error.clone()),
            updated_at: now,
            ..self.row.clone()
        }
    }

    pub fn finished(&self, now: Timestamp) -> Job {
        Job { state: self.finish.to(), updated_at: now, ..self.row.clone() }
    }

    /// The step of a job whose attempt ends. It finishes the job, unless the provider captured another amount
    /// than was requested: then the job rechecks the object once, and what was captured counts.
    pub fn step_at_end(&self, attempt: &Attempt, payment: &Payment) -> Step<job::State> {
        if payment.was_captured_otherwise(attempt.id) { self.again } else { self.finish }
    }

    /// The job after that step.
    pub fn at_end(&self, attempt: &Attempt, payment: &Payment, now: Timestamp) -> Job {
        Job {
            state: self.step_at_end(attempt, payment).to(),
            worker: None,
            lease_until: None,
            due_at: now,
            attempts: 0,
            failures: 0,
            looks: 0,
            updated_at: now,
            ..self.row.clone()
        }
    }
}

/// A job that runs under the lease of the worker that names its token.
pub(super) struct HeldJob<'f> {
    pub job: OpenJob<'f>,
    pub give_up: Step<job::State>,
}

/// The job, if it still runs under this token. Otherwise another worker took over, and this one must stop.
pub(super) fn held(facts: &Facts, id: JobId, token: i64) -> Result<HeldJob<'_>, Refusal> {
    let not_fenced = fault_injection::is(fault_injection::InjectedFault::LeaseNotFenced);
    let job = facts
        .jobs
        .get(id)
        .filter(|job| job.state.is(job::State::Running) && (job.token == token || not_fenced))
        .and_then(OpenJob::of)
        .ok_or(Refusal::LeaseLost)?;
    Ok(HeldJob { job, give_up: RUNNING_GIVES_UP })
}

/// The step of a job that runs to the dead letters.
const RUNNING_GIVES_UP: Step<job::State> = job::step(job::State::Running, job::Event::GiveUp);

pub(super) fn about(job: &Job) -> About {
    About { tenant: job.tenant, kind: Subject::Job, id: job.id.0 }
}

/// Moves the job to the dead letters, where a person finds it.
pub(super) fn give_up_job(draft: &mut Draft<'_>, job: Job, step: Step<job::State>, why: String) {
    let (from, to) = (step.from(), step.to());
    draft.audit_because(about(&job), "gave_up", Some(from.name()), Some(to.name()), Some(why.clone()));
    draft.put(Job { state: to, last_error: Some(why), updated_at: draft.context.now, ..job });
}

/// Requests the rows of an attempt that is postponed or ended: its key may get a reply, and its booking may
/// become free for another payment.
fn ends_or_waits(
    rows: &mut Needs<'_>,
    attempt: AttemptId,
    payment: PaymentId,
    refund: Option<RefundId>,
) -> Option<()> {
    rows.job(JobId::from(attempt));
    let attempt = rows.attempt(attempt);
    if let Some(refund) = refund {
        rows.refund(refund);
    }
    let payment = rows.payment(payment);
    if let Some(key) = attempt?.key {
        rows.key(key);
    }
    if let Some(booking) = payment?.booking {
        rows.booking(booking);
    }
    Some(())
}

/// The worker is alive, so its lease is extended.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    pub job: JobId,
    pub token: i64,
    pub span: Span,
}

impl Command for Heartbeat {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.job(self.job);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let mut job = held(facts, self.job, self.token)?.job.clone();
        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        let until = context.now.plus(self.span);
        job.lease_until = Some(until);
        job.due_at = until;
        draft.put(job);
        Ok(draft.done())
    }
}
