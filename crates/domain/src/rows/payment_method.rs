//! How a customer pays, at which account, and who pays.

use alloc::string::String;
use serde::{Deserialize, Serialize};

use crate::ids::AccountId;
use crate::time::{Span, Timestamp};

/// The ways to pay, as accounts are chosen by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayBy {
    Card,
    Pix,
}

impl PayBy {
    pub const ALL: [PayBy; 2] = [PayBy::Card, PayBy::Pix];

    pub fn name(self) -> &'static str {
        match self {
            PayBy::Card => "card",
            PayBy::Pix => "pix",
        }
    }
    pub fn from_name(name: &str) -> Option<PayBy> {
        PayBy::ALL.into_iter().find(|method| method.name() == name)
    }
}

/// The provider of money that a person receives and records.
pub const MANUAL: &str = "manual";

/// How a person received money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ManualMethod {
    Cash,
    BankTransfer,
    /// Paid by an invoice of the tenant's.
    Invoice,
    /// Paid at the door by a terminal that this program does not know.
    AtTheDoor,
}

impl ManualMethod {
    pub const ALL: [ManualMethod; 4] =
        [ManualMethod::Cash, ManualMethod::BankTransfer, ManualMethod::Invoice, ManualMethod::AtTheDoor];

    pub fn name(self) -> &'static str {
        match self {
            ManualMethod::Cash => "cash",
            ManualMethod::BankTransfer => "bank_transfer",
            ManualMethod::Invoice => "invoice",
            ManualMethod::AtTheDoor => "at_the_door",
        }
    }
}

/// How the customer pays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentMethod {
    /// With a card, by the provider's token; never a card number.
    Card {
        token: String,
        /// The provider's name of the card's brand, such as `visa`, where it wants one.
        brand: Option<String>,
        instalments: i64,
    },
    /// With Pix, until then.
    Pix {
        pay_until: Timestamp,
        /// The same as a time that begins with the payment.
        pay_within: Span,
    },
    /// With what the customer enters into the provider's own form, until then. The customer confirms the
    /// payment there, and we never do.
    Form { pay_until: Timestamp },
    /// On a page of the provider, until then. Each of the customer's payments there is an object of its own.
    Page {
        pay_until: Timestamp,
        /// The most that the page offers.
        instalments: i64,
    },
}

/// An account at which a payment can be tried, and what the customer pays with there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRoute {
    pub account: AccountId,
    pub provider: String,
    /// A token of this provider, or `pix`.
    pub payment_method: String,
    #[serde(default)]
    pub brand: Option<String>,
}
/// The payment methods that are no token, as a payment names them.
pub const PIX: &str = "pix";
pub const PAYMENT_FORM: &str = "payment_form";
pub const CHECKOUT_PAGE: &str = "checkout_page";

/// Who pays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payer {
    pub email: String,
    pub name: Option<String>,
    pub tax_id: Option<TaxId>,
}

/// A Brazilian taxpayer's number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxId {
    pub kind: TaxIdKind,
    /// Digits, or for a company also letters, without punctuation.
    pub number: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaxIdKind {
    /// A person's.
    Cpf,
    /// A company's.
    Cnpj,
}
