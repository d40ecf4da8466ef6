//! Start a payment: write the payment, and enqueue its charge.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::{ProviderCall, about, enqueue};
use crate::commands::draft::{Draft, Origin};
use crate::commands::jobs::JobLease;
use crate::ids::{AccountId, AttemptId, BookingId, CustomerId, PaymentId, ProviderCustomerId, TenantId};
use crate::lifecycle::{State as _, booking};
use crate::limits::{AMOUNT_MINOR_MAX, PAYMENTS_PER_BOOKING_MAX};
use crate::money::{Currency, Money};
use crate::provider::AmountRules;
use crate::refusal::Refusal;
use crate::reply::{AttemptJob, Reply};
use crate::rows::{Account, AttemptKind, Booking, Capture, Facts, Needs, PIX, Payer, Payment, PaymentRoute};
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

/// What a payment does with saved payment methods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MethodUse {
    /// Whose they are. A booking's payment is its customer's, whatever is here.
    pub customer: Option<CustomerId>,
    /// The payment method is saved for the customer once it has paid.
    pub saves: bool,
    /// A saved payment method is charged, and the customer is absent.
    pub off_session: bool,
}

#[derive(Clone, Debug)]
pub struct StartPayment {
    pub claim: Claim,
    pub target: PaymentTarget,
    pub account: AccountId,
    /// A provider's token, or the name of another method.
    pub payment_method: String,
    pub brand: Option<String>,
    /// Where the charge is tried next, in this order, each after a decline that proves that no money moved.
    pub alternatives: Vec<PaymentRoute>,
    pub instalments: i64,
    pub payer: Option<Payer>,
    /// How long the customer may pay, with a method that the customer completes.
    pub pay_within: Option<Span>,
    /// The only currency of the method, if it has one.
    pub method_currency: Option<Currency>,
    pub method_use: MethodUse,
    pub capture: Capture,
    pub return_url: Option<String>,
    pub metadata: BTreeMap<String, String>,
    pub amounts: AmountRules,
    /// The longest time without a definite outcome.
    pub deadline: Span,
    /// The server that got the request works on the job at once.
    pub lease: Option<JobLease>,
}

impl PaymentTarget {
    pub(super) fn reference(&self) -> Option<String> {
        match self {
            PaymentTarget::Amount { reference, .. } => reference.clone(),
            PaymentTarget::Booking { .. } => None,
        }
    }

    /// How much is to be paid now, and for which booking.
    pub(super) fn amount<'f>(
        &self,
        facts: &'f Facts,
        tenant: TenantId,
        now: Timestamp,
    ) -> Result<(Money, Option<&'f Booking>), Refusal> {
        let (amount, booking) = match self {
            PaymentTarget::Booking { booking, amount } => {
                let booking = payable(facts, tenant, *booking, now)?;
                (part_of(booking, *amount)?, Some(booking))
            }
            PaymentTarget::Amount { amount, .. } => (*amount, None),
        };
        if amount.minor < 1 {
            return Err(Refusal::NothingIsDue);
        }
        if amount.minor > AMOUNT_MINOR_MAX {
            return Err(Refusal::AmountIsTooLarge);
        }
        Ok((amount, booking))
    }
}

/// The booking, if it may be paid now.
fn payable(facts: &Facts, tenant: TenantId, id: BookingId, now: Timestamp) -> Result<&Booking, Refusal> {
    let booking =
        facts.bookings.get(id).filter(|booking| booking.tenant == tenant).ok_or(Refusal::BookingNotFound)?;
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

impl StartPayment {
    /// The end of a hold during this payment. A code of Pix cannot be taken back from the customer, so the
    /// seats must be there until its end. A form can, and ends with the hold.
    fn held_until(&self, booking: &Booking, now: Timestamp) -> Result<Timestamp, Refusal> {
        let outlives = self.payment_method == PIX && booking.state.is(booking::State::Held);
        let Some(pay_within) = self.pay_within.filter(|_| outlives) else {
            return Ok(booking.hold_expires_at);
        };
        let until = now.plus(pay_within);
        if until > booking.hold_expires_max {
            let seconds_max = booking.hold_expires_max.since(now).as_seconds().max(0);
            return Err(Refusal::PaymentOutlivesHold { seconds_max });
        }
        Ok(booking.hold_expires_at.max(until))
    }

    /// The customer whose saved payment methods this payment may use, or adds to. A payment that does not say so
    /// may pay with a saved one all the same: the provider takes it only together with its customer.
    fn customer(&self, facts: &Facts, booking: Option<&Booking>) -> Result<Option<CustomerId>, Refusal> {
        let MethodUse { customer, saves, off_session } = self.method_use;
        let customer = booking.map(|booking| booking.customer).or(customer);
        let has_saved = customer.is_some_and(|customer| {
            let at_account = facts.provider_customers.get(ProviderCustomerId::of(self.account, customer));
            at_account.is_some_and(|known| known.tenant == self.claim.tenant && known.object.is_some())
        });
        if off_session && !has_saved {
            return Err(Refusal::CustomerHasNoSavedMethod);
        }
        Ok(customer.filter(|_| saves || has_saved))
    }

    fn payment(
        &self,
        draft: &Draft<'_>,
        account: &Account,
        amount: Money,
        (booking, customer): (Option<&Booking>, Option<CustomerId>),
    ) -> Payment {
        let now = draft.context.now;
        Payment {
            booking: booking.map(|booking| booking.id),
            capture: self.capture,
            payment_method: self.payment_method.clone(),
            brand: self.brand.clone(),
            instalments: self.instalments,
            payer: self.payer.clone().map(Json),
            pay_until: self.pay_within.map(|span| now.plus(span)),
            alternatives: (!self.alternatives.is_empty()).then(|| Json(self.alternatives.clone())),
            reference: self.target.reference(),
            return_url: self.return_url.clone(),
            metadata: Json(self.metadata.clone()),
            customer,
            saves_method: self.method_use.saves,
            off_session: self.method_use.off_session,
            ..Payment::new(draft.id_under(self.claim.key), &self.claim, account, amount, now)
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
        rows.account(self.account);
        for route in &self.alternatives {
            rows.account(route.account);
        }
        let customer = match self.target {
            PaymentTarget::Booking { booking, .. } => Some(rows.booking(booking)?.customer),
            PaymentTarget::Amount { .. } => self.method_use.customer,
        };
        if let Some(customer) = customer {
            rows.provider_customer(ProviderCustomerId::of(self.account, customer));
        }
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let own = |id| {
            let account = facts.accounts.get(id).filter(|account| account.tenant == self.claim.tenant);
            account.ok_or(Refusal::AccountNotFound)
        };
        let account = own(self.account)?;
        let (amount, booking) = self.target.amount(facts, self.claim.tenant, context.now)?;
        let held_until = booking.map(|booking| self.held_until(booking, context.now)).transpose()?;
        if self.method_currency.is_some_and(|currency| currency != amount.currency) {
            return Err(Refusal::CurrencyIsNotTaken { currency: amount.currency });
        }
        self.amounts.check(&account.provider, amount)?;
        for route in &self.alternatives {
            self.amounts.check(&own(route.account)?.provider, amount)?;
        }
        let customer = self.customer(facts, booking)?;
        // Nothing can fail from here on.

        let origin = Origin::claimed(&self.claim);
        let mut draft = Draft::new(context, &origin);
        let payment = self.payment(&draft, account, amount, (booking, customer));
        if let Some((booking, held_until)) = booking.zip(held_until) {
            draft.put(Booking {
                open_payment: Some(payment.id),
                payments: booking.payments + 1,
                hold_expires_at: held_until,
                sweep_at: if held_until > booking.hold_expires_at { held_until } else { booking.sweep_at },
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
        let started = AttemptJob {
            may_be_found: account.has_payment_unknown_here,
            ..enqueue(&mut draft, call, self.lease, payment.clone(), None)
        };
        draft.put(payment);
        Ok(draft.reply(Reply::Started(Box::new(started))).settles_later(id))
    }
}
