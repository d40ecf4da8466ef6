//! `/v1/orders`: an order with one transaction, which is a payment ([`StoredPayment`]), and how an order shows it.
//!
//! | the payment is | `status` | `status_detail` | allows |
//! |----------------|----------|-----------------|--------|
//! | `pending`      | `action_required` | `waiting_transfer` | cancel |
//! | `in_process`   | `processing` | `in_process` | |
//! | `authorized`   | `action_required` | `waiting_capture` | capture of all of it, cancel |
//! | `approved`     | `processed` | `accredited`, `partially_refunded` | refund |
//! | `refunded`     | `refunded` | `refunded` | |
//! | `rejected`     | `failed` | `failed` | |
//! | `cancelled`    | `canceled` or `expired` | the same | |
//! | `charged_back` | `charged_back` | as that of the payment | |
//!
//! Anything else is refused with 409. The statuses `failed`, `refunded`, `expired` and `charged_back` are on the
//! provider's pages about orders, and not in its OpenAPI document. A declined card is 402, with the order in `data`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    answer::MercadoPagoAnswer,
    change, creation, date, find,
    order_request::{OrderRequest, RefundRequest},
    payment::{MercadoPagoRefundStatus, MercadoPagoStatus, StoredPayment, StoredRefund},
    payment_request::method_type,
    refunds,
    refusal::MercadoPagoRefusal,
    view,
};
use crate::{books::AccountBooks, call_draft::CallDraft, snapshot::Snapshot};

/// Behind the kind: the first characters of the time in such an id.
const ID_BEGIN: &str = "01J";
/// The number behind them.
const ID_DIGITS: usize = 23;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OrderIds {
    pub id: String,
    /// The id of its only transaction.
    pub transaction: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderAction {
    Capture,
    Cancel,
    Refund,
}

impl OrderAction {
    pub fn read(name: &str) -> Option<Self> {
        match name {
            "capture" => Some(Self::Capture),
            "cancel" => Some(Self::Cancel),
            "refund" => Some(Self::Refund),
            _ => None,
        }
    }
}

fn id(kind: &str, digits: &str) -> String {
    format!("{kind}{ID_BEGIN}{digits:0>ID_DIGITS$}")
}

pub fn refund_id(digits: &str) -> String {
    id("REF", digits)
}

/// The id of the payment that an order made; any other id as it is.
pub fn payment_id(object: &str) -> Cow<'_, str> {
    let digits = object.strip_prefix("ORD").and_then(|rest| rest.strip_prefix(ID_BEGIN));
    digits.map_or(object, |digits| digits.trim_start_matches('0')).into()
}

fn ordered<'a>(held: &'a AccountBooks, id: &str) -> Result<&'a StoredPayment, MercadoPagoRefusal> {
    let found = find(held, &payment_id(id)).ok().filter(|payment| payment.object() == id);
    found.ok_or_else(|| MercadoPagoRefusal::of_order(404, "order_not_found", "Order not found"))
}

pub fn create(draft: &mut CallDraft, body: &[u8]) -> Result<MercadoPagoAnswer, MercadoPagoRefusal> {
    let request = OrderRequest::read(body)?.into_payment()?;
    let ids = |digits: &str| Some(OrderIds { id: id("ORD", digits), transaction: id("PAY", digits) });
    let snapshot = creation::make(draft, request, ids).map_err(|refusal| property(&refusal))?;
    let is_rejected = matches!(
        &draft.snapshots[snapshot],
        Snapshot::StoredPayment(payment) if payment.status == MercadoPagoStatus::Rejected
    );
    Ok(if is_rejected {
        MercadoPagoAnswer::OrderFailed { snapshot }
    } else {
        MercadoPagoAnswer::OrderMade { snapshot }
    })
}

/// What is wrong with a payment is wrong with a member of its order.
pub fn property(refusal: &MercadoPagoRefusal) -> MercadoPagoRefusal {
    MercadoPagoRefusal::of_order(400, "property_value", refusal.message().to_owned())
}

pub fn act(
    draft: &mut CallDraft,
    id: &str,
    action: OrderAction,
    body: &[u8],
) -> Result<MercadoPagoAnswer, MercadoPagoRefusal> {
    let mut payment = ordered(draft.held, id)?.clone();
    let conflict = |code, message| MercadoPagoRefusal::of_order(409, code, message);
    match action {
        OrderAction::Capture => payment
            .capture(None, draft.at)
            .map_err(|_| conflict("cannot_capture_order", "The order cannot be captured in its status"))?,
        OrderAction::Cancel => match payment.status {
            MercadoPagoStatus::Pending | MercadoPagoStatus::Authorized => payment.cancel()?,
            MercadoPagoStatus::Cancelled => {
                return Err(conflict("order_already_canceled", "The order is canceled already"));
            }
            _ => return Err(conflict("cannot_cancel_order", "The order cannot be canceled in its status")),
        },
        OrderAction::Refund => return refund(draft, &payment, body),
    }
    Ok(MercadoPagoAnswer::OrderChanged { snapshot: change(draft, payment) })
}

fn refund(
    draft: &mut CallDraft,
    payment: &StoredPayment,
    body: &[u8],
) -> Result<MercadoPagoAnswer, MercadoPagoRefusal> {
    let transaction = payment.order.as_ref().map_or("", |order| &order.transaction);
    let amount_minor = RefundRequest::read(body)?.amount_minor(transaction)?;
    let conflict = |code, message| MercadoPagoRefusal::of_order(409, code, message);
    match payment.status {
        MercadoPagoStatus::Refunded => {
            return Err(conflict("order_already_refunded", "The order is refunded already"));
        }
        MercadoPagoStatus::Approved if payment.refundable_minor() > 0 => {}
        _ => return Err(conflict("cannot_refund_order", "The order cannot be refunded in its status")),
    }
    if amount_minor.is_some_and(|minor| minor > payment.refundable_minor()) {
        let message = "The amount is larger than what is left";
        return Err(MercadoPagoRefusal::of_order(400, "refund_amount_exceeds", message));
    }
    let (snapshot, refund) = refunds::refund(draft, &payment.id, amount_minor)?;
    Ok(MercadoPagoAnswer::OrderRefunded { snapshot, refund })
}

pub fn retrieve(held: &AccountBooks, id: &str) -> Result<Vec<u8>, MercadoPagoRefusal> {
    Ok(view::json(&view(ordered(held, id)?)))
}

pub fn status(payment: &StoredPayment) -> (&'static str, &str) {
    match payment.status {
        MercadoPagoStatus::Pending => ("action_required", "waiting_transfer"),
        MercadoPagoStatus::InProcess => ("processing", "in_process"),
        MercadoPagoStatus::Authorized => ("action_required", "waiting_capture"),
        MercadoPagoStatus::Approved => ("processed", &payment.detail),
        MercadoPagoStatus::Refunded => ("refunded", "refunded"),
        MercadoPagoStatus::Rejected => ("failed", "failed"),
        MercadoPagoStatus::Cancelled if payment.detail == "expired" => ("expired", "expired"),
        MercadoPagoStatus::Cancelled => ("canceled", "canceled"),
        MercadoPagoStatus::ChargedBack => ("charged_back", &payment.detail),
    }
}

/// Why the transaction of a failed order failed, in the words of orders.
fn decline(detail: &str) -> &'static str {
    match detail {
        "cc_rejected_insufficient_amount" => "insufficient_amount",
        "cc_rejected_call_for_authorize" => "required_call_for_authorize",
        "cc_rejected_bad_filled_security_code" | "cc_rejected_bad_filled_date" => "bad_filled_card_data",
        "cc_rejected_high_risk" => "high_risk",
        "cc_rejected_card_disabled" => "card_disabled",
        "cc_rejected_card_error" => "processing_error",
        _ => "rejected_by_issuer",
    }
}

fn text(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

/// `None` if the payment was not made by an order.
pub fn view(payment: &StoredPayment) -> Option<Value> {
    let order = payment.order.as_ref()?;
    let (status, detail) = status(payment);
    let refunds: Vec<Value> = payment.refunds.iter().map(|refund| refund_view(order, refund)).collect();
    let mut shown = json!({
        "id": order.id, "type": "online", "processing_mode": "automatic",
        "capture_mode": if payment.captures { "automatic" } else { "manual" },
        "status": status, "status_detail": detail, "country_code": "BRA", "currency": "BRL",
        "user_id": payment.collector_id, "total_amount": text(payment.requested_minor),
        "total_paid_amount": text(payment.captured_minor), "payer": payment.payer,
        "created_date": date::show(payment.created_ms), "last_updated_date": date::show(payment.updated_ms),
        "transactions": {"payments": [transaction_view(payment, order, status, detail)], "refunds": refunds},
    });
    if let Some(reference) = &payment.external_reference {
        shown["external_reference"] = json!(reference);
    }
    if let Some(description) = &payment.description {
        shown["description"] = json!(description);
    }
    if let Some(found) = &payment.charge_back {
        let of_order = id("CHB", &found.id);
        shown["transactions"]["chargebacks"] = json!([{
            "id": of_order, "transaction_id": order.transaction, "case_id": found.id,
            "status": payment.detail, "references": [],
        }]);
    }
    Some(shown)
}

fn transaction_view(payment: &StoredPayment, order: &OrderIds, status: &str, detail: &str) -> Value {
    let detail = if status == "failed" { decline(&payment.detail) } else { detail };
    let mut method = json!({"id": payment.method, "type": method_type(&payment.method)});
    if let Some(token) = &payment.token {
        method["token"] = json!(token);
        method["installments"] = json!(payment.installments);
    }
    if let Some(pix) = &payment.pix {
        method["qr_code"] = json!(pix.qr_code);
        method["ticket_url"] = json!(pix.ticket_url);
    }
    let mut shown = json!({
        "id": order.transaction, "reference_id": payment.id, "amount": text(payment.requested_minor),
        "paid_amount": text(payment.captured_minor), "refunded_amount": text(payment.returned_minor()),
        "status": status, "status_detail": detail, "payment_method": method,
    });
    if let Some(expires_ms) = payment.expires_ms {
        shown["date_of_expiration"] = json!(date::show(expires_ms));
    }
    shown
}

fn refund_view(order: &OrderIds, refund: &StoredRefund) -> Value {
    let status = match refund.status {
        MercadoPagoRefundStatus::Approved => "processed",
        MercadoPagoRefundStatus::InProcess => "processing",
        MercadoPagoRefundStatus::Rejected => "failed",
    };
    json!({
        "id": refund_id(&refund.id), "transaction_id": order.transaction, "reference_id": refund.id,
        "amount": text(refund.amount_minor), "status": status,
    })
}

/// The reply to an order whose card was declined.
pub fn failed(payment: &StoredPayment) -> Option<Value> {
    let transaction = &payment.order.as_ref()?.transaction;
    let details = [format!("{transaction}: {}", decline(&payment.detail))];
    let message = "The following transactions failed";
    Some(json!({
        "errors": [{"code": "failed", "message": message, "details": details}],
        "data": view(payment)?,
    }))
}

/// The reply to a refund shows that refund alone.
pub fn refunded(payment: &StoredPayment, refund: usize) -> Option<Value> {
    let order = payment.order.as_ref()?;
    let (status, detail) = status(payment);
    let refund = refund_view(order, payment.refunds.get(refund)?);
    Some(json!({
        "id": order.id, "status": status, "status_detail": detail, "transactions": {"refunds": [refund]},
    }))
}
