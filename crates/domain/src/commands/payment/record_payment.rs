//! Record a payment: money that a person received, in cash or otherwise, without a provider.
//!
//! The person is the evidence. So the payment is captured at once, its booking is confirmed or paid in the
//! same transaction, and the audit has who recorded it and why. The tenant's money of this kind has an
//! account of its own, which is written with the first payment.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString as _};

use super::append_message;
use super::book::book_on;
use super::movements::{MoneyMoved, record};
use super::start_payment::PaymentTarget;
use super::{
    LeavesRevenue, about, about_refund, append_refund_movement, needs_of_own, needs_of_refunded, own,
};
use crate::commands::booking::Seats;
use crate::commands::draft::{Draft, Origin};
use crate::commands::payment::settle_refund::count;
use crate::ids::{AccountId, PaymentId, RefundId, TenantId};
use crate::lifecycle::{CurrentState, State as _, payment, refund};
use crate::limits::REFUNDS_PER_PAYMENT_MAX;
use crate::money::Money;
use crate::provider::Source;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{
    Account, Booking, Facts, MANUAL, ManualMethod, Mode, MovementKind, Needs, Payment, Refund,
};
use crate::time::Span;
use crate::working_set::{Claim, Command, Context, DecisionResult, Json};

/// Who records something, and why.
#[derive(Clone, Debug)]
pub struct Recorder {
    pub claim: Claim,
    /// The mode of the request's key.
    pub mode: Mode,
    /// The person's name as the request has it.
    pub who: String,
    pub why: Option<String>,
}

impl Recorder {
    fn origin(&self) -> Origin {
        let (person, why) = (Some(self.who.clone()), self.why.clone());
        Origin { person, why, ..Origin::claimed(&self.claim) }
    }

    /// The tenant's account for money without a provider.
    fn account(&self) -> AccountId {
        AccountId::of(MANUAL, &self.account_name())
    }

    fn account_name(&self) -> String {
        format!("{}-{}", self.claim.tenant, self.mode.name())
    }
}

#[derive(Clone, Debug)]
pub struct RecordPayment {
    pub by: Recorder,
    pub target: PaymentTarget,
    pub method: ManualMethod,
    pub metadata: BTreeMap<String, String>,
}

impl Command for RecordPayment {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.by.claim.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        Some(&self.by.claim)
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.account(self.by.account());
        rows.tenant(self.by.claim.tenant);
        if let PaymentTarget::Booking { booking, .. } = self.target {
            Seats::needs(rows, booking)?;
        }
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let claim = &self.by.claim;
        let (amount, booking) = self.target.amount(facts, claim.tenant, context.now)?;
        // Nothing can fail from here on.

        let origin = self.by.origin();
        let mut draft = Draft::new(context, &origin);
        let known = facts.accounts.get(self.by.account());
        let account = known.cloned().unwrap_or_else(|| Account {
            id: self.by.account(),
            tenant: claim.tenant,
            provider: MANUAL.to_string(),
            name: self.by.account_name(),
            mode: self.by.mode,
            has_payment_unknown_here: false,
            created_at: context.now,
        });
        if known.is_none() {
            draft.put(account.clone());
        }
        let mut payment = Payment {
            booking: booking.map(|booking| booking.id),
            payment_method: self.method.name().to_string(),
            reference: self.target.reference(),
            metadata: Json(self.metadata.clone()),
            authorized_minor: amount.minor,
            evidenced: true,
            ..Payment::new(draft.id_under(claim.key), claim, &account, amount, context.now)
        };
        let object = payment.id.to_string();
        payment.provider_ref = Some(object.clone());
        let captured = MoneyMoved {
            kind: MovementKind::Capture,
            object: &object,
            refund: None,
            amount_minor: amount.minor,
        };
        record(&mut draft, &mut payment, &captured);
        draft.audit(about(&payment), "payment_recorded", None, Some(payment.state.name()));
        let step = const { payment::step(payment::State::Created, payment::Event::Recorded) };
        payment.state = draft.step(about(&payment), step);
        let movement = format!("payment.captured/{object}/{object}");
        append_message(&mut draft, &mut payment, "payment.captured", &movement, amount);
        if let Some(booking) = booking {
            let counted = Booking { payments: booking.payments + 1, ..booking.clone() };
            // The amount covers what is due, so nothing is returned, and there is no deadline.
            book_on(&mut draft, facts, counted, &mut payment, Source::Person, Span::default());
        }
        draft.put(payment.clone());
        Ok(draft.reply(Reply::Payment(Box::new(payment))))
    }
}

/// Records that money of a recorded payment was given back.
#[derive(Clone, Debug)]
pub struct RecordRefund {
    pub by: Recorder,
    pub payment: PaymentId,
    /// `None`: all that is not refunded yet.
    pub amount: Option<Money>,
    pub metadata: BTreeMap<String, String>,
}

impl Command for RecordRefund {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.by.claim.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        Some(&self.by.claim)
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        needs_of_own(rows, self.payment)?;
        if let Some(booking) = rows.payment(self.payment)?.booking {
            needs_of_refunded(rows, booking);
        }
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let claim = &self.by.claim;
        let payment = own(facts, claim.tenant, self.by.mode, self.payment)?;
        if !payment.is_manual() {
            return Err(Refusal::PaymentWasNotRecorded);
        }
        if payment.refunds >= REFUNDS_PER_PAYMENT_MAX {
            return Err(Refusal::TooManyRefunds { limit: REFUNDS_PER_PAYMENT_MAX });
        }
        let refundable = Money::new(payment.refundable_minor(), payment.currency);
        let amount = self.amount.unwrap_or(refundable);
        if amount.currency != refundable.currency || amount.minor > refundable.minor || amount.minor < 1 {
            return Err(Refusal::RefundExceedsCapture { refundable });
        }
        // Nothing can fail from here on.

        let origin = self.by.origin();
        let mut draft = Draft::new(context, &origin);
        let mut payment = payment.clone();
        let id: RefundId = draft.id_under(claim.key);
        let mut refund = Refund {
            id,
            tenant: payment.tenant,
            payment: payment.id,
            booking: payment.booking,
            amount_minor: amount.minor,
            currency: payment.currency,
            external: false,
            reason: self.by.why.clone(),
            metadata: Json(self.metadata.clone()),
            key: Some(claim.key),
            state: CurrentState::start(),
            seq: 0,
            provider_ref: Some(id.to_string()),
            failure: None,
            created_at: context.now,
            updated_at: context.now,
        };
        payment.reserve_refund(amount.minor);
        payment.refunds += 1;
        payment.updated_at = context.now;
        draft.audit(about_refund(&refund), "refund_recorded", None, Some(refund.state.name()));
        let from = *refund.state;
        let step = const { refund::step(refund::State::Created, refund::Event::Succeeded) };
        refund.state = draft.step(about_refund(&refund), step);
        let mut booking = payment.booking.and_then(|id| facts.bookings.get(id)).cloned();
        count(&mut draft, &mut payment, booking.as_mut(), &refund, from);
        let leaves = LeavesRevenue::counted(facts, booking.as_mut(), &refund, amount.minor);
        let movement = alloc::format!("refund.succeeded/{id}");
        append_refund_movement(
            &mut draft,
            &mut refund,
            &payment,
            "refund.succeeded",
            &movement,
            amount,
            leaves,
        );
        if let Some(booking) = booking {
            draft.put(Booking { updated_at: context.now, ..booking });
        }
        draft.put(payment);
        draft.put(refund.clone());
        Ok(draft.reply(Reply::Refund(Box::new(refund))))
    }
}
