//! Requests of a person who received money, or gave it back, without a provider.

use domain::limits::{PERSON_CHARACTERS_MAX, WHY_CHARACTERS_MAX};
use domain::rows;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Request;
use crate::Money;
use crate::limits::REFERENCE_CHARS_MAX;
use crate::validation_errors::ValidationErrors;
use crate::views::Metadata;

/// How a person received money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ManualMethod {
    Cash,
    BankTransfer,
    /// By an invoice of the tenant's.
    Invoice,
    /// At the door, by a terminal that is not connected.
    AtTheDoor,
}

impl From<ManualMethod> for rows::ManualMethod {
    fn from(method: ManualMethod) -> rows::ManualMethod {
        match method {
            ManualMethod::Cash => rows::ManualMethod::Cash,
            ManualMethod::BankTransfer => rows::ManualMethod::BankTransfer,
            ManualMethod::Invoice => rows::ManualMethod::Invoice,
            ManualMethod::AtTheDoor => rows::ManualMethod::AtTheDoor,
        }
    }
}

/// Records money that a person received: for a booking, or for an amount with a reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRecordedPayment {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booking_id: Option<Uuid>,
    /// May be absent with `booking_id`: then all that is due was received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// The client's reference for what is paid; only without `booking_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    pub method: ManualMethod,
    /// Who received it, in free text.
    #[schema(example = "Ana Lima")]
    pub who: String,
    /// When and how it was received, for example the number of the receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

/// Records that money of a recorded payment was given back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRecordedRefund {
    pub payment_id: Uuid,
    /// All that is not refunded yet if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// Who gave it back, in free text.
    #[schema(example = "Ana Lima")]
    pub who: String,
    pub why: String,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

impl Request for NewRecordedPayment {
    fn check(&self, findings: &mut ValidationErrors) {
        if let Some(amount) = self.amount {
            findings.amount("/amount", amount);
        }
        if let Some(reference) = &self.reference {
            findings.line("/reference", reference, REFERENCE_CHARS_MAX);
        }
        findings.line("/who", &self.who, PERSON_CHARACTERS_MAX);
        if let Some(why) = &self.why {
            findings.line("/why", why, WHY_CHARACTERS_MAX);
        }
        findings.metadata(&self.metadata);
    }

    fn check_together(&self, findings: &mut ValidationErrors) {
        if self.booking_id.is_none() && self.amount.is_none() {
            findings.add("", "needs a booking_id or an amount");
        }
        if self.booking_id.is_some() && self.reference.is_some() {
            findings.add("/reference", "must be absent with booking_id");
        }
    }
}

impl Request for NewRecordedRefund {
    fn check(&self, findings: &mut ValidationErrors) {
        if let Some(amount) = self.amount {
            findings.amount("/amount", amount);
        }
        findings.line("/who", &self.who, PERSON_CHARACTERS_MAX);
        findings.line("/why", &self.why, WHY_CHARACTERS_MAX);
        findings.metadata(&self.metadata);
    }
}
