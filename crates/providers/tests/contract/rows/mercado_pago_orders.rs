//! Mercado Pago's orders, <https://www.mercadopago.com.br/developers/en/reference/order/online-payments>.

use providers::{PaymentOrder, mercado_pago};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    ContractRow, Particulars, Signature, header,
    mercado_pago::{delivered, order},
};
use crate::calls::Call;

const ORDER: &str = "ORD01J49MMW3SSBK5PSV3DFR32959";
const PAYMENT: &str = "PAY01J67CQQH5904WDBVZEM4JMEP3";
const REFUND: &str = "REF01J68AAQH5904WDBVZEM4JMEP3";

pub static ROW: ContractRow = ContractRow {
    adapter: &mercado_pago::ADAPTER,
    api: Some("orders"),
    secret_key: "TEST-token-of-contract",
    webhook_secret: "secret-of-contract",
    order: of_order,
    object: ORDER,
    refund: REFUND,
    replies,
    fetches_events: true,
    error,
    differs: &[],
    key: |request| header(request, "x-idempotency-key"),
    statuses: &["status"],
    amounts: &["total_amount", "amount", "transaction_amount"],
    hidden: &["maria@a.example", "Maria", "12345678909", "last-4321", "card_token_hidden"],
    delivery: |by| delivered(by, "order", ORDER),
    tampers: |delivery| delivery.query = delivery.query.replace("959&", "958&"),
    signature: Signature::Header("x-signature"),
    particulars: Particulars { before, ..Particulars::COMMON },
};

fn of_order(number: u128) -> PaymentOrder {
    PaymentOrder { api: Some("orders".to_owned()), ..order(number) }
}

fn shown() -> Value {
    json!({
        "id": ORDER, "type": "online", "processing_mode": "automatic", "capture_mode": "automatic",
        "status": "processed", "status_detail": "accredited", "currency": "BRL",
        "external_reference": Uuid::from_u128(1), "total_amount": "100.50", "total_paid_amount": "100.50",
        "created_date": "2023-11-14T22:13:20.000Z", "last_updated_date": "2023-11-14T22:13:20.000Z",
        "payer": {"email": "maria@a.example", "first_name": "Maria", "identification": {"number": "12345678909"}},
        "transactions": {
            "payments": [{
                "id": PAYMENT, "amount": "100.50", "status": "processed", "status_detail": "accredited",
                "payment_method": {"id": "visa", "type": "credit_card", "card_id": "last-4321", "installments": 3},
            }],
            "refunds": [refund()],
        },
    })
}

fn refund() -> Value {
    json!({"id": REFUND, "transaction_id": PAYMENT, "amount": "5.00", "status": "processed"})
}

/// A payment of the order, as the search shows it.
fn payment() -> Value {
    json!({
        "id": 123, "status": "approved", "status_detail": "accredited", "currency_id": "BRL",
        "transaction_amount": 100.5, "external_reference": Uuid::from_u128(1), "order": {"id": ORDER},
    })
}

/// A capture takes everything, and a refund names the transaction: both read the order.
fn before(call: Call) -> Vec<Value> {
    if matches!(call, Call::Capture | Call::Refund) { vec![shown()] } else { Vec::new() }
}

fn replies(call: Call) -> Vec<Value> {
    match call {
        Call::Refund => vec![json!({
            "id": ORDER, "status": "processed", "status_detail": "partially_refunded",
            "transactions": {"refunds": [refund()]},
        })],
        // Without what was ordered.
        Call::Capture => vec![json!({
            "id": ORDER, "status": "processed", "status_detail": "accredited",
            "transactions": {"payments": [{"id": PAYMENT, "amount": "100.50", "status": "processed"}]},
        })],
        Call::Find => vec![json!({"data": [shown()], "paging": {"total": "1"}}), shown()],
        Call::Events => vec![json!({"results": [payment()], "paging": {"total": 1}})],
        _ => vec![shown()],
    }
}

fn error(_: u16) -> Value {
    let details = ["the card of Maria, 12345678909"];
    json!({"errors": [{"code": "property_value", "message": "maria@a.example", "details": details}]})
}
