//! `PUT /v1/payments/{id}`: captures an authorisation or cancels a payment.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    amount::JsonAmount, answer::MercadoPagoAnswer, change, find, payment_request::read_object,
    refusal::MercadoPagoRefusal,
};
use crate::call_draft::CallDraft;

#[derive(Deserialize)]
struct UpdateRequest {
    capture: Option<bool>,
    status: Option<String>,
    transaction_amount: Option<Box<RawValue>>,
}

pub fn update(draft: &mut CallDraft, id: &str, body: &[u8]) -> Result<MercadoPagoAnswer, MercadoPagoRefusal> {
    let request: UpdateRequest = read_object(body, &["capture", "status", "transaction_amount"])?;
    let amount = request.transaction_amount.as_ref();
    let amount = amount.map(|amount| JsonAmount::read("transaction_amount", amount)).transpose()?;
    let mut payment = find(draft.held, id)?.clone();
    match (request.capture, request.status.as_deref()) {
        (Some(true), None) => payment.capture(amount.map(|amount| amount.0), draft.at)?,
        (None, Some("cancelled")) if amount.is_none() => payment.cancel()?,
        _ => return Err(MercadoPagoRefusal::bad_request("Either capture or status=cancelled is possible")),
    }
    Ok(MercadoPagoAnswer::Updated { snapshot: change(draft, payment) })
}
