//! Start a capture: take all or a part of the reserved money.

use alloc::boxed::Box;

use super::return_money::AskedBy;
use super::{ProviderCall, about, enqueue, needs_of_own, own};
use crate::commands::draft::{Draft, Origin};
use crate::commands::jobs::JobLease;
use crate::ids::{AttemptId, PaymentId, TenantId};
use crate::lifecycle::{State as _, payment};
use crate::money::Money;
use crate::provider::AmountRules;
use crate::refusal::Refusal;
use crate::reply::{AttemptJob, Reply};
use crate::rows::{AttemptKind, Facts, Mode, Needs, Payment};
use crate::time::Span;
use crate::working_set::{Claim, Command, Context, DecisionResult};

#[derive(Clone, Debug)]
pub struct StartCapture {
    pub claim: Claim,
    pub payment: PaymentId,
    /// The mode of the request's key. For a key of the other mode the payment does not exist.
    pub mode: Mode,
    /// `None`: all that is authorised. The provider releases the rest.
    pub amount: Option<Money>,
    pub amounts: AmountRules,
    /// The longest time without a definite outcome.
    pub deadline: Span,
    pub lease: Option<JobLease>,
}

impl Command for StartCapture {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.claim.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        Some(&self.claim)
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        needs_of_own(rows, self.payment)?;
        if let Some(booking) = rows.payment(self.payment)?.booking {
            rows.booking(booking);
        }
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let payment = own(facts, self.claim.tenant, self.mode, self.payment)?;
        if let Some(attempt) = payment.active {
            return Err(Refusal::PaymentHasOperationInProgress { attempt: attempt.0 });
        }
        if !payment.state.is(payment::State::Authorized) || payment.void_requested {
            return Err(Refusal::PaymentIsNotAuthorized { state: payment.state.name() });
        }
        // A cancellation of some tickets has lowered what is due.
        let booking = payment.booking.and_then(|id| facts.bookings.get(id));
        let due = booking.map_or(i64::MAX, |booking| booking.total_minor - booking.settled_minor);
        let authorized = Money::new(payment.authorized_minor.min(due.max(0)), payment.currency);
        let amount = self.amount.unwrap_or(authorized);
        if amount.currency != authorized.currency || amount.minor > authorized.minor || amount.minor < 1 {
            return Err(Refusal::CaptureExceedsAuthorization { authorized });
        }
        self.amounts.check_part(&payment.provider, amount)?;
        // Nothing can fail from here on.

        let origin = Origin::claimed(&self.claim);
        let mut draft = Draft::new(context, &origin);
        let mut payment = payment.clone();
        let asked_by = AskedBy::Request(self.claim.key);
        let started = capture(&mut draft, &mut payment, amount.minor, asked_by, self.deadline, self.lease);
        draft.put(payment);
        Ok(draft.reply(Reply::Started(Box::new(started))).settles_later(self.payment))
    }
}

/// Enqueues the call that takes this amount of the reserved money.
pub(in crate::commands) fn capture(
    draft: &mut Draft<'_>,
    payment: &mut Payment,
    amount_minor: i64,
    asked_by: AskedBy,
    deadline: Span,
    lease: Option<JobLease>,
) -> AttemptJob {
    let id: AttemptId = asked_by.id(draft, payment.id, || draft.id());
    payment.active = Some(id);
    payment.capturing_minor = Some(amount_minor);
    payment.updated_at = draft.context.now;
    draft.audit(about(payment), "capture_started", None, None);
    let call = ProviderCall {
        id,
        payment: payment.id,
        refund: None,
        tenant: payment.tenant,
        kind: AttemptKind::Capture,
        amount_minor,
        key: asked_by.key(),
        deadline,
    };
    enqueue(draft, call, lease, payment.clone(), None)
}
