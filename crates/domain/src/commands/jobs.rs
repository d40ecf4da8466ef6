//! Jobs: claimed under a lease with a fencing token, kept alive, finished or put off.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::commands::draft::{About, Draft, Origin};
use crate::commands::payment::{about, give_up, lose_sight, settle_unsent};
use crate::ids::{AttemptId, JobId, PaymentId, RefundId, TenantId, WorkerId};
use crate::lifecycle::{State as _, attempt, job, payment};
use crate::limits::{JOB_ATTEMPTS_MAX, LOOKS_MAX};
use crate::refusal::Refusal;
use crate::reply::{Claimed, Reply};
use crate::rows::{Actor, Attempt, AttemptKind, Facts, Failure, Job, JobKind, Needs, Subject};
use crate::time::Span;
use crate::working_set::{Command, Context, Decision};

/// Who works on a job, and how long it may be silent.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    pub worker: WorkerId,
    pub span: Span,
}

/// The job, if it still runs under this token; else another worker took over and this one must stop.
pub(super) fn held(facts: &Facts, id: JobId, token: i64) -> Result<&Job, Refusal> {
    let not_fenced = planted::is(planted::Bug::LeaseNotFenced);
    facts
        .jobs
        .get(id)
        .filter(|job| job.state.is(job::State::Running) && (job.token == token || not_fenced))
        .ok_or(Refusal::LeaseLost)
}

/// Claims of one job before it is given up.
fn attempts_max(kind: JobKind) -> i64 {
    match kind {
        JobKind::Drive => JOB_ATTEMPTS_MAX,
        JobKind::Look => LOOKS_MAX,
    }
}

/// To the dead letters, where a person finds it.
pub(super) fn give_up_job(draft: &mut Draft<'_>, job: Job, why: String) -> Result<(), Refusal> {
    let step = job.state.step(job::Event::GiveUp)?;
    let (from, to) = (step.from(), step.to());
    let about = About { tenant: job.tenant, kind: Subject::Job, id: job.id.0 };
    draft.audit_because(about, "gave_up", Some(from.name()), Some(to.name()), Some(why.clone()));
    draft.put(Job { state: to, last_error: Some(why), updated_at: draft.context.now, ..job });
    Ok(())
}

/// Claims jobs that a query found due. Those that another worker got first are passed over.
#[derive(Clone, Debug)]
pub struct ClaimJobs {
    pub jobs: Vec<JobId>,
    pub lease: Lease,
    /// No other process can be at work on this database: whatever runs under another worker's lease
    /// was left by one that is dead, and is taken over without waiting for the lease to lapse.
    pub alone: bool,
}

impl ClaimJobs {
    fn claim(&self, draft: &mut Draft<'_>, facts: &Facts, job: &Job) -> Result<Option<Claimed>, Refusal> {
        let now = draft.context.now;
        let event = match *job.state {
            job::State::Ready if job.due_at <= now => job::Event::Claim,
            job::State::Running if job.lease_until.is_some_and(|until| until <= now) => job::Event::TakeOver,
            job::State::Running if self.alone && job.worker != Some(self.lease.worker) => {
                job::Event::TakeOver
            }
            _ => return Ok(None),
        };
        let attempt_id = AttemptId::from(job.id);
        let Some(attempt) = facts.attempts.get(attempt_id) else { return Ok(None) };
        let Some(payment) = facts.payments.get(attempt.payment) else { return Ok(None) };
        let until = now.plus(self.lease.span);
        let job = Job {
            state: job.state.step(event)?.to(),
            token: job.token + 1,
            worker: Some(self.lease.worker),
            lease_until: Some(until),
            due_at: until,
            attempts: job.attempts + 1,
            updated_at: now,
            ..job.clone()
        };
        if job.attempts > attempts_max(job.kind) {
            draft.review(about(payment), "job_is_dead", "its attempts are used up".to_owned());
            let why = job.last_error.clone().unwrap_or_else(|| "its attempts are used up".to_owned());
            give_up_job(draft, job, why)?;
            if !attempt.state.is_final() {
                let mut attempt = attempt.clone();
                let mut refund = attempt.refund.and_then(|id: RefundId| facts.refunds.get(id)).cloned();
                give_up(draft, &mut attempt, &mut refund.as_mut(), payment)?;
                draft.put(attempt);
                if let Some(refund) = refund {
                    draft.put(refund);
                }
            }
            return Ok(None);
        }
        draft.put(job.clone());
        let refund = attempt.refund.and_then(|id: RefundId| facts.refunds.get(id)).cloned();
        Ok(Some(Claimed { job, attempt: attempt.clone(), payment: payment.clone(), refund }))
    }
}

impl Command for ClaimJobs {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        let mut complete = Some(());
        for id in &self.jobs {
            let last = rows.job(*id).is_some_and(|job| job.attempts >= attempts_max(job.kind));
            match rows.attempt(AttemptId::from(*id)) {
                Some(attempt) => {
                    if let Some(refund) = attempt.refund {
                        rows.refund(refund);
                    }
                    rows.payment(attempt.payment);
                    // Whoever waits for it is answered as it dies.
                    if let Some(key) = attempt.key.filter(|_| last) {
                        rows.key(key);
                    }
                }
                None => complete = None,
            }
        }
        complete
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> Decision {
        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        let mut claimed = Vec::new();
        for job in self.jobs.iter().filter_map(|id| facts.jobs.get(*id)) {
            claimed.extend(self.claim(&mut draft, facts, job)?);
        }
        Ok(draft.reply(Reply::Claimed(claimed)))
    }
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

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> Decision {
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

/// Committed before the call that moves money. From here on a lost answer means *unknown*.
#[derive(Clone, Debug)]
pub struct MarkSent {
    pub job: JobId,
    pub token: i64,
    pub payment: PaymentId,
    /// The provider's object, made unconfirmed, for a charge; its id is committed here.
    pub object: Option<String>,
}

impl Command for MarkSent {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.job(self.job);
        rows.attempt(AttemptId::from(self.job));
        rows.payment(self.payment);
        Some(())
    }

    /// Answers whether to go on: a payment that was called off meanwhile, or that nobody waits for
    /// any more, is not sent.
    fn decide(&self, facts: &Facts, context: &Context<'_>) -> Decision {
        held(facts, self.job, self.token)?;
        let attempt = facts
            .attempts
            .get(AttemptId::from(self.job))
            .filter(|attempt| !attempt.state.is_final())
            .ok_or(Refusal::NothingToDo)?;
        let payment = facts.payments.get(self.payment).ok_or(Refusal::PaymentNotFound)?;
        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        let mut payment = payment.clone();
        if let Some(object) = &self.object {
            payment.provider_ref = Some(object.clone());
            payment.updated_at = context.now;
        }
        let too_late = attempt.state.is(attempt::State::Created) && context.now >= attempt.deadline_at;
        if attempt.kind == AttemptKind::Charge && (payment.void_requested || too_late) {
            draft.put(payment);
            return Ok(draft.reply(Reply::Proceed(false)));
        }
        if attempt.state.is(attempt::State::Created) {
            draft.put(Attempt {
                state: attempt.state.step(attempt::Event::Send)?.to(),
                sent_at: Some(context.now),
                updated_at: context.now,
                ..attempt.clone()
            });
        }
        if attempt.kind == AttemptKind::Charge && payment.state.is(payment::State::Created) {
            payment.state = draft.step(about(&payment), payment.state, payment::Event::Sent)?.to();
        }
        draft.put(payment);
        Ok(draft.reply(Reply::Proceed(true)))
    }
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

/// The work is not done: look again later. What was sent and not answered becomes *unknown*; past
/// its deadline an unknown attempt becomes a review case, and one that was never sent is given up.
#[derive(Clone, Debug)]
pub struct Postpone {
    pub job: JobId,
    pub token: i64,
    pub payment: PaymentId,
    pub refund: Option<RefundId>,
    /// How long to wait before the next look.
    pub pause: Span,
    /// The last call may have moved money, and its answer was lost.
    pub lost_sight: bool,
    /// Whether the provider was asked anything. A try that was turned away at our own door is none: it
    /// would make a poisonous job of one that waits for an outage to end.
    pub asked: bool,
    pub error: Option<String>,
}

impl Command for Postpone {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        ends_or_waits(rows, self.job, self.payment, self.refund)
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> Decision {
        let job = held(facts, self.job, self.token)?;
        let attempt = facts.attempts.get(AttemptId::from(self.job)).ok_or(Refusal::NothingToDo)?;
        let payment = facts.payments.get(self.payment).ok_or(Refusal::PaymentNotFound)?;
        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        let mut attempt = attempt.clone();
        let mut refund = self.refund.and_then(|id| facts.refunds.get(id)).cloned();
        let late = context.now >= attempt.deadline_at;
        if self.lost_sight || late {
            lose_sight(&mut draft, &mut attempt, &mut refund.as_mut())?;
        }
        let mut job = Job {
            worker: None,
            lease_until: None,
            due_at: context.now.plus(self.pause),
            attempts: job.attempts - i64::from(!self.asked),
            last_error: self.error.clone().or_else(|| job.last_error.clone()),
            updated_at: context.now,
            ..job.clone()
        };
        // What a capture or a void was to end has ended by itself.
        let moot = attempt.kind != AttemptKind::Charge && payment.state.is_final() && refund.is_none();
        if late && attempt.state.is(attempt::State::Unknown) {
            let detail = format!("the outcome of a {} is unknown at its deadline", attempt.kind.name());
            draft.review(about(payment), "outcome_unknown_at_deadline", detail);
            give_up(&mut draft, &mut attempt, &mut refund.as_mut(), payment)?;
        } else if (late || moot) && attempt.state.is(attempt::State::Created) {
            // Provably never sent: no money moved.
            job.state = job.state.step(job::Event::Finish)?.to();
            draft.put(job);
            let code = if moot { payment.state.name() } else { "provider_unreachable" };
            let failure = Failure { code: code.to_owned(), retryable: !moot };
            return Ok(settle_unsent(draft, facts, attempt, payment.clone(), refund, failure)?.done());
        }
        job.state = job.state.step(job::Event::Reschedule)?.to();
        draft.put(job);
        draft.put(attempt);
        if let Some(refund) = refund {
            draft.put(refund);
        }
        Ok(draft.done())
    }
}

/// The provider turned the order away before anything was sent that could move money.
#[derive(Clone, Debug)]
pub struct Abandon {
    pub job: JobId,
    pub token: i64,
    pub payment: PaymentId,
    pub refund: Option<RefundId>,
    pub failure: Failure,
}

impl Command for Abandon {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        ends_or_waits(rows, self.job, self.payment, self.refund)
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> Decision {
        let mut job = held(facts, self.job, self.token)?.clone();
        let attempt = facts
            .attempts
            .get(AttemptId::from(self.job))
            .filter(|attempt| attempt.state.is(attempt::State::Created))
            .ok_or(Refusal::NothingToDo)?;
        let payment = facts.payments.get(self.payment).ok_or(Refusal::PaymentNotFound)?;
        let refund = self.refund.and_then(|id| facts.refunds.get(id)).cloned();
        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        job.state = job.state.step(job::Event::Finish)?.to();
        job.updated_at = context.now;
        draft.put(job);
        let failure = self.failure.clone();
        Ok(settle_unsent(draft, facts, attempt.clone(), payment.clone(), refund, failure)?.done())
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

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> Decision {
        let mut job = held(facts, self.job, self.token)?.clone();
        let settled = facts.attempts.get(AttemptId::from(self.job));
        if !settled.is_some_and(|attempt| attempt.state.is_final()) {
            return Err(Refusal::NothingToDo);
        }
        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        job.state = job.state.step(job::Event::Finish)?.to();
        job.updated_at = context.now;
        draft.put(job);
        Ok(draft.done())
    }
}
