//! The jobs of payouts: what the death of a job does to its payout.

use alloc::borrow::ToOwned;

use super::{move_to_review, needs_of_case, open_case};
use crate::commands::draft::Draft;
use crate::commands::jobs::JobRules;
use crate::ids::PayoutId;
use crate::jobs::USED_UP;
use crate::rows::{Facts, Job, Needs};

#[derive(Debug)]
pub(crate) struct PayoutJobs;

impl JobRules for PayoutJobs {
    fn needs_of_claim(&self, rows: &mut Needs<'_>, job: &Job, last: bool) -> Option<()> {
        if last {
            needs_of_case(rows, PayoutId(job.subject));
        }
        Some(())
    }

    /// Every worker that claimed the job ended without a report. A person gets the case; what was never
    /// sent stays scheduled, and goes on if the person retries the dead letter.
    fn given_up(&self, draft: &mut Draft<'_>, facts: &Facts, job: &Job) {
        let Some(before) = facts.payouts.get(PayoutId(job.subject)) else { return };
        let mut payout = before.clone();
        open_case(draft, facts, &payout, "job_is_dead", USED_UP.to_owned());
        move_to_review(draft, &mut payout);
        if payout != *before {
            draft.put(payout);
        }
    }
}
