//! Start a refund of all captured money, or of a part. Several parts may follow one another.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;

use super::{needs_of_own, own};
use crate::commands::draft::{Draft, Origin};
use crate::commands::jobs::JobLease;
use crate::commands::payment::return_money::{AskedBy, ReturnOrder, refund};
use crate::commands::payouts::check_not_released;
use crate::ids::{PaymentId, RefundId, ReleaseId, TenantId};
use crate::lifecycle::{State as _, payment};
use crate::limits::REFUNDS_PER_PAYMENT_MAX;
use crate::money::Money;
use crate::provider::AmountRules;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Facts, Mode, Needs};
use crate::time::Span;
use crate::working_set::{Claim, Command, Context, Decision, DecisionResult};

#[derive(Clone, Debug)]
pub struct StartRefund {
    pub claim: Claim,
    pub payment: PaymentId,
    /// The mode of the request's key. For a key of the other mode the payment does not exist.
    pub mode: Mode,
    /// `None`: all captured money that is not refunded yet.
    pub amount: Option<Money>,
    pub reason: Option<String>,
    pub metadata: BTreeMap<String, String>,
    pub amounts: AmountRules,
    /// The longest time without a definite outcome.
    pub deadline: Span,
    pub lease: Option<JobLease>,
}

impl Command for StartRefund {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.claim.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        Some(&self.claim)
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.refund(RefundId(self.claim.key.operation()));
        needs_of_own(rows, self.payment)?;
        if let Some(booking) = rows.payment(self.payment)?.booking {
            rows.release(ReleaseId::from(booking));
        }
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let payment = own(facts, self.claim.tenant, self.mode, self.payment)?;
        let found = facts.refunds.get(RefundId(self.claim.key.operation()));
        if let Some(found) = found.filter(|found| found.payment == payment.id) {
            // The request was lost with a restored database, and its refund was found at the provider.
            return Ok(Decision::default().reply(Reply::Refund(Box::new(found.clone()))));
        }
        if payment.is_manual() {
            return Err(Refusal::PaymentWasRecorded);
        }
        if !payment.state.is(payment::State::Captured) {
            return Err(Refusal::PaymentIsNotCaptured { state: payment.state.name() });
        }
        if payment.refunds_are_blocked() {
            return Err(Refusal::PaymentIsDisputed);
        }
        check_not_released(facts, payment.booking)?;
        if payment.refunds >= REFUNDS_PER_PAYMENT_MAX {
            return Err(Refusal::TooManyRefunds { limit: REFUNDS_PER_PAYMENT_MAX });
        }
        let refundable = Money::new(payment.refundable_minor(), payment.currency);
        let amount = self.amount.unwrap_or(refundable);
        if amount.currency != refundable.currency || amount.minor > refundable.minor || amount.minor < 1 {
            return Err(Refusal::RefundExceedsCapture { refundable });
        }
        self.amounts.check_part(&payment.provider, amount)?;
        // Nothing can fail from here on.

        let origin = Origin::claimed(&self.claim);
        let mut draft = Draft::new(context, &origin);
        let mut payment = payment.clone();
        let back = ReturnOrder {
            amount_minor: amount.minor,
            reason: self.reason.clone(),
            metadata: self.metadata.clone(),
            asked_by: AskedBy::Request(self.claim.key),
            deadline: self.deadline,
            lease: self.lease,
        };
        let started = refund(&mut draft, &mut payment, back);
        draft.put(payment);
        let id = started.attempt.id;
        Ok(draft.reply(Reply::Started(Box::new(started))).settles_later(id))
    }
}
