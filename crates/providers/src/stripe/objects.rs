//! Stripe's objects, as far as they are read, and what they mean.
//!
//! PaymentIntent, <https://docs.stripe.com/payments/paymentintents/lifecycle>:
//!
//! | `status` | observed as |
//! |---|---|
//! | `requires_confirmation` | unconfirmed |
//! | `requires_payment_method` | unconfirmed; with a `last_payment_error`: declined |
//! | `requires_action` | needs action |
//! | any of these of the payment form, without a `last_payment_error` | needs action: the form |
//! | `processing`, and any that is not listed here | processing |
//! | `requires_capture` | authorized, `amount_capturable` |
//! | `succeeded` | captured, `amount_received` |
//! | `canceled` | cancelled |
//!
//! Refund, <https://docs.stripe.com/api/refunds/object>: `pending`, `requires_action` and unlisted
//! statuses are pending; `succeeded`; `failed` and `canceled` are failed.

use domain::{
    PaymentId, RefundId, Timestamp,
    provider::{Observation, ProviderStatus, RefundObservation, RefundStatus},
    rows::NextAction,
};
use serde::{Deserialize, de::IgnoredAny};
use uuid::Uuid;

use super::{
    currency::{from_stripe, parse_currency},
    decline::{StripeError, refund_failure},
    order::CUSTOMER,
};

const ID_BYTES_MAX: usize = 255;

/// The entries that we wrote; all others are the client's.
#[derive(Debug, Default, Deserialize)]
struct Metadata {
    operation: Option<String>,
    confirmed_by: Option<String>,
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
    latest_charge: Option<LatestCharge>,
    metadata: Option<Metadata>,
    created: Option<i64>,
    customer: Option<ObjectId>,
    payment_method: Option<ObjectId>,
    setup_future_usage: Option<String>,
}

/// An id, or the object with this id where a call expands it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum ObjectId {
    Id(String),
    Object { id: String },
}

/// The whole charge where a call requests it; its id in an event.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum LatestCharge {
    Whole { payment_method_details: Option<MethodDetails> },
    Other(IgnoredAny),
}

#[derive(Debug, Deserialize)]
struct MethodDetails {
    card: Option<CardDetails>,
}

#[derive(Debug, Deserialize)]
struct CardDetails {
    /// Unix seconds, <https://docs.stripe.com/payments/place-a-hold-on-a-payment-method>.
    capture_before: Option<i64>,
}

/// Stripe's times are Unix seconds.
pub fn instant(seconds: i64) -> Timestamp {
    Timestamp(seconds.saturating_mul(1_000_000))
}

impl LatestCharge {
    fn capture_before(self) -> Option<Timestamp> {
        let LatestCharge::Whole { payment_method_details } = self else { return None };
        let seconds = payment_method_details?.card?.capture_before?;
        Some(instant(seconds))
    }
}

#[derive(Debug, Deserialize)]
struct NextStep {
    redirect_to_url: Option<Page>,
    pix_display_qr_code: Option<PixCode>,
    #[serde(
        alias = "boleto_display_details",
        alias = "konbini_display_details",
        alias = "multibanco_display_details",
        alias = "oxxo_display_details"
    )]
    voucher: Option<Voucher>,
}

/// Each kind of voucher has its own names for the same.
#[derive(Debug, Deserialize)]
struct Voucher {
    hosted_voucher_url: Option<String>,
    #[serde(alias = "reference")]
    number: Option<String>,
    #[serde(alias = "expires_after")]
    expires_at: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct PixCode {
    data: Option<String>,
    expires_at: Option<i64>,
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
        let by_customer =
            self.metadata.as_ref().and_then(|ours| ours.confirmed_by.as_deref()) == Some(CUSTOMER);
        let status = match self.status.as_str() {
            "requires_payment_method" | "requires_confirmation" | "requires_action"
                if by_customer && self.last_payment_error.is_none() =>
            {
                ProviderStatus::NeedsAction(in_form(self.next_action, self.client_secret))
            }
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
        let capture_before = self.latest_charge.and_then(LatestCharge::capture_before);
        let saves = self.customer.is_some() && self.setup_future_usage.is_some() && status.has_money();
        let saved_method = self.payment_method.filter(|_| saves).and_then(ObjectId::checked);
        let amount_minor = amount(Some(self.amount), "amount")?;
        let incoming = Vec::new();
        Ok(Observation { object, status, amount_minor, currency, capture_before, saved_method, incoming })
    }
}

impl ObjectId {
    fn checked(self) -> Option<String> {
        let (ObjectId::Id(id) | ObjectId::Object { id }) = self;
        checked_id(id).ok()
    }
}

/// A Pix code to pay, a page to send the customer to, or the client secret for Stripe's front-end code.
fn next_action(step: Option<NextStep>, client_secret: Option<String>) -> NextAction {
    let (page, pix) = step.map_or((None, None), |step| (step.redirect_to_url, step.pix_display_qr_code));
    if let Some(PixCode { data: Some(code), expires_at: Some(expires_at) }) = pix {
        return NextAction::PayPix { code, expires_at: instant(expires_at) };
    }
    match page.and_then(|page| page.url) {
        Some(url) => NextAction::Redirect { url },
        None => NextAction::UseProviderSdk { client_secret },
    }
}

/// What the customer chose in the form: a voucher is paid elsewhere, all else is finished in the form itself.
fn in_form(step: Option<NextStep>, client_secret: Option<String>) -> NextAction {
    match step.and_then(|step| step.voucher) {
        Some(Voucher { hosted_voucher_url: Some(url), number, expires_at: Some(expires_at) }) => {
            NextAction::PayVoucher { url, number, expires_at: instant(expires_at), client_secret }
        }
        _ => NextAction::UseProviderSdk { client_secret },
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
        Ok(RefundObservation { object, status, amount_minor, currency, incoming: None })
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
    fn every_voucher_is_shown_with_its_end() {
        for (kind, number, expires_at) in [
            ("boleto_display_details", "number", "expires_at"),
            ("konbini_display_details", "", "expires_at"),
            ("multibanco_display_details", "reference", "expires_at"),
            ("oxxo_display_details", "number", "expires_after"),
        ] {
            let mut voucher = json!({"hosted_voucher_url": "https://stripe.example/v"});
            voucher[expires_at] = json!(1_700_000_000);
            if !number.is_empty() {
                voucher[number] = json!("23790");
            }
            let mut step = json!({"type": kind});
            step[kind] = voucher;
            let shown = NextAction::PayVoucher {
                url: "https://stripe.example/v".to_owned(),
                number: Some("23790".to_owned()).filter(|_| !number.is_empty()),
                expires_at: Timestamp(1_700_000_000_000_000),
                client_secret: Some("pi_1_secret_x".to_owned()),
            };
            let more = json!({"metadata": {"confirmed_by": "customer"}, "next_action": step});
            let status = intent("requires_action", more).map(|seen| seen.status);
            assert_eq!(status, Ok(ProviderStatus::NeedsAction(shown)), "{kind}");
        }
    }

    #[test]
    fn every_status_of_a_payment_intent_has_a_meaning() {
        let check = |status: &str, more: Value, expected: ProviderStatus| {
            let observation = Observation {
                object: "pi_1".to_owned(),
                status: expected,
                amount_minor: 2000,
                currency: Currency::EUR,
                capture_before: None,
                saved_method: None,
                incoming: Vec::new(),
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
        check("requires_action", json!({}), ProviderStatus::NeedsAction(sdk.clone()));
        let form = json!({"confirmed_by": "customer"});
        let declined_form = json!({
            "metadata": form, "last_payment_error": {"type": "card_error", "code": "expired_card"},
        });
        for status in ["requires_payment_method", "requires_confirmation", "requires_action"] {
            let waits = ProviderStatus::NeedsAction(sdk.clone());
            check(status, json!({"metadata": form, "next_action": {"type": "use_stripe_sdk"}}), waits);
        }
        check("requires_payment_method", declined_form, declined("expired_card", true));
        check("canceled", json!({"metadata": form}), ProviderStatus::Cancelled);
        let code = json!({"data": "000201", "expires_at": 1_700_000_000});
        check(
            "requires_action",
            json!({"next_action": {"type": "pix_display_qr_code", "pix_display_qr_code": code}}),
            ProviderStatus::NeedsAction(NextAction::PayPix {
                code: "000201".to_owned(),
                expires_at: Timestamp(1_700_000_000_000_000),
            }),
        );
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
    fn the_end_of_an_authorization_is_read_from_the_charge() {
        let check = |charge: Value, expected: Option<i64>| {
            let seen =
                intent("requires_capture", json!({"amount_capturable": 2000, "latest_charge": charge}));
            let expected = expected.map(|seconds| Timestamp(seconds * 1_000_000));
            assert_eq!(seen.unwrap().capture_before, expected, "{charge}");
        };
        let charge = |details: Value| json!({"id": "ch_1", "payment_method_details": details});
        check(charge(json!({"card": {"capture_before": 1_700_000_000}})), Some(1_700_000_000));
        check(charge(json!({"card": {"capture_before": null}})), None);
        check(charge(json!({"card": null, "klarna": {}})), None);
        check(charge(json!(null)), None);
        check(json!("ch_1"), None);
        check(json!(null), None);
        check(json!(7), None);
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
