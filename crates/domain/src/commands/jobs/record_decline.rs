//! Record a decline: the provider's reason is stored before the object is cancelled.

use super::held;
use crate::commands::draft::{Draft, Origin};
use crate::ids::{JobId, PaymentId, TenantId};
use crate::lifecycle::State as _;
use crate::refusal::Refusal;
use crate::rows::{Actor, Facts, Failure, Needs};
use crate::working_set::{Command, Context, DecisionResult, Json};

/// Committed first, because the reply to the cancel has no reason, and may be lost.
#[derive(Clone, Debug)]
pub struct RecordDecline {
    pub job: JobId,
    pub token: i64,
    pub payment: PaymentId,
    pub failure: Failure,
}

impl Command for RecordDecline {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.job(self.job);
        rows.payment(self.payment);
        Some(())
    }

    /// The first reason is kept, because later ones are often less exact.
    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        held(facts, self.job, self.token)?;
        let payment = facts.payments.get(self.payment).ok_or(Refusal::PaymentNotFound)?;
        let origin = Origin::of(Actor::Worker);
        let mut draft = Draft::new(context, &origin);
        if payment.failure.is_none() && !payment.state.is_final() {
            let mut payment = payment.clone();
            payment.failure = Some(Json(self.failure.clone()));
            payment.updated_at = context.now;
            draft.put(payment);
        }
        Ok(draft.done())
    }
}
