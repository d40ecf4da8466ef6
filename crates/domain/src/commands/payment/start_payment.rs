//! Start a payment: write the payment, and enqueue its charge.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;

use super::{ProviderCall, about, enqueue};
use crate::commands::draft::{Draft, Origin};
use crate::commands::jobs::JobLease;
use crate::ids::{AccountId, AttemptId, BookingId, PaymentId, TenantId};
use crate::lifecycle::{CurrentState, State as _, booking};
use crate::limits::{AMOUNT_MINOR_MAX, PAYMENTS_PER_BOOKING_MAX};
use crate::money::Money;
use crate::provider::AmountRules;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{AttemptKind, Booking, Capture, Facts, Needs, Payer, Payment};
use crate::time::{Span, Timestamp};
use crate::working_set::{Claim, Command, Context, DecisionResult, Json};

/// What is paid for.
#[derive(Clone, Debug)]
pub enum PaymentTarget {
    Booking {
        booking: BookingId,
        /// `None`: all that is due. Refunded money is not due again, so a charge after a refund needs an
        /// amount.
        amount: Option<Money>,
    },
    Amount {
        amount: Money,
        reference: Option<String>,
    },
}

#[derive(Clone, Debug)]
pub struct StartPayment {
    pub claim: Claim,
    pub target: PaymentTarget,
    pub account: AccountId,
    /// A provider's token, or `pix`.
    pub payment_method: String,
    pub brand: Option<String>,
    pub instalments: i64,
    pub payer: Option<Payer>,
    /// How long the customer may pay, with a method that the customer completes.
    pub pay_within: Option<Span>,
    pub capture: Capture,
    pub return_url: Option<String>,
    pub metadata: BTreeMap<String, String>,
    pub amounts: AmountRules,
    /// The longest time without a definite outcome.
    pub deadline: Span,
    /// The server that got the request works on the job at once.
    pub lease: Option<JobLease>,
}

impl StartPayment {
    /// The booking, if it may be paid now.
    fn payable<'f>(&self, facts: &'f Facts, id: BookingId, now: Timestamp) -> Result<&'f Booking, Refusal> {
        let booking = facts
            .bookings
            .get(id)
            .filter(|booking| booking.tenant == self.claim.tenant)
            .ok_or(Refusal::BookingNotFound)?;
        match *booking.state {
            booking::State::Held if booking.hold_expires_at <= now => return Err(Refusal::HoldHasExpired),
            booking::State::Expired => return Err(Refusal::HoldHasExpired),
            booking::State::Held | booking::State::Confirmed => {}
            state => return Err(Refusal::BookingIsNotHeld { state: state.name() }),
        }
        if let Some(payment) = booking.open_payment {
            return Err(Refusal::PaymentAlreadyOpen { payment: payment.0 });
        }
        if booking.payments >= PAYMENTS_PER_BOOKING_MAX {
            return Err(Refusal::TooManyPayments { limit: PAYMENTS_PER_BOOKING_MAX });
        }
        Ok(booking)
    }

    /// How much of the booking is to be paid.
    fn part_of(booking: &Booking, wanted: Option<Money>) -> Result<Money, Refusal> {
        let money = |minor| Money::new(minor, booking.currency);
        let due = money(booking.due_minor());
        if wanted.is_none() && due.minor == 0 {
            return Err(Refusal::NothingIsDue);
        }
        let amount = wanted.unwrap_or(due);
        if amount.currency != booking.currency {
            return Err(Refusal::CurrencyIsNotTheBookings);
        }
        let chargeable = money(booking.chargeable_minor());
        if amount.minor > chargeable.minor {
            return Err(Refusal::AmountExceedsTotal { chargeable });
        }
        if booking.state.is(booking::State::Held) && amount != chargeable {
            return Err(Refusal::AmountDoesNotCoverWhatIsDue { due: chargeable });
        }
        Ok(amount)
    }

    fn payment(
        &self,
        draft: &Draft<'_>,
        provider: &str,
        amount: Money,
        booking: Option<&Booking>,
    ) -> Payment {
        let now = draft.context.now;
        Payment {
            id: draft.id(),
            tenant: self.claim.tenant,
            client: self.claim.client,
            booking: booking.map(|booking| booking.id),
            account: self.account,
            provider: String::from(provider),
            amount_minor: amount.minor,
            currency: amount.currency,
            capture: self.capture,
            payment_method: self.payment_method.clone(),
            brand: self.brand.clone(),
            instalments: self.instalments,
            payer: self.payer.clone().map(Json),
            pay_until: self.pay_within.map(|span| now.plus(span)),
            reference: match &self.target {
                PaymentTarget::Amount { reference, .. } => reference.clone(),
                PaymentTarget::Booking { .. } => None,
            },
            return_url: self.return_url.clone(),
            metadata: Json(self.metadata.clone()),
            key: Some(self.claim.key),
            state: CurrentState::start(),
            seq: 0,
            provider_ref: None,
            authorized_minor: 0,
            captured_minor: 0,
            refunding_minor: 0,
            refunded_minor: 0,
            suspended_minor: 0,
            disputed_minor: 0,
            open_disputes: 0,
            refunds: 0,
            next_action: None,
            failure: None,
            active: None,
            capturing_minor: None,
            void_requested: false,
            evidenced: false,
            contradicted_at: None,
            booked_authorized_minor: 0,
            booked_paid_minor: 0,
            booked_refunded_minor: 0,
            created_at: now,
            updated_at: now,
        }
    }
}

impl Command for StartPayment {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.claim.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        Some(&self.claim)
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        if let PaymentTarget::Booking { booking, .. } = self.target {
            rows.booking(booking);
        }
        rows.account(self.account);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let account = facts
            .accounts
            .get(self.account)
            .filter(|account| account.tenant == self.claim.tenant)
            .ok_or(Refusal::AccountNotFound)?;
        let (amount, booking) = match &self.target {
            PaymentTarget::Booking { booking, amount } => {
                let booking = self.payable(facts, *booking, context.now)?;
                (Self::part_of(booking, *amount)?, Some(booking))
            }
            PaymentTarget::Amount { amount, .. } => (*amount, None),
        };
        if amount.minor < 1 {
            return Err(Refusal::NothingIsDue);
        }
        if amount.minor > AMOUNT_MINOR_MAX {
            return Err(Refusal::AmountIsTooLarge);
        }
        self.amounts.check(&account.provider, amount)?;
        // Nothing can fail from here on.

        let origin = Origin::claimed(&self.claim);
        let mut draft = Draft::new(context, &origin);
        let payment = self.payment(&draft, &account.provider, amount, booking);
        if let Some(booking) = booking {
            draft.put(Booking {
                open_payment: Some(payment.id),
                payments: booking.payments + 1,
                updated_at: context.now,
                ..booking.clone()
            });
        }
        draft.audit(about(&payment), "payment_started", None, Some(payment.state.name()));
        let call = ProviderCall {
            id: AttemptId::from(payment.id),
            payment: payment.id,
            refund: None,
            tenant: payment.tenant,
            kind: AttemptKind::Charge,
            amount_minor: amount.minor,
            key: Some(self.claim.key),
            deadline: self.deadline,
        };
        let id: PaymentId = payment.id;
        let started = enqueue(&mut draft, call, self.lease, payment.clone(), None);
        draft.put(payment);
        Ok(draft.reply(Reply::Started(Box::new(started))).settles_later(id))
    }
}
