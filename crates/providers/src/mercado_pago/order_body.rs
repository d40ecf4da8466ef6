//! The body of a call that makes an order with its only payment. Its members have a fixed order, so the same order
//! is always the same bytes. An order has no metadata and no address of its own for notifications.

use domain::{
    Currency,
    rows::{Capture, PaymentMethod},
};
use serde::Serialize;

use super::{
    decimal::to_number,
    payment_body::{PayerBody, check_amount, payer_body, to_time},
};
use crate::PaymentOrder;

#[derive(Serialize)]
pub struct OrderBody<'a> {
    r#type: &'static str,
    processing_mode: &'static str,
    capture_mode: &'static str,
    total_amount: String,
    external_reference: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    payer: PayerBody<'a>,
    transactions: TransactionsBody<'a>,
}

#[derive(Serialize)]
struct TransactionsBody<'a> {
    payments: [TransactionBody<'a>; 1],
}

#[derive(Serialize)]
struct TransactionBody<'a> {
    amount: String,
    payment_method: MethodBody<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date_of_expiration: Option<String>,
}

#[derive(Serialize)]
struct MethodBody<'a> {
    id: &'a str,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    installments: Option<i64>,
}

/// The error is the code of the refusal: such an order is never sent. `currency` is the account's.
pub fn order_body(order: &PaymentOrder, currency: Currency) -> Result<OrderBody<'_>, &'static str> {
    check_amount(order.amount, currency)?;
    let payer = order.payer.as_ref().ok_or("payer_is_missing")?;
    let (payment_method, date_of_expiration) = match &order.method {
        PaymentMethod::Card { token, brand, instalments } => {
            let id = brand.as_deref().ok_or("card_brand_is_missing")?;
            // The brands of debit cards begin with it.
            let r#type = if id.starts_with("deb") { "debit_card" } else { "credit_card" };
            (MethodBody { id, r#type, token: Some(token), installments: Some(*instalments) }, None)
        }
        PaymentMethod::Form { .. } => return Err("payment_form_is_not_offered"),
        PaymentMethod::Page { .. } => return Err("a_page_is_made_by_a_preference"),
        PaymentMethod::Pix { .. } if order.capture == Capture::Manual => {
            return Err("pix_cannot_be_authorized");
        }
        PaymentMethod::Pix { pay_until, .. } => {
            let until = to_time(*pay_until).ok_or("time_is_not_representable")?;
            (MethodBody { id: "pix", r#type: "bank_transfer", token: None, installments: None }, Some(until))
        }
    };
    let amount = to_number(order.amount).get().to_owned();
    Ok(OrderBody {
        r#type: "online",
        processing_mode: "automatic",
        capture_mode: if order.capture == Capture::Automatic { "automatic" } else { "manual" },
        total_amount: amount.clone(),
        external_reference: order.operation.0.hyphenated().to_string(),
        description: order.reference.as_deref(),
        payer: payer_body(payer),
        transactions: TransactionsBody {
            payments: [TransactionBody { amount, payment_method, date_of_expiration }],
        },
    })
}
