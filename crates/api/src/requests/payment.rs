//! Requests that move money.

use domain::rows;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Request;
use crate::Money;
use crate::limits::{REASON_CHARS_MAX, REFERENCE_CHARS_MAX};
use crate::validation_errors::ValidationErrors;
use crate::views::Metadata;

/// When authorised money is captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Capture {
    /// At once.
    #[default]
    Automatic,
    /// With `POST /v1/payments/{id}/capture`.
    Manual,
}

impl From<rows::Capture> for Capture {
    fn from(capture: rows::Capture) -> Capture {
        match capture {
            rows::Capture::Automatic => Capture::Automatic,
            rows::Capture::Manual => Capture::Manual,
        }
    }
}

impl From<Capture> for rows::Capture {
    fn from(capture: Capture) -> rows::Capture {
        match capture {
            Capture::Automatic => rows::Capture::Automatic,
            Capture::Manual => rows::Capture::Manual,
        }
    }
}

/// Starts a payment: for a booking, or for an amount with a reference of the client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPayment {
    /// Pays what this booking owes, or `amount` of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booking_id: Option<Uuid>,
    /// May be absent with `booking_id`: then all that is due is paid. Refunded money is not due
    /// again, so a charge after a refund needs an amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// The client's reference for what is paid; only without `booking_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    #[schema(example = "stripe", pattern = "^[a-z0-9_]{1,40}$")]
    pub provider: String,
    /// The provider's token. A card number is refused.
    #[schema(example = "pm_card_visa")]
    pub payment_method: String,
    #[serde(default)]
    pub capture: Capture,
    /// Where the customer returns after a redirect: a web page, or an app by its own scheme. Never
    /// a scheme that a browser executes or reads itself (`javascript`, `data`), or that of another
    /// protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://shop.example/done")]
    pub return_url: Option<String>,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

/// Charges an amount at once: the short form of a payment with automatic capture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCharge {
    pub amount: Money,
    #[schema(example = "stripe", pattern = "^[a-z0-9_]{1,40}$")]
    pub provider: String,
    /// The provider's token. A card number is refused.
    #[schema(example = "pm_card_visa")]
    pub payment_method: String,
    /// The client's reference for what is paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Where the customer returns after a redirect: a web page, or an app by its own scheme. Never
    /// a scheme that a browser executes or reads itself (`javascript`, `data`), or that of another
    /// protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "myapp://done")]
    pub return_url: Option<String>,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

/// Captures authorised money.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCapture {
    /// All that is authorised if absent. The rest is released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
}

/// Refunds captured money.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRefund {
    /// All that was captured and not refunded yet, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

impl From<NewCharge> for NewPayment {
    fn from(charge: NewCharge) -> NewPayment {
        NewPayment {
            booking_id: None,
            amount: Some(charge.amount),
            reference: charge.reference,
            provider: charge.provider,
            payment_method: charge.payment_method,
            capture: Capture::Automatic,
            return_url: charge.return_url,
            metadata: charge.metadata,
        }
    }
}

impl Request for NewPayment {
    fn check(&self, findings: &mut ValidationErrors) {
        if let Some(amount) = self.amount {
            findings.amount("/amount", amount);
        }
        if let Some(reference) = &self.reference {
            findings.line("/reference", reference, REFERENCE_CHARS_MAX);
        }
        findings.provider("/provider", &self.provider);
        findings.payment_method("/payment_method", &self.payment_method);
        if let Some(url) = &self.return_url {
            findings.return_url("/return_url", url);
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

impl Request for NewCharge {
    fn check(&self, findings: &mut ValidationErrors) {
        NewPayment::from(self.clone()).check(findings);
    }
}

impl Request for NewCapture {
    const BODY_IS_OPTIONAL: bool = true;

    fn check(&self, findings: &mut ValidationErrors) {
        if let Some(amount) = self.amount {
            findings.amount("/amount", amount);
        }
    }
}

impl Request for NewRefund {
    const BODY_IS_OPTIONAL: bool = true;

    fn check(&self, findings: &mut ValidationErrors) {
        if let Some(amount) = self.amount {
            findings.amount("/amount", amount);
        }
        if let Some(reason) = &self.reason {
            findings.paragraph("/reason", reason, REASON_CHARS_MAX);
        }
        findings.metadata(&self.metadata);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::json::decode;

    const BOOKING: &str = "00000000-0000-0000-0000-000000000006";

    fn found<R: Request + serde::de::DeserializeOwned>(mut body: Value, over: Value) -> Vec<String> {
        let members = over.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(members);
        let found = decode::<R>(body).map_or_else(|findings| findings.errors().to_vec(), |_| vec![]);
        found.into_iter().map(|error| error.pointer).collect()
    }

    #[test]
    fn a_payment_is_for_a_booking_or_for_an_amount() {
        let check = |over: Value, expected: &[&str]| {
            let body = json!({ "provider": "stripe", "payment_method": "pm_card_visa" });
            assert_eq!(found::<NewPayment>(body, over.clone()), expected, "{over}");
        };
        let eur = |minor: i64| json!({ "minor": minor, "currency": "EUR" });
        check(json!({ "booking_id": BOOKING }), &[]);
        check(json!({ "amount": eur(1), "reference": "INV-1", "capture": "manual" }), &[]);
        check(json!({}), &[""]);
        check(json!({ "booking_id": BOOKING, "amount": eur(1) }), &[]);
        check(json!({ "booking_id": BOOKING, "amount": eur(0) }), &["/amount/minor"]);
        check(json!({ "booking_id": BOOKING, "reference": "x" }), &["/reference"]);
        check(json!({ "amount": eur(0) }), &["/amount/minor"]);
        check(json!({ "amount": { "minor": 1, "currency": "ZZZ" } }), &["/amount/currency"]);
        check(json!({ "amount": { "minor": 1, "currency": "eur" } }), &["/amount/currency"]);
        check(json!({ "amount": { "minor": 1.5, "currency": "EUR" } }), &["/amount/minor"]);
        check(json!({ "amount": { "minor": "1", "currency": "EUR" } }), &["/amount/minor"]);
        check(json!({ "booking_id": BOOKING, "provider": "Stripe!" }), &["/provider"]);
        check(json!({ "booking_id": BOOKING, "payment_method": "4242424242424242" }), &["/payment_method"]);
        check(json!({ "booking_id": BOOKING, "return_url": "javascript:1" }), &["/return_url"]);
        check(json!({ "booking_id": BOOKING, "return_url": "myapp://done" }), &[]);
        check(json!({ "booking_id": BOOKING, "capture": "later" }), &["/capture"]);
        check(json!({ "booking_id": BOOKING, "state": "captured" }), &["/state"]);
    }

    #[test]
    fn a_charge_is_a_payment() {
        let body = || {
            json!({
                "amount": { "minor": 100, "currency": "EUR" },
                "provider": "stripe",
                "payment_method": "pm_card_visa",
            })
        };
        assert!(found::<NewCharge>(body(), json!({ "reference": "INV-1" })).is_empty());
        assert_eq!(found::<NewCharge>(body(), json!({ "booking_id": BOOKING })), ["/booking_id"]);
        assert_eq!(found::<NewCharge>(body(), json!({ "reference": "\0" })), ["/reference"]);
    }

    #[test]
    fn captures_and_refunds_may_be_partial() {
        let eur = |minor: i64| json!({ "amount": { "minor": minor, "currency": "EUR" } });
        assert!(found::<NewCapture>(json!({}), eur(5)).is_empty());
        assert_eq!(found::<NewCapture>(json!({}), eur(0)), ["/amount/minor"]);
        assert!(found::<NewRefund>(eur(5), json!({ "reason": "rain" })).is_empty());
        assert_eq!(found::<NewRefund>(eur(-5), json!({ "reason": "\0" })), ["/reason", "/amount/minor"]);
    }
}
