//! The jobs of reversals: what the death of a job does to its payout.

use alloc::borrow::ToOwned;

use super::{needs_of_case, open_case};
use crate::commands::draft::Draft;
use crate::commands::jobs::JobRules;
use crate::ids::PayoutId;
use crate::jobs::USED_UP;
use crate::rows::{Facts, Job, Needs};

#[derive(Debug)]
pub(crate) struct ReversalJobs;

impl JobRules for ReversalJobs {
    fn needs_of_claim(&self, rows: &mut Needs<'_>, job: &Job, last: bool) -> Option<()> {
        if last {
            needs_of_case(rows, PayoutId(job.subject));
        }
        Some(())
    }

    /// Every worker that claimed the job ended without a report. A person gets the case; the reversal goes on if
    /// the person retries the dead letter.
    fn given_up(&self, draft: &mut Draft<'_>, facts: &Facts, job: &Job) {
        let under_way = facts.payouts.get(PayoutId(job.subject)).filter(|payout| payout.is_being_reversed());
        let Some(mut payout) = under_way.cloned() else { return };
        open_case(draft, facts, &payout, "job_is_dead", USED_UP.to_owned());
        if payout.sent_at.is_some() {
            payout.unknown_since.get_or_insert(draft.context.now);
            draft.put(payout);
        }
    }
}
