//! Abandon: the provider refused the operation, and no call of it can have moved money: none was sent,
//! or the only one was refused.

use super::{ends_or_waits, held};
use crate::commands::draft::{Draft, Origin};
use crate::commands::payment::{Afterwards, Unsent, settle_unsent};
use crate::ids::{AttemptId, JobId, PaymentId, RefundId, TenantId};
use crate::refusal::Refusal;
use crate::rows::{Actor, Facts, Failure, Needs};
use crate::working_set::{Command, Context, DecisionResult};

#[derive(Clone, Debug)]
pub struct Abandon {
    pub attempt: AttemptId,
    /// The token of its job.
    pub token: i64,
    pub payment: PaymentId,
    pub refund: Option<RefundId>,
    pub failure: Failure,
    /// The provider refused the first call that could move money, so no other was sent.
    pub refused_at_first: bool,
}

impl Command for Abandon {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        ends_or_waits(rows, self.attempt, self.payment, self.refund)
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let job = held(facts, JobId::from(self.attempt), self.token)?.job;
        let attempt = facts.attempts.get(self.attempt).ok_or(Refusal::NothingToDo)?;
        let payment = facts.payments.get(self.payment).ok_or(Refusal::PaymentNotFound)?;
        let refund = self.refund.and_then(|id| facts.refunds.get(id));
        let unsent = if self.refused_at_first {
            Unsent::of_refused(attempt, payment)?
        } else {
            Unsent::of(attempt, payment, refund)?
        };
        let unsent = unsent.ok_or(Refusal::NothingToDo)?;
        // Nothing can fail from here on.

        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        draft.put(job.at_end(attempt, payment, context.now));
        settle_unsent(&mut draft, facts, unsent, self.failure.clone(), Afterwards::TryNextAccount);
        Ok(draft.done())
    }
}
