//! What a payment provider can tell us, in our own words.
//!
//! Adapters translate their wire into these; decisions read nothing else. Differs by necessity from
//! provider to provider: how an object is found again, and how long a key protects a call.

use alloc::string::String;
use alloc::vec::Vec;

use crate::money::{Currency, Money};
use crate::refusal::Refusal;
use crate::rows::{Failure, FailureCause, NextAction};

/// The provider's object for a payment, as an answer, a webhook or a fetch showed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The provider's id of the object.
    pub object: String,
    pub status: ProviderStatus,
    /// What it was made for.
    pub amount_minor: i64,
    pub currency: Currency,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderStatus {
    /// Exists, and was never confirmed: no money can move.
    Unconfirmed,
    /// The last try was declined. Not terminal: the object could still be confirmed again.
    Declined(Failure),
    NeedsAction(NextAction),
    /// The provider works on it.
    Processing,
    Authorized {
        amount_minor: i64,
    },
    Captured {
        amount_minor: i64,
    },
    /// Terminal: no money moved and none can.
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
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundStatus {
    Pending,
    Succeeded,
    Failed(Failure),
}

/// How we came to know. The answer to our own call moves the attempt and the payment; only the
/// others move a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Answer,
    Fetched,
    Webhook,
}

impl Source {
    pub fn is_evidence(self) -> bool {
        matches!(self, Source::Fetched | Source::Webhook)
    }
}

/// What the customer's bank did about a captured payment, as a verified event told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisputeObservation {
    /// The provider's id of the dispute.
    pub object: String,
    pub status: DisputeStatus,
    pub amount_minor: i64,
    pub currency: Currency,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisputeStatus {
    /// Somebody asks; no money moved.
    Inquiry,
    Opened,
    FundsWithdrawn,
    FundsReinstated,
    /// It ended for us, or an inquiry came to nothing.
    Won,
    Lost,
}

/// Which amounts of one currency a provider can move, in our minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AmountRule {
    pub min_minor: i64,
    pub max_minor: i64,
    /// Every amount is a multiple of it.
    pub step_minor: i64,
}

impl AmountRule {
    /// Whether so much can be captured or refunded of a payment: it may be less than the least payment.
    pub fn allows_part(&self, minor: i64) -> bool {
        minor >= 1 && minor <= self.max_minor && minor % self.step_minor == 0
    }

    /// Whether so much can be charged.
    pub fn allows(&self, minor: i64) -> bool {
        minor >= self.min_minor && self.allows_part(minor)
    }
}

/// The rules of a provider, by its name, in a currency; `None` for one that it does not take.
#[derive(Clone, Copy, Debug)]
pub struct AmountRules(pub fn(&str, Currency) -> Option<AmountRule>);

impl AmountRules {
    /// Refuses what cannot be charged.
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

/// The providers by which a tenant may be paid: what none of them can move is not sold. Where there is none,
/// nothing is refused.
#[derive(Clone, Debug)]
pub struct TenantProviders {
    pub names: Vec<String>,
    pub amounts: AmountRules,
}

impl TenantProviders {
    /// Refuses a sum that a booking would cost and nobody could pay.
    pub fn check_total(&self, total: Money) -> Result<(), Refusal> {
        self.check_any(total, |provider| self.amounts.check(provider, total))
    }

    /// Refuses a price. It may be less than the least payment: several units are paid together.
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

/// What became of a call that moves money, as far as one answer tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallOutcome<O> {
    /// The provider answered with the object as it is now.
    Object(O),
    /// The provider refused the call itself; nothing changed there. `object` where it came along.
    Refused { code: String, cause: FailureCause, object: Option<O> },
    /// It provably never left us, or the provider turned it away unread (connect error, 429).
    /// `asked`: whether the provider was. Not while our own circuit to it is open, or no worker is free.
    NotSent { error: String, retry_after_seconds: Option<i64>, asked: bool },
    /// It may or may not have happened. `key_spent`: the provider answered, with an error of its own, and
    /// keeps that answer under the key: the same call under the same key will hear it again.
    Unknown { error: String, key_spent: bool },
}

impl<O> CallOutcome<O> {
    /// The result of a look-up, which moves nothing: what it showed, or why it showed nothing.
    pub fn shown(self) -> Result<O, String> {
        match self {
            CallOutcome::Object(object) => Ok(object),
            CallOutcome::Refused { code: why, .. }
            | CallOutcome::NotSent { error: why, .. }
            | CallOutcome::Unknown { error: why, .. } => Err(why),
        }
    }
}
