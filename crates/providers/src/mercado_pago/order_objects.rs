//! An order, <https://www.mercadopago.com.br/developers/en/reference/order/online-payments/get-order/get>, read as the
//! payment that it makes: what an order means is then said once, in [`objects`](super::objects).
//!
//! | `status` of the order | with `status_detail` | read as a payment that is |
//! |---|---|---|
//! | `processed` | any | `approved` |
//! | `refunded`, `charged_back` | any | the same |
//! | `action_required` | `waiting_capture` | `authorized` |
//! | `created`, `action_required` | any other | `pending` |
//! | `failed` | that of its transaction | `rejected` |
//! | `canceled`, `cancelled`, `expired` | any | `cancelled` |
//! | `processing`, and any that is not listed here | any | `in_process` |
//!
//! The published OpenAPI document lists five of these statuses; the pages about the status of an order list the
//! others. Amounts are texts. A refund is `processed`, `failed`, or still under way.

use domain::{Currency, Money, PaymentId, provider::RefundObservation};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::objects::{
    PointOfInteraction, ProviderObjectId, ProviderPayment, ProviderRefund, TransactionData, lenient,
    own_payment,
};

#[derive(Debug, Deserialize)]
pub struct ProviderOrder {
    pub id: ProviderObjectId,
    #[serde(default, deserialize_with = "lenient")]
    status: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    status_detail: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    external_reference: Option<String>,
    /// In the SDKs, and not in the OpenAPI document.
    #[serde(default, deserialize_with = "lenient")]
    currency: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    total_amount: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "lenient")]
    created_date: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    last_updated_date: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    transactions: Option<Transactions>,
}

#[derive(Debug, Default, Deserialize)]
struct Transactions {
    #[serde(default, deserialize_with = "lenient")]
    payments: Option<Vec<OrderPayment>>,
    #[serde(default, deserialize_with = "lenient")]
    refunds: Option<Vec<OrderRefund>>,
}

#[derive(Debug, Deserialize)]
struct OrderPayment {
    id: ProviderObjectId,
    #[serde(default, deserialize_with = "lenient")]
    amount: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "lenient")]
    status_detail: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    date_of_expiration: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    payment_method: Option<OrderPaymentMethod>,
}

#[derive(Debug, Deserialize)]
struct OrderPaymentMethod {
    #[serde(default, deserialize_with = "lenient")]
    qr_code: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    ticket_url: Option<String>,
}

#[derive(Debug, Deserialize)]
struct OrderRefund {
    id: ProviderObjectId,
    #[serde(default, deserialize_with = "lenient")]
    transaction_id: Option<ProviderObjectId>,
    #[serde(default, deserialize_with = "lenient")]
    amount: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "lenient")]
    status: Option<String>,
}

impl ProviderOrder {
    /// Our id, if we made the order.
    pub fn payment(&self) -> Option<PaymentId> {
        own_payment(self.external_reference.as_deref())
    }

    /// The id of its only transaction, which a refund names.
    pub fn transaction(&self) -> Option<&ProviderObjectId> {
        match self.payments() {
            [only] => Some(&only.id),
            _ => None,
        }
    }

    /// Whether the reply shows what the order is for. That of a capture or a cancel may leave it out.
    pub fn is_complete(&self) -> bool {
        self.total_amount.is_some() || self.payments().iter().any(|payment| payment.amount.is_some())
    }

    fn payments(&self) -> &[OrderPayment] {
        self.transactions.as_ref().and_then(|all| all.payments.as_deref()).unwrap_or_default()
    }

    /// `currency` is the account's: an order need not show one. An order with several transactions is none of
    /// ours, and has no amount.
    pub fn into_payment(self, currency: Currency) -> ProviderPayment {
        let status = self.status.as_deref().map(|status| self.status_of_payment(status).to_owned());
        let Transactions { payments, refunds } = self.transactions.unwrap_or_default();
        let mut payments = payments.unwrap_or_default();
        let mut payment = if payments.len() == 1 { payments.pop() } else { None };
        let details = payment.as_ref().and_then(|payment| payment.status_detail.clone());
        let is_failed = status.as_deref() == Some("rejected");
        let of_payment = payment.as_mut().and_then(|payment| payment.amount.take());
        let amount = self.total_amount.or(of_payment);
        let id = self.id;
        let refunds = refunds.unwrap_or_default().into_iter().map(|refund| refund.into_refund(&id)).collect();
        let (date_of_expiration, method) =
            payment.map_or((None, None), |payment| (payment.date_of_expiration, payment.payment_method));
        let point_of_interaction = method.map(|method| PointOfInteraction {
            transaction_data: Some(TransactionData {
                qr_code: method.qr_code,
                ticket_url: method.ticket_url,
            }),
        });
        ProviderPayment {
            status,
            status_detail: if is_failed { details.or(self.status_detail) } else { self.status_detail },
            currency_id: Some(self.currency.unwrap_or_else(|| currency.code().to_owned())),
            transaction_amount: amount.and_then(|amount| number(&amount)),
            transaction_amount_refunded: None,
            external_reference: self.external_reference,
            date_created: self.created_date,
            date_of_expiration,
            date_last_updated: self.last_updated_date,
            point_of_interaction,
            metadata: None,
            order: None,
            // An order does not show them. The search shows its payment, which does.
            fee_details: None,
            refunds: Some(refunds),
            id,
        }
    }

    fn status_of_payment(&self, status: &str) -> &'static str {
        match (status, self.status_detail.as_deref()) {
            ("processed", _) => "approved",
            ("refunded", _) => "refunded",
            ("charged_back", _) => "charged_back",
            ("action_required", Some("waiting_capture")) => "authorized",
            ("created" | "action_required", _) => "pending",
            ("failed", _) => "rejected",
            ("canceled" | "cancelled" | "expired", _) => "cancelled",
            _ => "in_process",
        }
    }
}

impl OrderRefund {
    fn into_refund(self, order: &ProviderObjectId) -> ProviderRefund {
        let status = self.status.map(|status| match status.as_str() {
            "processed" | "approved" => "approved",
            "failed" | "rejected" => "rejected",
            _ => "in_process",
        });
        ProviderRefund {
            id: self.id,
            payment_id: Some(order.clone()),
            amount: self.amount.and_then(|amount| number(&amount)),
            status: status.map(str::to_owned),
            date_created: None,
        }
    }
}

/// The refund that a call made, of a reply about its order. The reply shows the order as it was then, so among
/// several of this transaction and amount it is the last one: ids are in the order of their creation.
pub fn made_refund(order: ProviderOrder, transaction: &str, amount: Money) -> Option<RefundObservation> {
    let id = order.id;
    let of_transaction =
        |refund: &OrderRefund| refund.transaction_id.as_ref().is_none_or(|of| of.as_str() == transaction);
    let all = order.transactions?.refunds?.into_iter().filter(of_transaction);
    let observed = all.filter_map(|refund| refund.into_refund(&id).observe(amount.currency).ok());
    observed
        .filter(|made| made.amount_minor == amount.minor)
        .max_by(|one, other| one.object.cmp(&other.object))
}

/// An amount as the number that the other API would show. `None` for anything but a text that is a number.
fn number(amount: &RawValue) -> Option<Box<RawValue>> {
    serde_json::from_str(amount.get()).ok().and_then(|text: String| RawValue::from_string(text).ok())
}

#[cfg(test)]
mod tests {
    use domain::{
        provider::{ProviderStatus, RefundStatus},
        rows::NextAction,
    };
    use serde_json::{Value, json};

    use super::*;

    const ID: &str = "ORD01J49MMW3SSBK5PSV3DFR32959";

    fn order(changes: &Value, of_payment: &Value) -> ProviderPayment {
        let mut payment = json!({
            "id": "PAY01J67CQQH5904WDBVZEM4JMEP3", "amount": "100.50", "status": "processed",
            "status_detail": "accredited", "payment_method": {"id": "visa", "type": "credit_card"},
        });
        payment.as_object_mut().unwrap().extend(of_payment.as_object().unwrap().clone());
        let mut order = json!({
            "id": ID, "type": "online", "status": "processed", "status_detail": "accredited",
            "external_reference": "00000000-0000-0000-0000-000000000007", "total_amount": "100.50",
            "created_date": "2023-11-14T22:13:20.000Z",
            "transactions": {"payments": [payment]},
        });
        order.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let order: ProviderOrder = serde_json::from_str(&order.to_string()).unwrap();
        order.into_payment(Currency::BRL)
    }

    #[test]
    fn each_status_of_an_order_has_its_meaning() {
        let check = |status: &str, detail: &str, expected: fn(&ProviderStatus) -> bool| {
            let changes = json!({"status": status, "status_detail": detail});
            let seen = order(&changes, &json!({})).observe().unwrap();
            assert!(expected(&seen.status), "{status} {detail}: {seen:?}");
            assert_eq!((seen.object.as_str(), seen.amount_minor), (ID, 10_050));
        };
        use ProviderStatus::{Authorized, Cancelled, Captured, Failed, Processing};
        for (status, detail) in [
            ("processed", "accredited"),
            ("processed", "partially_refunded"),
            ("refunded", "refunded"),
            ("charged_back", "in_process"),
        ] {
            check(status, detail, |seen| *seen == Captured { amount_minor: 10_050 });
        }
        check("action_required", "waiting_capture", |seen| *seen == Authorized { amount_minor: 10_050 });
        check("failed", "failed", |seen| matches!(seen, Failed(_)));
        for status in ["canceled", "cancelled", "expired"] {
            check(status, status, |seen| *seen == Cancelled);
        }
        for status in ["created", "processing", "action_required", "invented_in_2030", ""] {
            check(status, "in_review", |seen| *seen == Processing);
        }
    }

    #[test]
    fn a_failed_order_says_why_its_transaction_failed() {
        let changes = json!({"status": "failed", "status_detail": "failed"});
        let check = |detail: &str, retryable: bool| {
            let seen =
                order(&changes, &json!({"status": "failed", "status_detail": detail})).observe().unwrap();
            let ProviderStatus::Failed(failure) = seen.status else { panic!("{seen:?}") };
            assert_eq!((failure.code.as_str(), failure.retryable), (detail, retryable));
        };
        check("insufficient_amount", true);
        check("high_risk", false);
    }

    #[test]
    fn an_order_that_waits_for_a_transfer_shows_its_code() {
        let changes = json!({"status": "action_required", "status_detail": "waiting_transfer"});
        let method = json!({"id": "pix", "qr_code": "0002", "ticket_url": "https://a.example/t"});
        let until = "2023-11-14T22:13:20.000+00:00";
        let seen = order(&changes, &json!({"payment_method": method, "date_of_expiration": until}));
        let seen = seen.observe().unwrap().status;
        let ProviderStatus::NeedsAction(NextAction::PayPix { code, .. }) = seen else { panic!("{seen:?}") };
        assert_eq!(code, "0002");
    }

    #[test]
    fn an_order_without_one_amount_is_unreadable() {
        for changes in [
            json!({"total_amount": "1e2"}),
            json!({"total_amount": "-1"}),
            json!({"total_amount": "ten"}),
            json!({"total_amount": null, "transactions": {"payments": []}}),
            json!({"currency": "XXXX"}),
        ] {
            assert!(order(&changes, &json!({})).observe().is_err(), "{changes}");
        }
        assert_eq!(order(&json!({"total_amount": null}), &json!({})).observe().unwrap().amount_minor, 10_050);
    }

    #[test]
    fn the_refund_that_a_call_made_is_the_last_of_its_amount() {
        let refund = |id: &str, amount: &str| json!({"id": id, "transaction_id": "PAY1", "amount": amount, "status": "processed"});
        let refunds = json!([refund("REF2", "5.00"), refund("REF1", "5"), refund("REF3", "6.00")]);
        let found = |transaction: &str, minor: i64| {
            let order = json!({"id": ID, "transactions": {"refunds": refunds}}).to_string();
            let amount = Money::new(minor, Currency::BRL);
            made_refund(serde_json::from_str(&order).unwrap(), transaction, amount)
        };
        let made = found("PAY1", 500).unwrap();
        assert_eq!((made.object.as_str(), made.status), ("REF2", RefundStatus::Succeeded));
        assert!(found("PAY2", 500).is_none() && found("PAY1", 700).is_none());
    }
}
