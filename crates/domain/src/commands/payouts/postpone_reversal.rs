//! Postpone a reversal: the work is not done, and its job runs again later.

use alloc::borrow::ToOwned;
use alloc::string::String;

use super::{open_case, reversal_under_way};
use crate::commands::draft::{Draft, Origin};
use crate::commands::jobs::held;
use crate::ids::{JobId, PayoutId, ReviewId, TenantId};
use crate::rows::{Actor, Facts, Job, Needs};
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
        rows.job(JobId::of_reversal(self.payout, self.number));
        rows.review(ReviewId::of_payout(self.payout));
        rows.payout(self.payout);
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
        if payout.reversal_is_with_a_person(context.now) {
            let detail = "the outcome of a reversal is unknown at its deadline".to_owned();
            if facts.reviews.get(ReviewId::of_payout(payout.id)).is_none_or(|case| case.resolved_at.is_none())
            {
                open_case(&mut draft, facts, &payout, "outcome_unknown_at_deadline", detail);
            }
        }
        payout.updated_at = context.now;
        draft.put(Job {
            state: job.again.to(),
            worker: None,
            lease_until: None,
            due_at: context.now.plus(self.pause),
            attempts: 0,
            failures: job.failures + i64::from(self.reached_provider),
            last_error: self.error.clone().or_else(|| job.last_error.clone()),
            updated_at: context.now,
            ..job.clone()
        });
        draft.put(payout);
        Ok(draft.done())
    }
}
