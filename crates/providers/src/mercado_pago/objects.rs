//! Mercado Pago's objects, as far as they are read, and what they mean. Nothing about the payer is
//! read, so nothing about the payer is stored with an event.
//!
//! Payment, <https://www.mercadopago.com.br/developers/en/reference/payments/_payments_id/get>:
//!
//! | `status` | observed as |
//! |---|---|
//! | `pending` with a Pix code and its expiry | needs action: pay with Pix |
//! | `pending` with a page for the customer | needs action: redirect |
//! | other `pending`, `in_process`, and any that is not listed here | processing |
//! | `authorized` | authorized, `transaction_amount` |
//! | `approved`, `in_mediation`, `refunded`, `charged_back` | captured, `transaction_amount` |
//! | `rejected` | failed for good, because of `status_detail` |
//! | `cancelled` (also an expired Pix code) | cancelled |
//!
//! Where the money of a payment that was charged back is, its [`chargebacks`](super::chargebacks) say.
//!
//! A partial capture lowers `transaction_amount`, so the original amount is read from our metadata.
//!
//! Refund, of the payment's `refunds`: `approved` has succeeded; `rejected` has failed; `in_process`
//! and unlisted statuses are pending. A refund has no currency: it is the payment's.

use domain::{
    Currency, PaymentId, Timestamp,
    provider::{Observation, ProviderStatus, RefundObservation, RefundStatus},
    rows::{Failure, FailureCause, NextAction},
    time::Span,
};
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{decimal::from_number, decline::decline, fees::FeeDetail};

const ID_BYTES_MAX: usize = 64;

/// The id of an object: a number on the wire, in some places as a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "NumberOrText")]
pub struct ProviderObjectId(String);

#[derive(Deserialize)]
#[serde(untagged)]
pub enum NumberOrText {
    Number(u64),
    Text(String),
}

impl TryFrom<NumberOrText> for ProviderObjectId {
    type Error = &'static str;

    fn try_from(id: NumberOrText) -> Result<ProviderObjectId, &'static str> {
        let text = match id {
            NumberOrText::Number(number) => number.to_string(),
            NumberOrText::Text(text) => text,
        };
        ProviderObjectId::parse(&text).ok_or("not the id of an object")
    }
}

impl ProviderObjectId {
    /// `None` if no object can have this id.
    pub fn parse(text: &str) -> Option<ProviderObjectId> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        ((1..=ID_BYTES_MAX).contains(&text.len()) && is_plain).then(|| ProviderObjectId(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn to_uppercase(&self) -> ProviderObjectId {
        ProviderObjectId(self.0.to_ascii_uppercase())
    }

    pub fn is_order(&self) -> bool {
        is_order(&self.0)
    }
}

/// The id of an order begins with its kind; that of a payment is a number.
pub fn is_order(object: &str) -> bool {
    object.starts_with("ORD")
}

/// A member of an unexpected type is read as missing: what needs it says so.
pub fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(source: D) -> Result<Option<T>, D::Error> {
    let raw = Box::<RawValue>::deserialize(source)?;
    Ok(serde_json::from_str(raw.get()).unwrap_or(None))
}

/// Written by us into an event's body as it was read here.
#[derive(Debug, Serialize, Deserialize)]
pub struct ProviderPayment {
    pub id: ProviderObjectId,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) status: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) status_detail: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub currency_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) transaction_amount: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) transaction_amount_refunded: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "lenient")]
    pub external_reference: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) date_created: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) date_of_expiration: Option<String>,
    /// Not interpreted: it distinguishes two times at which the payment looked the same.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) date_last_updated: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) point_of_interaction: Option<PointOfInteraction>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) metadata: Option<OwnMetadata>,
    /// Absent if the payment was not made by an order.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub(super) order: Option<OrderOfPayment>,
    /// What each party pays for the payment.
    #[serde(default, deserialize_with = "lenient", skip_serializing)]
    pub(super) fee_details: Option<Vec<FeeDetail>>,
    /// Each becomes an event of its own.
    #[serde(default, deserialize_with = "lenient", skip_serializing)]
    pub refunds: Option<Vec<ProviderRefund>>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OrderOfPayment {
    id: ProviderObjectId,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PointOfInteraction {
    pub transaction_data: Option<TransactionData>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TransactionData {
    /// What the customer pastes into the application of the bank.
    pub qr_code: Option<String>,
    pub ticket_url: Option<String>,
}

/// The entries that we wrote and read.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OwnMetadata {
    #[serde(default, deserialize_with = "lenient")]
    operation: Option<Uuid>,
    #[serde(default, deserialize_with = "lenient")]
    amount_minor: Option<String>,
}

impl ProviderPayment {
    /// Our id, if we made the payment.
    pub fn payment(&self) -> Option<PaymentId> {
        own_payment(self.external_reference.as_deref())
    }

    /// The order that the payment belongs to: it is the object that we know. A payment of a page may name a
    /// merchant order, which is a number.
    pub fn order(&self) -> Option<&ProviderObjectId> {
        self.order.as_ref().map(|order| &order.id).filter(|id| id.is_order())
    }

    pub fn currency(&self) -> Result<Currency, String> {
        let currency = self.currency_id.as_deref().and_then(Currency::new);
        currency.ok_or_else(|| "its currency is unknown".to_owned())
    }

    /// Whether money was taken, so that there may be refunds.
    pub fn is_captured(&self) -> bool {
        matches!(self.status.as_deref(), Some("approved" | "in_mediation" | "refunded" | "charged_back"))
    }

    pub fn created_at(&self) -> Option<Timestamp> {
        self.date_created.as_deref().and_then(parse_time)
    }

    /// What went back to the customer, if it is shown.
    pub fn refunded_minor(&self, currency: Currency) -> Option<i64> {
        self.transaction_amount_refunded.as_ref().and_then(|amount| from_number(amount, currency))
    }

    pub fn is_charged_back(&self) -> bool {
        self.status.as_deref() == Some("charged_back")
    }

    pub fn status_detail(&self) -> Option<&str> {
        self.status_detail.as_deref()
    }

    /// Whether refunds exist that are not shown here.
    pub fn lacks_refunds(&self) -> bool {
        let refunded = self.transaction_amount_refunded.as_ref().map_or("0", |amount| amount.get());
        let is_refunded = refunded.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
        is_refunded && self.refunds.as_ref().is_none_or(Vec::is_empty)
    }

    /// The error says which part of the object is invalid.
    pub fn observe(&self) -> Result<Observation, String> {
        let currency = self.currency()?;
        let amount = self.transaction_amount.as_ref().and_then(|amount| from_number(amount, currency));
        let amount_minor = amount.ok_or("its transaction_amount is missing or not an amount")?;
        let status = match self.status.as_deref().ok_or("its status is missing")? {
            "pending" => self.next_action().map_or(ProviderStatus::Processing, ProviderStatus::NeedsAction),
            "authorized" => ProviderStatus::Authorized { amount_minor },
            _ if self.is_captured() => ProviderStatus::Captured { amount_minor },
            "rejected" => ProviderStatus::Failed(decline(self.status_detail.as_deref().unwrap_or_default())),
            "cancelled" => ProviderStatus::Cancelled,
            // `in_process`, and statuses that may be added later: the payment is not finished.
            _ => ProviderStatus::Processing,
        };
        let amount_minor = self.original_minor().unwrap_or(amount_minor);
        let capture_before = self.capture_before(currency).filter(|_| status.has_money());
        Ok(Observation {
            object: self.id.0.clone(),
            status,
            amount_minor,
            currency,
            capture_before,
            saved_method: None,
            incoming: Vec::new(),
        })
    }

    /// From our metadata. Metadata that name another payment were copied by somebody.
    fn original_minor(&self) -> Option<i64> {
        let metadata = self.metadata.as_ref()?;
        let is_ours = self.payment().is_some_and(|payment| metadata.operation == Some(payment.0));
        metadata.amount_minor.as_deref().filter(|_| is_ours)?.parse().ok()
    }

    /// The wire does not show it. The country of the account decides, and so its currency,
    /// <https://www.mercadopago.com.br/developers/en/docs/checkout-api-payments/payment-management/make-value-reserve>.
    fn capture_before(&self, currency: Currency) -> Option<Timestamp> {
        let days = match currency.code() {
            "BRL" => 5,
            "ARS" | "MXN" => 7,
            "PEN" => 22,
            _ => return None,
        };
        let created_at = self.date_created.as_deref().and_then(parse_time)?;
        Some(created_at.plus(Span::seconds(days * 86_400)))
    }

    fn next_action(&self) -> Option<NextAction> {
        let data = self.point_of_interaction.as_ref()?.transaction_data.as_ref()?;
        let expires_at = self.date_of_expiration.as_deref().and_then(parse_time);
        match (&data.qr_code, expires_at, &data.ticket_url) {
            (Some(code), Some(expires_at), _) => Some(NextAction::PayPix { code: code.clone(), expires_at }),
            (_, _, Some(url)) => Some(NextAction::Redirect { url: url.clone() }),
            _ => None,
        }
    }
}

/// Our reference is the id of a payment of ours.
pub fn own_payment(external_reference: Option<&str>) -> Option<PaymentId> {
    external_reference?.parse().ok().map(PaymentId)
}

/// RFC 3339 with any offset.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>().ok().map(|at| Timestamp(at.as_microsecond()))
}

#[derive(Debug, Serialize, Deserialize)]
pub struct ProviderRefund {
    pub id: ProviderObjectId,
    #[serde(default, deserialize_with = "lenient")]
    pub payment_id: Option<ProviderObjectId>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) amount: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) status: Option<String>,
    #[serde(default, deserialize_with = "lenient", skip_serializing)]
    pub(super) date_created: Option<String>,
}

impl ProviderRefund {
    pub fn created_at(&self) -> Option<Timestamp> {
        self.date_created.as_deref().and_then(parse_time)
    }

    pub fn observe(&self, currency: Currency) -> Result<RefundObservation, String> {
        let amount = self.amount.as_ref().and_then(|amount| from_number(amount, currency));
        let amount_minor = amount.ok_or("its amount is missing or not an amount")?;
        let status = match self.status.as_deref() {
            Some("approved") => RefundStatus::Succeeded,
            // Mercado Pago shows no reason in a fixed form. Later the account may have more money.
            Some("rejected") => RefundStatus::Failed(Failure {
                code: "refund_rejected".to_owned(),
                retryable: true,
                cause: FailureCause::Declined,
            }),
            _ => RefundStatus::Pending,
        };
        Ok(RefundObservation { object: self.id.0.clone(), status, amount_minor, currency, incoming: None })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const OURS: &str = "00000000-0000-0000-0000-000000000007";

    fn payment(changes: &Value) -> ProviderPayment {
        let mut payment = json!({
            "id": 123, "status": "approved", "status_detail": "accredited", "currency_id": "BRL",
            "transaction_amount": 100.5, "external_reference": OURS,
            "metadata": {"operation": OURS, "amount_minor": "10050"},
        });
        for (name, value) in changes.as_object().unwrap() {
            payment[name] = value.clone();
        }
        serde_json::from_str(&payment.to_string()).unwrap()
    }

    fn declined(code: &str, retryable: bool) -> ProviderStatus {
        let code = code.to_owned();
        ProviderStatus::Failed(Failure { code, retryable, cause: FailureCause::Declined })
    }

    #[test]
    fn each_status_of_a_payment_has_its_meaning() {
        let check = |changes: Value, expected: ProviderStatus| {
            let found = payment(&changes).observe().unwrap();
            assert_eq!(found.status, expected, "{changes}");
            assert_eq!((found.object.as_str(), found.amount_minor), ("123", 10_050), "{changes}");
        };
        let captured = || ProviderStatus::Captured { amount_minor: 10_050 };
        for status in ["approved", "in_mediation", "refunded", "charged_back"] {
            check(json!({"status": status}), captured());
        }
        check(json!({"status": "authorized"}), ProviderStatus::Authorized { amount_minor: 10_050 });
        for status in ["pending", "in_process", "invented_in_2030", ""] {
            check(json!({"status": status}), ProviderStatus::Processing);
        }
        check(json!({"status": "cancelled", "status_detail": "expired"}), ProviderStatus::Cancelled);
        let rejected = |detail: Value| json!({"status": "rejected", "status_detail": detail});
        let too_little = "cc_rejected_insufficient_amount";
        check(rejected(json!(too_little)), declined(too_little, true));
        check(rejected(json!("cc_rejected_high_risk")), declined("cc_rejected_high_risk", false));
        check(rejected(json!(null)), declined("rejected", true));
        check(rejected(json!(7)), declined("rejected", true));
    }

    #[test]
    fn a_pending_payment_says_what_the_customer_must_do() {
        let check = |data: Value, expires: Value, expected: ProviderStatus| {
            let changes = json!({
                "status": "pending", "date_of_expiration": expires,
                "point_of_interaction": {"type": "PIX", "transaction_data": data},
            });
            assert_eq!(payment(&changes).observe().unwrap().status, expected, "{changes}");
        };
        let pay = || {
            let expires_at = Timestamp(1_700_000_000_000_000);
            ProviderStatus::NeedsAction(NextAction::PayPix { code: "0002".to_owned(), expires_at })
        };
        let page = || {
            let url = "https://a.example/ticket".to_owned();
            ProviderStatus::NeedsAction(NextAction::Redirect { url })
        };
        let ticket_url = "https://a.example/ticket";
        let both = json!({"qr_code": "0002", "qr_code_base64": "x", "ticket_url": ticket_url});
        check(both.clone(), json!("2023-11-14T22:13:20.000+00:00"), pay());
        check(both.clone(), json!("2023-11-14T19:13:20.000-03:00"), pay());
        check(both.clone(), json!("tomorrow"), page());
        check(both, json!(null), page());
        check(json!({"ticket_url": ticket_url}), json!("2023-11-14T19:13:20.000-03:00"), page());
        check(json!({"qr_code": "0002"}), json!(null), ProviderStatus::Processing);
        check(json!({"qr_code": 7}), json!(null), ProviderStatus::Processing);
        check(json!(null), json!(null), ProviderStatus::Processing);
    }

    #[test]
    fn a_partial_capture_leaves_the_original_amount() {
        let check = |changes: Value, original_minor: i64, captured_minor: i64| {
            let found = payment(&changes).observe().unwrap();
            assert_eq!(found.amount_minor, original_minor, "{changes}");
            assert_eq!(found.status, ProviderStatus::Captured { amount_minor: captured_minor }, "{changes}");
        };
        check(json!({}), 10_050, 10_050);
        check(json!({"transaction_amount": 60}), 10_050, 6_000);
        check(json!({"transaction_amount": 60, "metadata": null}), 6_000, 6_000);
        check(json!({"transaction_amount": 60, "metadata": "x"}), 6_000, 6_000);
        check(json!({"transaction_amount": 60, "metadata": {"amount_minor": "10050"}}), 6_000, 6_000);
        check(json!({"transaction_amount": 60, "external_reference": "other"}), 6_000, 6_000);
        let word = json!({"operation": OURS, "amount_minor": "all"});
        check(json!({"transaction_amount": 60, "metadata": word}), 6_000, 6_000);
    }

    #[test]
    fn an_object_without_its_parts_is_refused() {
        let check = |changes: Value, part: &str| {
            let error = payment(&changes).observe().unwrap_err();
            assert!(error.contains(part), "{changes}: {error}");
        };
        check(json!({"currency_id": null}), "currency");
        check(json!({"currency_id": "brl"}), "currency");
        check(json!({"transaction_amount": null}), "transaction_amount");
        check(json!({"transaction_amount": -1}), "transaction_amount");
        check(json!({"transaction_amount": "100.50"}), "transaction_amount");
        check(json!({"transaction_amount": 0.001}), "transaction_amount");
        check(json!({"status": null}), "status");
        for id in ["-1", "1.5", "null", "\"\"", "\"../1\"", "\"1;2\"", "{}"] {
            let body = format!("{{\"id\":{id}}}");
            assert!(serde_json::from_str::<ProviderPayment>(&body).is_err(), "{body}");
        }
        let text: ProviderPayment = serde_json::from_str("{\"id\":\"123\"}").unwrap();
        assert_eq!(text.id.as_str(), "123");
    }

    #[test]
    fn each_status_of_a_refund_has_its_meaning() {
        let refund = |amount: Value, status: Value| -> ProviderRefund {
            let refund = json!({"id": 9, "payment_id": 123, "amount": amount, "status": status});
            serde_json::from_str(&refund.to_string()).unwrap()
        };
        let check = |status: Value, expected: RefundStatus| {
            let found = refund(json!(5.25), status.clone()).observe(Currency::BRL).unwrap();
            assert_eq!((found.status, found.amount_minor), (expected, 525), "{status}");
        };
        let code = "refund_rejected".to_owned();
        let failed = Failure { code, retryable: true, cause: FailureCause::Declined };
        check(json!("approved"), RefundStatus::Succeeded);
        check(json!("in_process"), RefundStatus::Pending);
        check(json!("invented_in_2030"), RefundStatus::Pending);
        check(json!(null), RefundStatus::Pending);
        check(json!("rejected"), RefundStatus::Failed(failed));
        assert!(refund(json!(null), json!("approved")).observe(Currency::BRL).is_err());
    }

    #[test]
    fn refunds_that_are_not_shown_are_noticed() {
        let check = |refunded: Value, refunds: Value, expected: bool| {
            let changes = json!({"transaction_amount_refunded": refunded, "refunds": refunds});
            assert_eq!(payment(&changes).lacks_refunds(), expected, "{changes}");
        };
        let one = json!([{"id": 9, "amount": 5, "status": "approved"}]);
        check(json!(0), json!([]), false);
        check(json!(0.0), json!(null), false);
        check(json!(null), json!([]), false);
        check(json!(5), one, false);
        check(json!(0.05), json!([]), true);
        check(json!(5), json!(null), true);
        check(json!(5), json!([{"amount": 5}]), true);
    }
}
