//! Refuse a reversal: the provider refused it for good, and no money moved.

use super::{append_message, end_reversal, needs_of_reversal, reversal_under_way};
use crate::commands::draft::{Draft, Origin};
use crate::commands::jobs::{OpenJob, held};
use crate::ids::{JobId, PayoutId, TenantId};
use crate::rows::{Actor, Facts, Failure, Needs};
use crate::working_set::{Command, Context, DecisionResult, Json};

/// The payout stays paid, and may be reversed again.
#[derive(Clone, Debug)]
pub struct RefuseReversal {
    pub payout: PayoutId,
    pub number: i64,
    /// The token of its job.
    pub token: i64,
    pub failure: Failure,
}

impl Command for RefuseReversal {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        needs_of_reversal(rows, self.payout, self.number);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let id = JobId::of_reversal(self.payout, self.number);
        held(facts, id, self.token)?;
        let mut payout = reversal_under_way(facts, self.payout, self.number)?.clone();
        // Nothing can fail from here on.

        let origin = Origin { why: Some(self.failure.code.clone()), ..Origin::of(Actor::Worker) };
        let mut draft = Draft::new(context, &origin);
        end_reversal(&mut draft, facts, &mut payout, "payout_reversal_refused");
        payout.failure = Some(Json(self.failure.clone()));
        let movement = alloc::format!("payout.reversal_failed/{}/{}", payout.id, self.number);
        append_message(&mut draft, &mut payout, "payout.reversal_failed", &movement, 0);
        payout.updated_at = context.now;
        if let Some(job) = facts.jobs.get(id).and_then(OpenJob::of) {
            draft.put(job.finished(context.now));
        }
        draft.put(payout);
        Ok(draft.done())
    }
}
