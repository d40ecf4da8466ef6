//! Claim jobs: a worker takes them under its lease.

use alloc::borrow::ToOwned;
use alloc::vec::Vec;

use super::{JobLease, give_up_job};
use crate::commands::draft::{Draft, Origin};
use crate::commands::payment::{about, give_up};
use crate::ids::{AttemptId, JobId, RefundId, TenantId};
use crate::lifecycle::{State as _, attempt, job};
use crate::limits::JOB_ATTEMPTS_MAX;
use crate::reply::{ClaimedJob, Reply};
use crate::rows::{Actor, Attempt, Facts, Job, Needs, Payment, Review};
use crate::working_set::{Command, Context, DecisionResult};

const USED_UP: &str = "its attempts are used up";

/// Claims jobs that a query found due. Those that another worker got first are passed over.
#[derive(Clone, Debug)]
pub struct ClaimJobs {
    pub jobs: Vec<JobId>,
    pub lease: JobLease,
    /// No other process can be at work on this database: whatever runs under another worker's lease
    /// was left by one that is dead, and is taken over without waiting for the lease to lapse.
    pub alone: bool,
}

impl ClaimJobs {
    fn claim(&self, draft: &mut Draft<'_>, facts: &Facts, job: &Job) -> Option<ClaimedJob> {
        let now = draft.context.now;
        let event = match *job.state {
            job::State::Ready if job.due_at <= now => job::Event::Claim,
            job::State::Running if job.lease_until.is_some_and(|until| until <= now) => job::Event::TakeOver,
            job::State::Running if self.alone && job.worker != Some(self.lease.worker) => {
                job::Event::TakeOver
            }
            _ => return None,
        };
        let attempt_id = AttemptId::from(job.id);
        let attempt = facts.attempts.get(attempt_id)?;
        let payment = facts.payments.get(attempt.payment)?;
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
        if job.attempts > JOB_ATTEMPTS_MAX {
            bury(draft, facts, job, attempt, payment);
            return None;
        }
        draft.put(job.clone());
        let refund = attempt.refund.and_then(|id: RefundId| facts.refunds.get(id)).cloned();
        Some(ClaimedJob { job, attempt: attempt.clone(), payment: payment.clone(), refund })
    }
}

/// Nobody who took it came back to say what became of it: it may be what kills them.
fn bury(draft: &mut Draft<'_>, facts: &Facts, job: Job, attempt: &Attempt, payment: &Payment) {
    let why = job.last_error.clone().unwrap_or_else(|| USED_UP.to_owned());
    give_up_job(draft, job, why);
    let (reason, detail) = ("job_is_dead", USED_UP.to_owned());
    match *attempt.state {
        // A person has its case already.
        attempt::State::Review => return,
        attempt::State::Sent | attempt::State::Unknown => {
            draft.review_attempt(attempt.id, about(payment), reason, detail);
        }
        _ => {
            let case = draft.case(draft.id(), about(payment), reason, detail);
            draft.open_review(Review { attempt: Some(attempt.id), ..case });
        }
    }
    if !attempt.state.is_final() {
        let mut attempt = attempt.clone();
        let mut refund = attempt.refund.and_then(|id| facts.refunds.get(id)).cloned();
        give_up(draft, &mut attempt, &mut refund.as_mut(), payment);
        draft.put(attempt);
        if let Some(refund) = refund {
            draft.put(refund);
        }
    }
}

impl Command for ClaimJobs {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        let mut complete = Some(());
        for id in &self.jobs {
            let last = rows.job(*id).is_some_and(|job| job.attempts >= JOB_ATTEMPTS_MAX);
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

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        let mut claimed = Vec::new();
        for job in self.jobs.iter().filter_map(|id| facts.jobs.get(*id)) {
            claimed.extend(self.claim(&mut draft, facts, job));
        }
        Ok(draft.reply(Reply::Claimed(claimed)))
    }
}
