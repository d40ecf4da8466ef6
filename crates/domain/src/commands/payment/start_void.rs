//! Start a void: cancel a payment before its money is captured.

use alloc::boxed::Box;

use super::return_money::AskedBy;
use super::{ProviderCall, about, enqueue, needs_of_own, own};
use crate::commands::draft::{Draft, Origin};
use crate::commands::jobs::JobLease;
use crate::ids::{AttemptId, PaymentId, TenantId};
use crate::lifecycle::{State as _, payment};
use crate::refusal::Refusal;
use crate::reply::{AttemptJob, Reply};
use crate::rows::{AttemptKind, Facts, Mode, Needs, Payment};
use crate::time::Span;
use crate::working_set::{Claim, Command, Context, DecisionResult};

#[derive(Clone, Debug)]
pub struct StartVoid {
    pub claim: Claim,
    pub payment: PaymentId,
    /// The mode of the request's key. For a key of the other mode the payment does not exist.
    pub mode: Mode,
    /// The longest time without a definite outcome.
    pub deadline: Span,
    pub lease: Option<JobLease>,
}

impl Command for StartVoid {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.claim.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        Some(&self.claim)
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        needs_of_own(rows, self.payment)
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let payment = own(facts, self.claim.tenant, self.mode, self.payment)?;
        if let Some(attempt) = payment.active {
            return Err(Refusal::PaymentHasOperationInProgress { attempt: attempt.0 });
        }
        if payment.state.rank() >= payment::State::Captured.rank() {
            return Err(Refusal::PaymentIsFinal { state: payment.state.name() });
        }
        // Nothing can fail from here on.

        let origin = Origin::claimed(&self.claim);
        let mut draft = Draft::new(context, &origin);
        let mut payment = payment.clone();
        let started =
            void(&mut draft, &mut payment, AskedBy::Request(self.claim.key), self.deadline, self.lease);
        draft.put(payment);
        Ok(draft.reply(Reply::Started(Box::new(started))).settles_later(self.payment))
    }
}

/// Marks the payment as voided, and enqueues the call. A charge that was not sent yet is not sent any more.
pub(in crate::commands) fn void(
    draft: &mut Draft<'_>,
    payment: &mut Payment,
    asked_by: AskedBy,
    deadline: Span,
    lease: Option<JobLease>,
) -> AttemptJob {
    let id: AttemptId = asked_by.id(draft, payment.id, || draft.id());
    payment.void_requested = true;
    payment.active = Some(id);
    payment.updated_at = draft.context.now;
    draft.audit(about(payment), "void_started", None, None);
    let call = ProviderCall {
        id,
        payment: payment.id,
        refund: None,
        tenant: payment.tenant,
        kind: AttemptKind::Void,
        amount_minor: payment.authorized_minor,
        key: asked_by.key(),
        deadline,
    };
    enqueue(draft, call, lease, payment.clone(), None)
}
