//! Orders: what each status allows, one effect per key, and the same books as payments have.

use serde_json::{Value, json};

use super::seller::{Seller, with};
use crate::{client::Answer, receiver::Receiver};

const ORDERS: &str = "/v1/orders";

/// An order of 100.50 with this card token.
fn by_card(token: &str) -> Value {
    let method = json!({"id": "visa", "type": "credit_card", "token": token, "installments": 1});
    order("100.50", "op_1", json!({"amount": "100.50", "payment_method": method}))
}

fn by_pix() -> Value {
    let method = json!({"id": "pix", "type": "bank_transfer"});
    order("37.00", "op_2", json!({"amount": "37.00", "payment_method": method}))
}

fn order(total: &str, reference: &str, payment: Value) -> Value {
    json!({
        "type": "online", "processing_mode": "automatic", "total_amount": total,
        "external_reference": reference, "payer": {"email": "ana@example.com"},
        "transactions": {"payments": [payment]},
    })
}

fn manual() -> Value {
    with(by_card("approved"), "capture_mode", json!("manual"))
}

fn path(order: &Answer) -> String {
    format!("{ORDERS}/{}", order.body["id"].as_str().unwrap())
}

/// `201 processed accredited` for an order, `409 cannot_cancel_order` for an error.
fn summary(answer: &Answer) -> String {
    let (body, text) = (&answer.body, |value: &Value| value.as_str().unwrap_or("-").to_owned());
    match &body["status_detail"] {
        Value::String(detail) => format!("{} {} {detail}", answer.status, text(&body["status"])),
        _ => format!("{} {}", answer.status, text(&body["errors"][0]["code"])),
    }
}

impl Seller {
    async fn order(&self, key: &str, body: &Value) -> Answer {
        self.call("POST", ORDERS, Some(key), &body.to_string()).await
    }

    async fn on_order(&self, order: &Answer, verb: &str, key: &str, body: &str) -> String {
        summary(&self.call("POST", &format!("{}/{verb}", path(order)), Some(key), body).await)
    }

    async fn act_on_order(&self, order: &Answer, action: &str) -> String {
        let path = format!("/sandbox/mercado_pago/payments/{}/{action}", order.body["id"].as_str().unwrap());
        self.0.try_control(&path, json!({})).await;
        summary(&self.get(&self::path(order)).await)
    }
}

#[tokio::test]
async fn each_status_of_an_order_allows_what_it_says() {
    let seller = Seller::start().await;
    let held = seller.order("k1", &manual()).await;
    assert_eq!(summary(&held), "201 action_required waiting_capture");
    assert_eq!(seller.on_order(&held, "refund", "a", "{}").await, "409 cannot_refund_order");
    assert_eq!(seller.on_order(&held, "capture", "b", "").await, "200 processed accredited");
    assert_eq!(seller.on_order(&held, "capture", "c", "").await, "409 cannot_capture_order");
    assert_eq!(seller.on_order(&held, "cancel", "d", "").await, "409 cannot_cancel_order");
    let transaction = held.body["transactions"]["payments"][0]["id"].as_str().unwrap();
    let part = |id: &str, amount: &str| json!({"transactions": [{"id": id, "amount": amount}]}).to_string();
    let refund = async |key: &str, body: &str| seller.on_order(&held, "refund", key, body).await;
    assert_eq!(refund("e", &part(transaction, "100.51")).await, "400 refund_amount_exceeds");
    assert_eq!(refund("f", &part("PAY01J1", "1.00")).await, "404 transaction_not_found");
    assert_eq!(refund("g", &part(transaction, "20.25")).await, "201 processed partially_refunded");
    assert_eq!(refund("g", &part(transaction, "20.25")).await, "201 processed partially_refunded");
    assert_eq!(refund("h", "{}").await, "201 refunded refunded");
    assert_eq!(refund("i", "{}").await, "409 order_already_refunded");

    let waiting = seller.order("k2", &by_pix()).await;
    assert_eq!(summary(&waiting), "201 action_required waiting_transfer");
    let method = &waiting.body["transactions"]["payments"][0]["payment_method"];
    assert!(method["qr_code"].as_str().unwrap().starts_with("000201"));
    assert_eq!(seller.on_order(&waiting, "cancel", "j", "").await, "200 canceled canceled");
    assert_eq!(seller.on_order(&waiting, "cancel", "k", "").await, "409 order_already_canceled");
    let expired = seller.order("k3", &by_pix()).await;
    assert_eq!(seller.act_on_order(&expired, "expire").await, "200 expired expired");
    let paid = seller.order("k4", &by_pix()).await;
    assert_eq!(seller.act_on_order(&paid, "pay").await, "200 processed accredited");
    assert_eq!(seller.act_on_order(&paid, "charge_back").await, "200 charged_back in_process");
    assert_eq!(seller.act_on_order(&paid, "settle").await, "200 charged_back settled");
    let sums = [[10_050, 10_050, 10_050, 0], [0; 4], [0; 4], [3_700, 3_700, 0, 3_700]];
    assert_eq!(seller.sums().await, sums);
}

#[tokio::test]
async fn a_declined_card_is_an_order_that_failed() {
    let seller = Seller::start().await;
    let body = by_card("rejected_insufficient_funds");
    let failed = seller.order("k1", &body).await;
    assert_eq!(summary(&failed), "402 failed");
    let order = &failed.body["data"];
    let transaction = &order["transactions"]["payments"][0];
    assert_eq!(
        (&order["status"], &transaction["status_detail"]),
        (&json!("failed"), &json!("insufficient_amount"))
    );
    // An order was made, so its key is used.
    assert_eq!(seller.order("k1", &body).await.body, failed.body);
    assert_eq!(seller.sums().await, [[0; 4]]);
}

#[tokio::test]
async fn an_order_needs_a_key_and_is_made_once_under_it() {
    let seller = Seller::start().await;
    let body = by_card("approved").to_string();
    let without = seller.call("POST", ORDERS, None, &body).await;
    assert_eq!(summary(&without), "400 empty_required_header");
    let first = seller.order("k1", &by_card("approved")).await;
    assert_eq!(summary(&first), "201 processed accredited");
    assert_eq!(seller.order("k1", &by_card("approved")).await.body, first.body);
    assert_eq!(seller.order("k1", &by_pix()).await.status, 409);
    seller.0.faults(json!({"key_locked": 1})).await;
    assert_eq!(seller.order("k2", &by_pix()).await.status, 423);
    seller.0.faults(json!({})).await;
    assert_eq!(seller.sums().await, [[10_050, 10_050, 0, 0]]);
}

#[tokio::test]
async fn what_is_not_an_order_of_one_transaction_is_refused() {
    let seller = Seller::start().await;
    let check = async |name: &str, value: Value, expected: &str| {
        let refused = seller.order(name, &with(by_card("approved"), name, value)).await;
        assert_eq!(summary(&refused), expected, "{name}");
    };
    check("total_amount", json!("100.51"), "400 invalid_total_amount").await;
    check("total_amount", Value::Null, "400 required_properties").await;
    check("total_amount", json!(100.5), "400 unsupported_properties").await;
    check("type", json!("point"), "400 property_value").await;
    check("processing_mode", json!("manual"), "400 property_value").await;
    check("capture_mode", json!("later"), "400 property_value").await;
    check("metadata", json!({}), "400 unsupported_properties").await;
    check("payer", json!({"email": "ana"}), "400 property_value").await;
    check("transactions", json!({"payments": []}), "400 minimum_items").await;
    let method = json!({"id": "visa", "type": "debit_card", "token": "approved", "installments": 1});
    let payments = json!({"payments": [{"amount": "100.50", "payment_method": method}]});
    check("transactions", payments, "400 property_value").await;
    assert_eq!(seller.order("t", &by_card("token_unknown")).await.status, 400);
    assert_eq!(summary(&seller.get("/v1/orders/ORD01J00000000000000000000001").await), "404 order_not_found");
    assert_eq!(seller.sums().await.len(), 0);
}

#[tokio::test]
async fn an_order_is_found_by_its_reference_once_it_is_indexed() {
    let seller = Seller::start().await;
    let made = seller.order("k1", &by_card("approved")).await;
    seller.create("k2", &super::seller::card("approved")).await;
    let range = "begin_date=2020-01-01T00:00:00Z&end_date=2090-01-01T00:00:00Z";
    let found = async |more: &str| {
        let found = seller.get(&format!("{ORDERS}?{range}{more}")).await.body;
        found["data"].as_array().unwrap().iter().map(|order| order["id"].clone()).collect::<Vec<Value>>()
    };
    let id = made.body["id"].clone();
    assert_eq!(found("&external_reference=op_1").await, std::slice::from_ref(&id));
    assert_eq!(found("&status=processed").await, [id]);
    assert!(found("&external_reference=op_7").await.is_empty() && found("&page=2").await.is_empty());
    assert_eq!(summary(&seller.get(ORDERS).await), "400 required_properties");
    seller.0.faults(json!({"search_lag_ms": 60_000})).await;
    assert!(found("&external_reference=op_1").await.is_empty());
}

/// The search of payments shows what an order paid under an id of its own, with the order's.
#[tokio::test]
async fn the_payment_of_an_order_names_it() {
    let seller = Seller::start().await;
    let made = seller.order("k1", &by_card("approved")).await;
    let search = "/v1/payments/search?external_reference=op_1&sort=date_created&criteria=desc";
    let payment = seller.get(search).await.body["results"][0].clone();
    assert!(payment["id"].is_u64());
    assert_eq!(payment["order"]["id"], made.body["id"]);
    assert_eq!(seller.0.books().await["charges"][0]["id"], made.body["id"]);
}

#[tokio::test]
async fn a_change_of_an_order_is_notified_about_the_order() {
    let mut receiver = Receiver::answering(&[]).await;
    let seller = Seller::start().await;
    let webhook = json!({"url": receiver.url, "secrets": ["app_secret"]});
    seller.0.control("/sandbox/accounts", Seller::account(webhook)).await;
    let made = seller.order("k1", &by_card("approved")).await;
    let delivery = receiver.next().await;
    let id = made.body["id"].as_str().unwrap();
    assert_eq!(delivery.query, format!("data.id={id}&type=order"));
    assert_eq!((&delivery.event["type"], &delivery.event["data"]["id"]), (&json!("order"), &json!(id)));
}
