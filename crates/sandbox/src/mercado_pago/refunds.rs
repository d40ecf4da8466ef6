//! `/v1/payments/{id}/refunds`: refunds of captured money, in full or in parts.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    amount::JsonAmount,
    answer::MercadoPagoAnswer,
    change, find,
    payment::{MercadoPagoRefundStatus, RefundSettlement, StoredPayment, StoredRefund},
    payment_request::read_object,
    refusal::MercadoPagoRefusal,
    token, view,
};
use crate::call_draft::CallDraft;

/// How long after its creation a refund on one of the special tokens changes its status.
const SETTLES_AFTER_MS: i64 = 500;

#[derive(Deserialize)]
struct RefundRequest {
    amount: Option<Box<RawValue>>,
}

pub fn create(draft: &mut CallDraft, id: &str, body: &[u8]) -> Result<MercadoPagoAnswer, MercadoPagoRefusal> {
    let request: RefundRequest = read_object(body, &["amount"])?;
    let amount = request.amount.as_ref().map(|amount| JsonAmount::read("amount", amount)).transpose()?;
    let (snapshot, refund) = refund(draft, id, amount.map(|amount| amount.0))?;
    Ok(MercadoPagoAnswer::Refunded { snapshot, refund })
}

/// The positions of the payment among the snapshots, and of the refund among its refunds.
pub fn refund(
    draft: &mut CallDraft,
    id: &str,
    amount_minor: Option<i64>,
) -> Result<(usize, usize), MercadoPagoRefusal> {
    let mut payment = find(draft.held, id)?.clone();
    let amount_minor = payment.check_refund(amount_minor)?;
    let later = payment.token.as_deref().and_then(token::find).and_then(|token| token.refund);
    payment.refunds.push(StoredRefund {
        id: draft.mint.integer(),
        created_ms: draft.at,
        amount_minor,
        status: if later.is_some() {
            MercadoPagoRefundStatus::InProcess
        } else {
            MercadoPagoRefundStatus::Approved
        },
        settlement: later.map(|result| RefundSettlement { at_ms: draft.at + SETTLES_AFTER_MS, result }),
        key: draft.key.map(str::to_owned),
    });
    payment.show_returned();
    let refund = payment.refunds.len() - 1;
    Ok((change(draft, payment), refund))
}

/// Differs from the provider's description, which shows one object: its own SDKs read a list.
pub fn list(payment: &StoredPayment) -> Vec<u8> {
    view::json(&payment.refunds.iter().map(|refund| payment.refund_view(refund)).collect::<Vec<_>>())
}

pub fn retrieve(payment: &StoredPayment, id: &str) -> Result<Vec<u8>, MercadoPagoRefusal> {
    let refund = payment.refunds.iter().find(|refund| refund.id == id);
    let refund = refund.ok_or_else(MercadoPagoRefusal::refund_not_found)?;
    Ok(view::json(&payment.refund_view(refund)))
}
