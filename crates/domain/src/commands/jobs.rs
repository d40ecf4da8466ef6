//! Jobs: claimed under a lease with a fencing token, kept alive, finished or put off.

mod abandon;
mod claim;
mod mark_sent;
mod postpone;
mod record_decline;

pub use abandon::Abandon;
pub use claim::ClaimJobs;
pub use mark_sent::MarkSent;
pub use postpone::Postpone;
pub use record_decline::RecordDecline;

use alloc::string::String;

use crate::commands::draft::{About, Draft, Origin};
use crate::ids::{AttemptId, JobId, PaymentId, RefundId, TenantId, WorkerId};
use crate::lifecycle::{State as _, Step, job};
use crate::refusal::Refusal;
use crate::rows::{Actor, Attempt, Facts, Job, Needs, Payment, Subject};
use crate::time::{Span, Timestamp};
use crate::working_set::{Command, Context, DecisionResult};

/// Who works on a job, and how long it may be silent.
#[derive(Clone, Copy, Debug)]
pub struct JobLease {
    pub worker: WorkerId,
    pub span: Span,
}

/// When an object that waits for somebody else is looked at again, if nothing is heard of it: each look
/// that shows nothing new doubles the pause.
#[derive(Clone, Copy, Debug)]
pub struct RecheckDelays {
    pub first: Span,
    pub longest: Span,
}

impl RecheckDelays {
    pub fn pause(self, looks: i64) -> Span {
        let doublings = u32::try_from(looks.max(0)).unwrap_or(u32::MAX);
        let pause = 2_i64.checked_pow(doublings).and_then(|factor| self.first.0.checked_mul(factor));
        Span(pause.unwrap_or(self.longest.0).min(self.longest.0))
    }
}

/// The job after a call that was answered and settled nothing: it looks again, at the latest at `by`.
/// What it comes back for was planned: whatever error was before this answer makes no retry of it.
pub(super) fn looks_again(job: &Job, pause: Span, by: Option<Timestamp>, now: Timestamp) -> Option<Job> {
    let due_at = now.plus(pause);
    Some(Job {
        state: job.state.step(job::Event::Reschedule)?.to(),
        due_at: by.map_or(due_at, |by| due_at.min(by)),
        worker: None,
        lease_until: None,
        attempts: 0,
        failures: 0,
        looks: job.looks + 1,
        last_error: None,
        updated_at: now,
        ..job.clone()
    })
}

/// A dead job whose call has an outcome after all: nobody has to see to it, and it looks for evidence.
pub(super) fn revive(job: &Job, pause: Span, now: Timestamp) -> Option<Job> {
    let alive = Job { state: job.state.step(job::Event::Revive)?.to(), ..job.clone() };
    looks_again(&alive, pause, None, now)
}

pub(super) struct AfterEnd {
    pub step: Step<job::State>,
    pub job: Job,
}

/// The step of a job whose attempt ends, and the job after it; `None` if it is done already. It is done, unless the provider captured
/// otherwise than was asked: then it looks once more, and what was captured counts.
pub(super) fn after_end(job: &Job, attempt: &Attempt, payment: &Payment, now: Timestamp) -> Option<AfterEnd> {
    let event = match *job.state {
        job::State::Dead if payment.was_captured_otherwise(attempt.id) => job::Event::Revive,
        _ if payment.was_captured_otherwise(attempt.id) => job::Event::Reschedule,
        _ => job::Event::Finish,
    };
    let step = job.state.step(event)?;
    let job = Job {
        state: step.to(),
        worker: None,
        lease_until: None,
        due_at: now,
        attempts: 0,
        failures: 0,
        looks: 0,
        updated_at: now,
        ..job.clone()
    };
    Some(AfterEnd { step, job })
}

/// The job, if it still runs under this token; else another worker took over and this one must stop.
pub(super) fn held(facts: &Facts, id: JobId, token: i64) -> Result<&Job, Refusal> {
    let not_fenced = fault_injection::is(fault_injection::InjectedFault::LeaseNotFenced);
    facts
        .jobs
        .get(id)
        .filter(|job| job.state.is(job::State::Running) && (job.token == token || not_fenced))
        .ok_or(Refusal::LeaseLost)
}

/// A job that runs goes to the dead letters, where a person finds it.
pub(super) fn give_up_job(draft: &mut Draft<'_>, job: Job, why: String) {
    let Some(step) = job.state.step(job::Event::GiveUp) else { return };
    let (from, to) = (step.from(), step.to());
    let about = About { tenant: job.tenant, kind: Subject::Job, id: job.id.0 };
    draft.audit_because(about, "gave_up", Some(from.name()), Some(to.name()), Some(why.clone()));
    draft.put(Job { state: to, last_error: Some(why), updated_at: draft.context.now, ..job });
}

/// The rows of an attempt that is put off or given up: it may have to answer its key, and to free its
/// booking.
fn ends_or_waits(
    rows: &mut Needs<'_>,
    job: JobId,
    payment: PaymentId,
    refund: Option<RefundId>,
) -> Option<()> {
    rows.job(job);
    let attempt = rows.attempt(AttemptId::from(job));
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

/// The worker is alive: the lease runs anew.
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
        let mut job = held(facts, self.job, self.token)?.clone();
        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        let until = context.now.plus(self.span);
        job.lease_until = Some(until);
        job.due_at = until;
        draft.put(job);
        Ok(draft.done())
    }
}

/// Nothing is left to do for a job: its attempt was settled, with evidence, by somebody else.
#[derive(Clone, Debug)]
pub struct FinishJob {
    pub job: JobId,
    pub token: i64,
}

impl Command for FinishJob {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.job(self.job);
        rows.attempt(AttemptId::from(self.job));
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let mut job = held(facts, self.job, self.token)?.clone();
        let settled = facts.attempts.get(AttemptId::from(self.job));
        if !settled.is_some_and(|attempt| attempt.state.is_final()) {
            return Err(Refusal::NothingToDo);
        }
        job.state = job.state.step(job::Event::Finish).ok_or(Refusal::LeaseLost)?.to();
        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        job.updated_at = context.now;
        draft.put(job);
        Ok(draft.done())
    }
}
