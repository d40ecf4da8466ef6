//! Stripe's objects, as far as they are read, and what they mean.
//!
//! PaymentIntent, <https://docs.stripe.com/payments/paymentintents/lifecycle>:
//!
//! | `status` | observed as |
//! |---|---|
//! | `requires_confirmation` | unconfirmed |
//! | `requires_payment_method` | unconfirmed; with a `last_payment_error`: declined |
//! | `requires_action` | needs action |
//! | `processing`, and any that is not listed here | processing |
//! | `requires_capture` | authorized, `amount_capturable` |
//! | `succeeded` | captured, `amount_received` |
//! | `canceled` | cancelled |
//!
//! Refund, <https://docs.stripe.com/api/refunds/object>: `pending`, `requires_action` and unlisted
//! statuses are pending; `succeeded`; `failed` and `canceled` are failed.

use domain::{
    PaymentId, RefundId,
    provider::{Observation, ProviderStatus, RefundObservation, RefundStatus},
    rows::NextAction,
};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    currency::{from_stripe, parse_currency},
    decline::{StripeError, refund_failure},
};

const ID_BYTES_MAX: usize = 255;

/// The entries that we wrote; all others are the client's.
#[derive(Debug, Default, Deserialize)]
struct Metadata {
    operation: Option<String>,
    refund: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct PaymentIntent {
    id: String,
    object: String,
    status: String,
    amount: i64,
    currency: String,
    amount_capturable: Option<i64>,
    amount_received: Option<i64>,
    client_secret: Option<String>,
    next_action: Option<NextStep>,
    last_payment_error: Option<StripeError>,
    metadata: Option<Metadata>,
    created: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct NextStep {
    redirect_to_url: Option<Page>,
}

#[derive(Debug, Deserialize)]
struct Page {
    url: Option<String>,
}

impl PaymentIntent {
    pub fn id(&self) -> &str {
        &self.id
    }

    /// In Unix seconds.
    pub fn created(&self) -> Option<i64> {
        self.created
    }

    pub fn payment(&self) -> Option<PaymentId> {
        parse_own_id(self.metadata.as_ref()?.operation.as_deref()).map(PaymentId)
    }

    /// The error says which part of the object is invalid.
    pub fn observe(self) -> Result<Observation, String> {
        if self.object != "payment_intent" {
            return Err(format!("expected a payment_intent and found a `{}`", clipped(&self.object)));
        }
        let object = checked_id(self.id)?;
        let currency = parse_currency(&self.currency).ok_or("its currency is unknown")?;
        let amount = |amount: Option<i64>, name: &str| {
            let amount = amount.and_then(|amount| from_stripe(amount, currency));
            amount.ok_or_else(|| format!("its {name} is missing or not an amount"))
        };
        let status = match self.status.as_str() {
            "requires_confirmation" => ProviderStatus::Unconfirmed,
            "requires_payment_method" => match self.last_payment_error {
                None => ProviderStatus::Unconfirmed,
                Some(problem) => ProviderStatus::Declined(problem.failure()),
            },
            "requires_action" => {
                ProviderStatus::NeedsAction(next_action(self.next_action, self.client_secret))
            }
            "requires_capture" => ProviderStatus::Authorized {
                amount_minor: amount(self.amount_capturable, "amount_capturable")?,
            },
            "succeeded" => {
                ProviderStatus::Captured { amount_minor: amount(self.amount_received, "amount_received")? }
            }
            "canceled" => ProviderStatus::Cancelled,
            // `processing`, and statuses that a later version of Stripe may add: the payment is not
            // finished.
            _ => ProviderStatus::Processing,
        };
        Ok(Observation { object, status, amount_minor: amount(Some(self.amount), "amount")?, currency })
    }
}

/// A page to send the customer to, or the client secret for Stripe's front-end code.
fn next_action(step: Option<NextStep>, client_secret: Option<String>) -> NextAction {
    match step.and_then(|step| step.redirect_to_url?.url) {
        Some(url) => NextAction::Redirect { url },
        None => NextAction::UseProviderSdk { client_secret },
    }
}

#[derive(Debug, Deserialize)]
pub struct Refund {
    id: String,
    object: String,
    status: Option<String>,
    amount: i64,
    currency: String,
    payment_intent: Option<String>,
    failure_reason: Option<String>,
    metadata: Option<Metadata>,
    created: Option<i64>,
}

impl Refund {
    pub fn id(&self) -> &str {
        &self.id
    }

    /// In Unix seconds.
    pub fn created(&self) -> Option<i64> {
        self.created
    }

    pub fn refund(&self) -> Option<RefundId> {
        parse_own_id(self.metadata.as_ref()?.refund.as_deref()).map(RefundId)
    }

    pub fn payment(&self) -> Option<PaymentId> {
        parse_own_id(self.metadata.as_ref()?.operation.as_deref()).map(PaymentId)
    }

    pub fn payment_object(&self) -> Option<&str> {
        self.payment_intent.as_deref()
    }

    pub fn observe(self) -> Result<RefundObservation, String> {
        if self.object != "refund" {
            return Err(format!("expected a refund and found a `{}`", clipped(&self.object)));
        }
        let object = checked_id(self.id)?;
        let currency = parse_currency(&self.currency).ok_or("its currency is unknown")?;
        let amount_minor = from_stripe(self.amount, currency).ok_or("its amount is not an amount")?;
        let failed = |otherwise: &str| {
            let reason = self.failure_reason.as_deref().filter(|reason| !reason.is_empty());
            RefundStatus::Failed(refund_failure(reason.unwrap_or(otherwise)))
        };
        let status = match self.status.as_deref() {
            Some("succeeded") => RefundStatus::Succeeded,
            Some("failed") => failed("refund_failed"),
            Some("canceled") => failed("refund_canceled"),
            _ => RefundStatus::Pending,
        };
        Ok(RefundObservation { object, status, amount_minor, currency })
    }
}

fn parse_own_id(text: Option<&str>) -> Option<Uuid> {
    text?.parse().ok()
}

pub fn checked_id(id: String) -> Result<String, String> {
    if id.is_empty() || id.len() > ID_BYTES_MAX {
        return Err(format!("its id is empty or longer than {ID_BYTES_MAX} bytes"));
    }
    Ok(id)
}

pub fn clipped(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use domain::{
        Currency,
        rows::{Failure, FailureCause},
    };
    use serde_json::{Value, json};

    use super::*;

    fn intent(status: &str, more: Value) -> Result<Observation, String> {
        let mut intent = json!({
            "id": "pi_1", "object": "payment_intent", "status": status, "amount": 2000, "currency": "eur",
            "amount_capturable": 0, "amount_received": 0, "client_secret": "pi_1_secret_x",
            "next_action": null, "last_payment_error": null, "metadata": {}, "livemode": false,
        });
        for (name, value) in more.as_object().unwrap() {
            intent[name] = value.clone();
        }
        serde_json::from_value::<PaymentIntent>(intent).map_err(|error| error.to_string())?.observe()
    }

    #[test]
    fn every_status_of_a_payment_intent_has_a_meaning() {
        let check = |status: &str, more: Value, expected: ProviderStatus| {
            let observation = Observation {
                object: "pi_1".to_owned(),
                status: expected,
                amount_minor: 2000,
                currency: Currency::EUR,
            };
            assert_eq!(intent(status, more), Ok(observation), "{status}");
        };
        let failure = |code: &str, retryable| Failure {
            code: code.to_owned(),
            retryable,
            cause: FailureCause::Declined,
        };
        let declined = |code: &str, retryable| ProviderStatus::Declined(failure(code, retryable));
        let sdk = NextAction::UseProviderSdk { client_secret: Some("pi_1_secret_x".to_owned()) };
        let redirect = NextAction::Redirect { url: "https://bank.example/".to_owned() };
        check("requires_confirmation", json!({}), ProviderStatus::Unconfirmed);
        check("requires_payment_method", json!({}), ProviderStatus::Unconfirmed);
        check(
            "requires_payment_method",
            json!({"last_payment_error": {"type": "card_error", "code": "card_declined", "decline_code": "lost_card"}}),
            declined("lost_card", false),
        );
        check(
            "requires_payment_method",
            json!({"last_payment_error": {"type": "card_error", "code": "expired_card"}}),
            declined("expired_card", true),
        );
        check(
            "requires_action",
            json!({"next_action": {"type": "redirect_to_url", "redirect_to_url": {"url": "https://bank.example/"}}}),
            ProviderStatus::NeedsAction(redirect),
        );
        check(
            "requires_action",
            json!({"next_action": {"type": "use_stripe_sdk", "use_stripe_sdk": {}}}),
            ProviderStatus::NeedsAction(sdk.clone()),
        );
        check("requires_action", json!({}), ProviderStatus::NeedsAction(sdk));
        check("processing", json!({}), ProviderStatus::Processing);
        check("invented_in_2030", json!({}), ProviderStatus::Processing);
        check(
            "requires_capture",
            json!({"amount_capturable": 1500}),
            ProviderStatus::Authorized { amount_minor: 1500 },
        );
        check("succeeded", json!({"amount_received": 1200}), ProviderStatus::Captured { amount_minor: 1200 });
        check("canceled", json!({}), ProviderStatus::Cancelled);
    }

    #[test]
    fn an_invalid_object_is_an_error() {
        let check = |status: &str, more: Value| {
            assert!(intent(status, more.clone()).is_err(), "{status} {more}");
        };
        check("succeeded", json!({"amount_received": null}));
        check("succeeded", json!({"amount_received": -1}));
        check("requires_capture", json!({"amount_capturable": null}));
        check("canceled", json!({"amount": 1.5}));
        check("canceled", json!({"amount": "2000"}));
        check("canceled", json!({"currency": "e"}));
        check("canceled", json!({"id": ""}));
        check("canceled", json!({"id": "x".repeat(256)}));
        check("canceled", json!({"object": "charge"}));
        check("canceled", json!({"status": null}));
    }

    #[test]
    fn every_status_of_a_refund_has_a_meaning() {
        let check = |status: Value, reason: Value, expected: RefundStatus| {
            let refund = json!({
                "id": "re_1", "object": "refund", "status": status, "amount": 500, "currency": "eur",
                "payment_intent": "pi_1", "failure_reason": reason, "metadata": {},
            });
            let refund: Refund = serde_json::from_value(refund).unwrap();
            assert_eq!(refund.observe().unwrap().status, expected, "{status}");
        };
        let failed = |code: &str, retryable| {
            RefundStatus::Failed(Failure { code: code.to_owned(), retryable, cause: FailureCause::Declined })
        };
        check(json!("pending"), json!(null), RefundStatus::Pending);
        check(json!("requires_action"), json!(null), RefundStatus::Pending);
        check(json!(null), json!(null), RefundStatus::Pending);
        check(json!("invented_in_2030"), json!(null), RefundStatus::Pending);
        check(json!("succeeded"), json!(null), RefundStatus::Succeeded);
        check(json!("failed"), json!("lost_or_stolen_card"), failed("lost_or_stolen_card", false));
        check(json!("failed"), json!(null), failed("refund_failed", true));
        check(json!("canceled"), json!(null), failed("refund_canceled", true));
    }
}
