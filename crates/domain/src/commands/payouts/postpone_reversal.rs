//! Postpone a reversal: the work is not done, and its job runs again later.

use alloc::borrow::ToOwned;
use alloc::string::String;

use super::{about, case_of_reversal, needs_of_reversal, reversal_under_way};
use crate::commands::draft::{Draft, Origin};
use crate::commands::jobs::{UnsettledRun, held};
use crate::ids::{JobId, PayoutId, TenantId};
use crate::rows::{Actor, Facts, Needs};
use crate::time::Span;
use crate::working_set::{Command, Context, DecisionResult};

/// A reversal that was sent and has no reply is *unknown*. If it stays unknown too long, a person gets the case;
/// the job goes on looking.
#[derive(Clone, Debug)]
pub struct PostponeReversal {
    pub payout: PayoutId,
    pub number: i64,
    /// The token of its job.
    pub token: i64,
    /// The time until the next run.
    pub pause: Span,
    /// The last call may have moved money, and its reply was lost. Otherwise no call is in doubt that was not
    /// before.
    pub lost_sight: bool,
    /// The provider keeps an error of its own under the key of the last call.
    pub key_spent: bool,
    /// Whether a call reached the provider.
    pub reached_provider: bool,
    pub error: Option<String>,
}

impl Command for PostponeReversal {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        needs_of_reversal(rows, self.payout, self.number);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let job = held(facts, JobId::of_reversal(self.payout, self.number), self.token)?.job;
        let mut payout = reversal_under_way(facts, self.payout, self.number)?.clone();
        // Nothing can fail from here on.

        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        if self.key_spent {
            payout.key_number += 1;
            payout.sent_at = None;
            payout.key_spent_at = Some(context.now);
        }
        if self.lost_sight {
            payout.unknown_since.get_or_insert(context.now);
        } else if payout.unknown_since.is_none() {
            // The call did nothing, and none before it is in doubt.
            payout.sent_at = None;
        }
        // Each run gets here: a case that a person closed stays closed.
        let case = case_of_reversal(&payout);
        if payout.reversal_is_with_a_person(context.now) && facts.reviews.get(case).is_none() {
            let detail = "the outcome of a reversal is unknown at its deadline".to_owned();
            draft.open_review(draft.case(case, about(&payout), "outcome_unknown_at_deadline", detail));
        }
        payout.updated_at = context.now;
        let run = UnsettledRun {
            pause: self.pause,
            reached_provider: self.reached_provider,
            in_review: false,
            error: self.error.as_deref(),
        };
        draft.put(job.postponed(&run, context.now));
        draft.put(payout);
        Ok(draft.done())
    }
}
