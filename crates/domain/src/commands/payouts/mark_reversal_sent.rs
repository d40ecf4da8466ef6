//! Mark a reversal as sent: committed before each call that takes a transfer back. After it a lost reply means
//! *unknown*.

use super::reversal_under_way;
use crate::commands::draft::{Draft, Origin};
use crate::commands::jobs::held;
use crate::ids::{JobId, PayoutId, TenantId};
use crate::reply::Reply;
use crate::rows::{Actor, Facts, Needs};
use crate::time::Span;
use crate::working_set::{Command, Context, DecisionResult};

/// Submitted before the first call and before each repetition, so that a call is not sent if a person has the
/// case.
#[derive(Clone, Debug)]
pub struct MarkReversalSent {
    pub payout: PayoutId,
    pub number: i64,
    /// The token of its job.
    pub token: i64,
    /// How long a reversal waits for the effect of the call whose key is spent.
    pub another_key_after: Span,
}

impl Command for MarkReversalSent {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.job(JobId::of_reversal(self.payout, self.number));
        rows.payout(self.payout);
        Some(())
    }

    /// Replies with the number of the provider's key for the call, or that the call must not be sent.
    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        held(facts, JobId::of_reversal(self.payout, self.number), self.token)?;
        let mut payout = reversal_under_way(facts, self.payout, self.number)?.clone();
        // Nothing can fail from here on.

        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        let waited = payout.key_spent_at.is_none_or(|at| context.now >= at.plus(self.another_key_after));
        if !waited || payout.reversal_is_with_a_person(context.now) {
            return Ok(draft.reply(Reply::Send(None)));
        }
        payout.sent_at.get_or_insert(context.now);
        payout.updated_at = context.now;
        let key_number = payout.key_number;
        draft.put(payout);
        Ok(draft.reply(Reply::Send(Some(key_number))))
    }
}
