//! The jobs of reversals: what the death of a job does to its payout.

use alloc::borrow::ToOwned;

use super::{about, case_of_reversal, needs_of_reversal_case};
use crate::commands::draft::Draft;
use crate::commands::jobs::JobRules;
use crate::ids::{JobId, PayoutId};
use crate::jobs::USED_UP;
use crate::rows::{Facts, Job, Needs, Payout};

#[derive(Debug)]
pub(crate) struct ReversalJobs;

impl JobRules for ReversalJobs {
    fn needs_of_claim(&self, rows: &mut Needs<'_>, job: &Job, last: bool) -> Option<()> {
        if last {
            needs_of_reversal_case(rows, PayoutId(job.subject), job.id);
        }
        Some(())
    }

    /// Every worker that claimed the job ended without a report. A person gets the case; the reversal goes on if
    /// the person retries the dead letter.
    fn given_up(&self, draft: &mut Draft<'_>, facts: &Facts, job: &Job) {
        let is_this = |payout: &&Payout| {
            payout.is_being_reversed() && job.id == JobId::of_reversal(payout.id, payout.reversal)
        };
        let Some(payout) = facts.payouts.get(PayoutId(job.subject)).filter(is_this) else { return };
        let own = case_of_reversal(payout);
        let in_doubt = payout.sent_at.is_some() || payout.unknown_since.is_some();
        let id = match facts.reviews.get(own) {
            Some(review) if review.resolved_at.is_none() => None,
            None if in_doubt => Some(own),
            // The reversal's own case stays free for an outcome that is unknown later, and a closed one stays
            // closed.
            _ => Some(draft.id()),
        };
        if let Some(id) = id {
            draft.open_review(draft.case(id, about(payout), "job_is_dead", USED_UP.to_owned()));
        }
        if in_doubt {
            let unknown_since = payout.unknown_since.or(Some(draft.context.now));
            draft.put(Payout { unknown_since, ..payout.clone() });
        }
    }
}
