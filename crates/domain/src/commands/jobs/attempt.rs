//! The jobs of attempts: the rows that are claimed with a job, and what its death does to the attempt.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;

use super::{JobRules, OpenJob, about};
use crate::commands::draft::Draft;
use crate::commands::payment::{self, Discard, give_up, needs_of_discard};
use crate::ids::{AttemptId, JobId};
use crate::jobs::{USED_UP, of_attempt};
use crate::lifecycle::{State as _, attempt, job};
use crate::refusal::Refusal;
use crate::reply::{AttemptJob, ClaimedJob, DeadLetter};
use crate::rows::{Attempt, AttemptKind, Facts, Job, Needs, Payment, Review};
use crate::time::Timestamp;

/// The kind of row that such a job is about.
const ATTEMPT: &str = "attempt";

impl Job {
    /// The attempt of the job, if it has one.
    pub fn attempt(&self) -> Option<AttemptId> {
        (self.subject_kind == ATTEMPT).then_some(AttemptId(self.subject))
    }

    /// The job of an attempt. It has the attempt's id, so each finds the other, and there is only one.
    pub(in crate::commands) fn of_attempt(attempt: &Attempt, payment: &Payment, now: Timestamp) -> Job {
        let new = super::NewJob {
            id: JobId::from(attempt.id),
            tenant: attempt.tenant,
            kind: of_attempt(attempt.kind),
            subject_kind: ATTEMPT,
            subject: attempt.id.0,
            concurrency_key: Some(payment.account.0),
            payload: "{}".to_owned(),
            due_at: now,
            deadline_at: Some(attempt.deadline_at),
        };
        new.row(now)
    }
}

#[derive(Debug)]
pub(crate) struct AttemptJobs;

fn found<'f>(facts: &'f Facts, job: &Job) -> Option<(&'f Attempt, &'f Payment)> {
    let attempt = facts.attempts.get(job.attempt()?)?;
    Some((attempt, facts.payments.get(attempt.payment)?))
}

/// Whether the next call is the first of a charge.
fn is_first_charge(attempt: &Attempt) -> bool {
    attempt.kind == AttemptKind::Charge && attempt.state.is(attempt::State::Created)
}

impl JobRules for AttemptJobs {
    fn needs_of_claim(&self, rows: &mut Needs<'_>, job: &Job, last: bool) -> Option<()> {
        let Some(attempt) = job.attempt() else { return Some(()) };
        let attempt = rows.attempt(attempt)?;
        if let Some(refund) = attempt.refund {
            rows.refund(refund);
        }
        // The death of the job answers the key.
        if let Some(key) = attempt.key.filter(|_| last) {
            rows.key(key);
        }
        let payment = rows.payment(attempt.payment);
        if is_first_charge(attempt) {
            rows.account(payment?.account);
        }
        Some(())
    }

    fn claimed(&self, facts: &Facts, job: Job) -> Option<ClaimedJob> {
        let (attempt, payment) = found(facts, &job)?;
        let refund = attempt.refund.and_then(|id| facts.refunds.get(id)).cloned();
        let account = facts.accounts.get(payment.account).filter(|_| is_first_charge(attempt));
        let may_be_found = account.is_some_and(|account| account.has_payment_unknown_here);
        let (attempt, payment) = (attempt.clone(), payment.clone());
        Some(ClaimedJob::Attempt(Box::new(AttemptJob { job, attempt, payment, refund, may_be_found })))
    }

    /// Every worker that claimed the job ended without a report: the job may be what kills them.
    fn given_up(&self, draft: &mut Draft<'_>, facts: &Facts, job: &Job) {
        let Some((attempt, payment)) = found(facts, job) else { return };
        let (reason, detail) = ("job_is_dead", USED_UP.to_owned());
        match *attempt.state {
            // A person has its case already.
            attempt::State::Review => return,
            attempt::State::Sent | attempt::State::Unknown => {
                draft.review_attempt(attempt.id, payment::about(payment), reason, detail);
            }
            _ => {
                let case = draft.case(draft.id(), payment::about(payment), reason, detail);
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

    fn needs_of_discard(&self, rows: &mut Needs<'_>, job: &Job) -> Option<()> {
        job.attempt().map_or(Some(()), |attempt| needs_of_discard(rows, attempt))
    }

    fn discard(
        &self,
        draft: &mut Draft<'_>,
        facts: &Facts,
        job: &Job,
        why: &str,
    ) -> Result<DeadLetter, Refusal> {
        let (attempt, payment) = found(facts, job).ok_or(Refusal::DeadLetterNotFound)?;
        let open = OpenJob::of(job).ok_or_else(|| Refusal::of_state(job.state, job::Event::Finish))?;
        let discard = Discard::of(facts, attempt, payment)?;
        // Nothing can fail from here on.

        draft.step(about(job), open.step_at_end(attempt, payment));
        let after = open.at_end(attempt, payment, draft.context.now);
        draft.put(after.clone());
        let attempt = discard.run(draft, facts, why);
        Ok(DeadLetter::Job { job: after, attempt: Some(attempt) })
    }
}
