//! Mercado Pago, <https://www.mercadopago.com.br/developers/en/reference>.

use domain::rows::PaymentMethod;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use providers::{PaymentOrder, mercado_pago};
use serde_json::{Value, json};
use sha2::Sha256;
use uuid::Uuid;

use super::{ContractRow, Delivery, Particulars, Signature, SignedBy, header, order_in_brazil};
use crate::calls::Call;

pub static ROW: ContractRow = ContractRow {
    adapter: &mercado_pago::ADAPTER,
    api: Some("payments"),
    secret_key: "TEST-token-of-contract",
    webhook_secret: "secret-of-contract",
    order,
    object: "123",
    refund: "9",
    replies,
    fetches_events: true,
    error,
    differs: &[],
    key: |request| header(request, "x-idempotency-key"),
    statuses: &["status"],
    amounts: &["transaction_amount", "amount"],
    hidden: &["maria@a.example", "Maria", "12345678909", "last-4321", "card_token_hidden"],
    delivery,
    tampers: |delivery| delivery.query = delivery.query.replace("data.id=123", "data.id=124"),
    signature: Signature::Header("x-signature"),
    particulars: Particulars::COMMON,
};

pub fn order(number: u128) -> PaymentOrder {
    let (token, brand) = ("card_token_hidden".to_owned(), Some("visa".to_owned()));
    order_in_brazil(number, PaymentMethod::Card { token, brand, instalments: 3 })
}

fn payment() -> Value {
    json!({
        "id": 123, "status": "approved", "status_detail": "accredited", "currency_id": "BRL",
        "transaction_amount": 100.5, "transaction_amount_refunded": 0,
        "external_reference": Uuid::from_u128(1), "date_last_updated": "2023-11-14T22:13:20.000-04:00",
        "refunds": [], "metadata": {},
        "payer": {
            "email": "maria@a.example", "first_name": "Maria",
            "identification": {"type": "CPF", "number": "12345678909"},
        },
        "card": {"last_four_digits": "last-4321"},
    })
}

fn refund() -> Value {
    json!({"id": 9, "payment_id": 123, "amount": 5, "status": "approved", "source": {"name": "Maria"}})
}

fn replies(call: Call) -> Vec<Value> {
    let found = || json!({"results": [payment()], "paging": {"total": 1}});
    match call {
        Call::Refund | Call::FetchRefund => vec![refund()],
        Call::RefundsOf => vec![json!([refund()])],
        Call::Find => vec![found(), payment()],
        Call::Events => vec![found()],
        Call::FetchEvents => vec![payment(), json!([refund()])],
        _ => vec![payment()],
    }
}

fn error(status: u16) -> Value {
    json!({
        "status": status, "error": "bad_request", "message": "maria@a.example is not allowed",
        "cause": [{"code": 1, "description": "the card of Maria", "data": "12345678909"}],
    })
}

fn delivery(by: &SignedBy) -> Delivery {
    delivered(by, "payment", "123")
}

/// About the object with this id. It is signed as it is.
pub fn delivered(by: &SignedBy, topic: &str, id: &str) -> Delivery {
    let request = format!("request-{}", by.event);
    let mut mac = Hmac::<Sha256>::new_from_slice(by.secret.as_bytes()).unwrap();
    mac.update(format!("id:{id};request-id:{request};ts:{};", by.at).as_bytes());
    let signature = format!("ts={},v1={}", by.at, hex::encode(mac.finalize().into_bytes()));
    let body = json!({"type": topic, "data": {"id": id}}).to_string().into_bytes();
    Delivery { headers: HeaderMap::new(), query: format!("data.id={id}&type={topic}"), body }
        .with("x-signature", signature)
        .with("x-request-id", request)
}
