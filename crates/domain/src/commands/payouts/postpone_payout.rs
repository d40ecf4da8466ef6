//! Postpone a payout: the work is not done, and its job runs again later.

use alloc::borrow::ToOwned;
use alloc::string::String;

use super::{lose_sight, move_to_review, open_case};
use crate::commands::draft::{Draft, Origin};
use crate::commands::jobs::{UnsettledRun, held};
use crate::ids::{JobId, PayoutId, ReviewId, TenantId};
use crate::lifecycle::payout::State;
use crate::limits::OPERATION_DEADLINE_SECONDS;
use crate::refusal::Refusal;
use crate::rows::{Actor, Facts, Failure, Needs};
use crate::time::Span;
use crate::working_set::{Command, Context, DecisionResult, Json};

/// A payout that was sent and has no reply becomes *unknown*. If it stays unknown too long, a person gets
/// the case. Until it is sent it waits forever: nobody else pays it.
#[derive(Clone, Debug)]
pub struct PostponePayout {
    pub payout: PayoutId,
    /// The token of its job.
    pub token: i64,
    /// The time until the next run.
    pub pause: Span,
    /// The last call may have moved money, and its reply was lost.
    pub lost_sight: bool,
    /// The provider keeps an error of its own under the key of the last call.
    pub key_spent: bool,
    /// The provider refused the call for now, and no money moved. It keeps the refusal under the key.
    pub refused: Option<Failure>,
    /// Whether a call reached the provider.
    pub reached_provider: bool,
    pub error: Option<String>,
}

impl Command for PostponePayout {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.job(JobId::from(self.payout));
        rows.review(ReviewId::of_payout(self.payout));
        rows.payout(self.payout);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let job = held(facts, JobId::from(self.payout), self.token)?.job;
        let mut payout = facts.payouts.get(self.payout).ok_or(Refusal::NothingToDo)?.clone();
        // Nothing can fail from here on.

        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        let in_review = payout.state.is(State::Review);
        if self.key_spent || self.refused.is_some() {
            payout.key_number += 1;
            payout.sent_at = None;
        }
        if self.key_spent {
            payout.key_spent_at = Some(context.now);
        }
        if let Some(failure) = &self.refused {
            payout.failure = Some(Json(failure.clone()));
        }
        if self.lost_sight {
            lose_sight(&mut draft, &mut payout);
        }
        let deadline = Span::seconds(OPERATION_DEADLINE_SECONDS);
        let late = payout.unknown_since.is_some_and(|since| context.now >= since.plus(deadline));
        let run = UnsettledRun {
            pause: self.pause,
            reached_provider: self.reached_provider,
            in_review,
            error: self.error.as_deref(),
        };
        let mut after = job.postponed(&run, context.now);
        if late && payout.state.is(State::Unknown) {
            let detail = "the outcome of a payout is unknown at its deadline".to_owned();
            open_case(&mut draft, facts, &payout, "outcome_unknown_at_deadline", detail);
            move_to_review(&mut draft, &mut payout);
            after.looks = 0;
        }
        payout.updated_at = context.now;
        draft.put(after);
        draft.put(payout);
        Ok(draft.done())
    }
}
