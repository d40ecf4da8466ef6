//! The types in which adapters report what a payment provider has.
//!
//! Adapters translate a provider's wire into these types, and decisions read nothing else. Differs
//! by necessity: how a provider's object is found again, and how long its keys protect a call.

use alloc::string::String;
use alloc::vec::Vec;

use crate::ids::{PaymentId, PayoutId, RefundId};
use crate::money::{Currency, Money};
use crate::refusal::Refusal;
use crate::rows::{Failure, FailureCause, MovementKind, NextAction};
use crate::time::Timestamp;

/// The provider's object for a payment, as a reply, a webhook or a fetch showed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The provider's id of the object.
    pub object: String,
    pub status: ProviderStatus,
    /// The amount for which the object was created.
    pub amount_minor: i64,
    pub currency: Currency,
    /// Until when authorised money can be captured, if this shows it.
    pub capture_before: Option<Timestamp>,
    /// The payment method that the provider has saved for the customer, if this shows it.
    pub saved_method: Option<String>,
    /// The provider's ids of the incoming payments whose sum was captured, if the object can have several,
    /// as a charge by Pix can.
    pub incoming: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderStatus {
    /// The object was never confirmed: no money can move.
    Unconfirmed,
    /// The last try was declined. This is not terminal: the object can still be confirmed again.
    Declined(Failure),
    NeedsAction(NextAction),
    /// The provider processes it.
    Processing,
    Authorized {
        amount_minor: i64,
    },
    Captured {
        amount_minor: i64,
    },
    /// Terminal: it was declined, and no money can move by it any more.
    Failed(Failure),
    /// Terminal: no money moved, and none can move.
    Cancelled,
}

impl ProviderStatus {
    /// Money is reserved or taken.
    pub fn has_money(&self) -> bool {
        matches!(self, ProviderStatus::Authorized { .. } | ProviderStatus::Captured { .. })
    }
}

/// The provider's object for a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundObservation {
    pub object: String,
    pub status: RefundStatus,
    pub amount_minor: i64,
    pub currency: Currency,
    /// Which of the object's incoming payments it returns, if the object can have several.
    pub incoming: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundStatus {
    Pending,
    Succeeded,
    Failed(Failure),
}

/// A payment's object in the provider's list of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentAtProvider {
    /// Our payment, by the reference that the object carries.
    pub reference: Option<PaymentId>,
    pub observation: Observation,
    /// What went back to the customer, if the object shows it.
    pub refunded_minor: Option<i64>,
    pub created_at: Timestamp,
}

/// A refund in the provider's list of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundAtProvider {
    /// Our refund, by the reference that it carries.
    pub reference: Option<RefundId>,
    /// The provider's id of the payment's object.
    pub payment_object: String,
    pub observation: RefundObservation,
    pub created_at: Timestamp,
}

/// What the provider kept of a payment, or gave back, in its list of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeeAtProvider {
    /// What the provider lists it by. Its amount never changes.
    pub object: String,
    /// The provider's id of the payment's object.
    pub payment_object: String,
    /// Negative if it was given back. Its currency is the one in which the account is paid out.
    pub amount: Money,
    pub created_at: Timestamp,
}

impl FeeAtProvider {
    pub fn kind(&self) -> MovementKind {
        if self.amount.minor < 0 { MovementKind::ProviderFeeReversal } else { MovementKind::ProviderFee }
    }
}

/// A transfer to a beneficiary's account at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferObservation {
    pub object: String,
    pub amount_minor: i64,
    pub currency: Currency,
    /// The beneficiary's account.
    pub destination: String,
    /// What was taken back.
    pub reversed_minor: i64,
    /// The numbers of our own reversals among those that the provider shows with it.
    pub own_reversals: Vec<i64>,
}

/// A transfer in the provider's list of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferAtProvider {
    /// Our payout, by the reference that it carries.
    pub reference: Option<PayoutId>,
    pub observation: TransferObservation,
    pub created_at: Timestamp,
}

/// The definite answer to the order of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferAnswer {
    Made(TransferObservation),
    /// The tenant's balance at the provider is too low at present. No money moved.
    InsufficientBalance,
}

/// The source of an observation. The reply to our own call moves the attempt and the payment. Only the other
/// sources move a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Answer,
    Fetched,
    Webhook,
    /// A person received the money.
    Person,
}

impl Source {
    pub fn is_evidence(self) -> bool {
        matches!(self, Source::Fetched | Source::Webhook | Source::Person)
    }
}

/// A dispute of a captured payment by the customer's bank, as a verified event or a fetched object shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisputeObservation {
    /// The provider's id of the dispute.
    pub object: String,
    pub status: DisputeStatus,
    pub currency: Currency,
    pub details: DisputeDetails,
    /// The bank took the money back. This stays true when the money is given back.
    pub withdrawn: bool,
    /// The bank gave the money back.
    pub reinstated: bool,
    /// Evidence was submitted, by whomever.
    pub has_evidence: bool,
}

/// What may change while a dispute goes on. The greatest that was ever shown counts, so neither the order
/// of observations nor their repetition makes a difference; the time of the provider decides first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DisputeDetails {
    /// When the provider showed it, by its own clock. `None` for the reply to a call of ours.
    pub shown_at: Option<Timestamp>,
    pub amount_minor: i64,
    /// The provider's word for the customer's reason, such as `fraudulent`.
    pub reason: Option<String>,
    /// The card network's code of the reason.
    pub network_reason: Option<String>,
    /// Until then evidence can be submitted. It decides last, because the end of a dispute clears it.
    pub evidence_due_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisputeStatus {
    /// The bank requests information. No money moved.
    Inquiry,
    Opened,
    /// It ended without a decision.
    Closed,
    /// It was decided for us.
    Won,
    Lost,
}

/// Which amounts of one currency a provider can move, in our minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AmountRule {
    pub min_minor: i64,
    pub max_minor: i64,
    /// Every amount is a multiple of this.
    pub step_minor: i64,
}

impl AmountRule {
    /// Whether this amount of a payment can be captured or refunded. It may be below the least payment.
    pub fn allows_part(&self, minor: i64) -> bool {
        minor >= 1 && minor <= self.max_minor && minor % self.step_minor == 0
    }

    /// Whether this amount can be charged.
    pub fn allows(&self, minor: i64) -> bool {
        minor >= self.min_minor && self.allows_part(minor)
    }
}

/// The rules of a provider, by its name and the currency. `None` if it does not take the currency.
#[derive(Clone, Copy, Debug)]
pub struct AmountRules(pub fn(&str, Currency) -> Option<AmountRule>);

impl AmountRules {
    /// Refuses an amount that cannot be charged.
    pub fn check(self, provider: &str, amount: Money) -> Result<(), Refusal> {
        self.check_by(provider, amount, |rule| rule.allows(amount.minor))
    }

    /// Refuses a part of a payment that cannot be captured or refunded.
    pub fn check_part(self, provider: &str, amount: Money) -> Result<(), Refusal> {
        self.check_by(provider, amount, |rule| rule.allows_part(amount.minor))
    }

    fn check_by(
        self,
        provider: &str,
        amount: Money,
        allows: impl FnOnce(&AmountRule) -> bool,
    ) -> Result<(), Refusal> {
        let rule = (self.0)(provider, amount.currency);
        let rule = rule.ok_or(Refusal::CurrencyIsNotTaken { currency: amount.currency })?;
        if allows(&rule) { Ok(()) } else { Err(Refusal::AmountIsNotPayable { amount, rule }) }
    }
}

/// The providers of a tenant. An amount that none of them can move is not sold. Without providers nothing is
/// refused.
#[derive(Clone, Debug)]
pub struct TenantProviders {
    pub names: Vec<String>,
    pub amounts: AmountRules,
}

impl TenantProviders {
    /// Refuses the total of a booking that no provider could charge.
    pub fn check_total(&self, total: Money) -> Result<(), Refusal> {
        self.check_any(total, |provider| self.amounts.check(provider, total))
    }

    /// Refuses a price. It may be below the least payment, because several units are paid together.
    pub fn check_price(&self, price: Money) -> Result<(), Refusal> {
        self.check_any(price, |provider| self.amounts.check_part(provider, price))
    }

    fn check_any(&self, amount: Money, check: impl Fn(&str) -> Result<(), Refusal>) -> Result<(), Refusal> {
        let mut checked = Ok(());
        for provider in self.names.iter().filter(|_| amount.minor > 0) {
            checked = check(provider);
            if checked.is_ok() {
                break;
            }
        }
        checked
    }
}

/// The outcome of a call that moves money, as far as one reply proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallOutcome<O> {
    /// The provider answered with the object as it is now.
    Object(O),
    /// The provider refused the call itself, and nothing changed there. `object` is set if the reply has it.
    Refused { code: String, cause: FailureCause, object: Option<O> },
    /// The call was provably not sent, or the provider refused it unread (connect error, 429).
    /// `reached_provider`: whether the call got as far as the provider. It did not if our circuit is open, or
    /// if no worker is free.
    NotSent { error: String, retry_after_seconds: Option<i64>, reached_provider: bool },
    /// Money may have moved or not. `key_spent`: the provider replied with an error of its own and
    /// stored that reply under the key, so the same call under the same key gets the error again.
    Unknown { error: String, key_spent: bool },
}

impl<O> CallOutcome<O> {
    /// The result of a fetch, which moves nothing: the object, or why there is none.
    pub fn shown(self) -> Result<O, String> {
        match self {
            CallOutcome::Object(object) => Ok(object),
            CallOutcome::Refused { code: why, .. }
            | CallOutcome::NotSent { error: why, .. }
            | CallOutcome::Unknown { error: why, .. } => Err(why),
        }
    }
}
