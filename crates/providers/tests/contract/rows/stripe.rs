//! Stripe, <https://docs.stripe.com/api>.

use domain::{Currency, Money, rows::PaymentMethod};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use providers::{PaymentOrder, stripe};
use serde_json::{Value, json};
use sha2::Sha256;
use uuid::Uuid;

use super::{ContractRow, Delivery, Particulars, Signature, SignedBy, header, order_of};
use crate::calls::{CUSTOMER, Call, METHOD, OutcomeKind};

pub static ROW: ContractRow = ContractRow {
    adapter: &stripe::ADAPTER,
    api: None,
    secret_key: "sk_test_contract",
    webhook_secret: "whsec_contract",
    order,
    object: "pi_1",
    refund: "re_1",
    replies,
    fetches_events: false,
    error: |_| json!({"error": {"type": "invalid_request_error", "code": "parameter_unknown", "message": "ana@a.example"}}),
    // <https://docs.stripe.com/api/errors>: a failed call has 402, and none has 422.
    differs: &[(402, OutcomeKind::Refused), (422, OutcomeKind::Unknown)],
    key: |request| header(request, "idempotency-key"),
    statuses: &["status"],
    amounts: &["amount"],
    hidden: &["pi_1_secret_x", "ana@a.example", "pm_card_hidden"],
    delivery,
    tampers: |delivery| delivery.body.push(b' '),
    signature: Signature::Header("stripe-signature"),
    particulars: Particulars::COMMON,
};

fn order(number: u128) -> PaymentOrder {
    let card = PaymentMethod::Card { token: "pm_card_hidden".to_owned(), brand: None, instalments: 1 };
    order_of(number, Money::new(2_000, Currency::EUR), card, None)
}

fn intent() -> Value {
    json!({
        "id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 2000, "currency": "eur",
        "amount_capturable": 0, "amount_received": 2000, "client_secret": "pi_1_secret_x",
        "metadata": {"operation": Uuid::from_u128(1)}, "receipt_email": "ana@a.example",
    })
}

fn refund() -> Value {
    json!({
        "id": "re_1", "object": "refund", "status": "succeeded", "amount": 500, "currency": "eur",
        "payment_intent": "pi_1", "metadata": {"refund": Uuid::from_u128(1)},
    })
}

fn customer() -> Value {
    json!({
        "id": CUSTOMER, "object": "customer", "email": "ana@a.example",
        "metadata": {"surehold_customer": Uuid::from_u128(1)},
    })
}

fn method(customer: Option<&str>) -> Value {
    json!({
        "id": METHOD, "object": "payment_method", "type": "card", "created": 1_800_000_000, "customer": customer,
        "billing_details": {"email": "ana@a.example"},
        "card": {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2034},
    })
}

fn event(number: u32) -> Value {
    json!({
        "id": format!("evt_{number}"), "object": "event", "type": "payment_intent.succeeded", "livemode": false,
        "data": {"object": intent()},
    })
}

fn replies(call: Call) -> Vec<Value> {
    let page = |data: Value| json!({"object": "list", "has_more": false, "data": [data]});
    vec![match call {
        Call::CreateCustomer => customer(),
        Call::SavedMethods => page(method(Some(CUSTOMER))),
        Call::SavedMethod => method(Some(CUSTOMER)),
        Call::DetachMethod => method(None),
        Call::Refund | Call::FetchRefund => refund(),
        Call::RefundsOf => page(refund()),
        Call::Events => page(event(1)),
        _ => intent(),
    }]
}

fn delivery(by: &SignedBy) -> Delivery {
    let body = event(by.event).to_string().into_bytes();
    let mut mac = Hmac::<Sha256>::new_from_slice(by.secret.as_bytes()).unwrap();
    mac.update(format!("{}.", by.at).as_bytes());
    mac.update(&body);
    let signature = format!("t={},v1={}", by.at, hex::encode(mac.finalize().into_bytes()));
    Delivery { headers: HeaderMap::new(), query: String::new(), body }.with("stripe-signature", signature)
}
