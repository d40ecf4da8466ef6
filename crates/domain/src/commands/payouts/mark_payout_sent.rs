//! Mark a payout as sent: committed before each call that transfers money. After it a lost reply means
//! *unknown*.

use super::about;
use crate::commands::draft::{Draft, Origin};
use crate::commands::jobs::held;
use crate::ids::{JobId, PayoutId, TenantId};
use crate::lifecycle::payout::{self, Event, State};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Actor, Facts, Needs};
use crate::time::Span;
use crate::working_set::{Command, Context, DecisionResult};

/// Submitted before the first call and before each repetition, so that a call is not sent if a person has
/// the case.
#[derive(Clone, Debug)]
pub struct MarkPayoutSent {
    pub payout: PayoutId,
    /// The token of its job.
    pub token: i64,
    /// How long a payout waits for the effect of the call whose key is spent.
    pub another_key_after: Span,
}

impl Command for MarkPayoutSent {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.job(JobId::from(self.payout));
        rows.payout(self.payout);
        Some(())
    }

    /// Replies with the number of the provider's key for the call, or that the call must not be sent.
    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        held(facts, JobId::from(self.payout), self.token)?;
        let mut payout = facts.payouts.get(self.payout).ok_or(Refusal::NothingToDo)?.clone();
        let send = match *payout.state {
            State::Scheduled => Some(const { payout::step(State::Scheduled, Event::Send) }),
            State::Sent | State::Unknown | State::Review => None,
            State::Failed | State::Paid | State::Returned => return Err(Refusal::NothingToDo),
        };
        // Nothing can fail from here on.

        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        let waited = payout.key_spent_at.is_none_or(|at| context.now >= at.plus(self.another_key_after));
        if payout.state.is(State::Review) || !waited {
            return Ok(draft.reply(Reply::Send(None)));
        }
        if let Some(step) = send {
            payout.state = draft.step(about(&payout), step);
        }
        if payout.sent_at.is_none() {
            payout.sent_at = Some(context.now);
        }
        payout.updated_at = context.now;
        let key_number = payout.key_number;
        draft.put(payout);
        Ok(draft.reply(Reply::Send(Some(key_number))))
    }
}
