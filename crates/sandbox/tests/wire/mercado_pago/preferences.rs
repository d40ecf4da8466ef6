//! Pages on which a payer pays an order.

use serde_json::{Value, json};

use super::seller::{Seller, summary, with};
use crate::client::Answer;

const PREFERENCES: &str = "/checkout/preferences";

fn order() -> Value {
    json!({
        "items": [{"title": "Tour", "quantity": 2, "unit_price": 18.55, "currency_id": "BRL"}],
        "payer": {"email": "ana@example.com"}, "external_reference": "op_9",
        "back_urls": {"success": "https://tours.example/done"}, "auto_return": "approved",
    })
}

async fn act(seller: &Seller, page: &Answer, action: &str) -> Answer {
    let path = format!("/sandbox/mercado_pago/preferences/{}/{action}", page.id());
    seller.0.try_control(&path, json!({})).await
}

#[tokio::test]
async fn each_payment_of_a_page_carries_its_reference() {
    let seller = Seller::start().await;
    let page = seller.call("POST", PREFERENCES, Some("k1"), &order().to_string()).await;
    assert_eq!((page.status, &page.body["total_amount"]), (201, &json!(37.1)));
    let path = page.body["init_point"].as_str().unwrap().strip_prefix(&*seller.0.url).unwrap();
    assert!(seller.0.send("GET", path, &[], "").await.body.as_str().unwrap().contains("Pay with Pix"));
    let expected = [
        ("decline", "200 rejected cc_rejected_other_reason"),
        ("pix", "200 pending pending_waiting_transfer"),
        ("pay", "200 approved accredited"),
        ("pay", "200 approved accredited"),
    ];
    for (action, expected) in expected {
        let made = act(&seller, &page, action).await;
        assert_eq!(summary(&made), expected);
        assert_eq!(
            (&made.body["external_reference"], &made.body["transaction_amount"]),
            (&json!("op_9"), &json!(37.1))
        );
    }
    let search = "/v1/payments/search?external_reference=op_9&sort=date_created&criteria=asc";
    assert_eq!(seller.get(search).await.body["paging"]["total"], 4);
}

#[tokio::test]
async fn the_same_call_again_makes_another_page() {
    let seller = Seller::start().await;
    let body = order().to_string();
    let first = seller.call("POST", PREFERENCES, Some("k1"), &body).await;
    let second = seller.call("POST", PREFERENCES, Some("k1"), &body).await;
    assert_eq!((first.status, second.status), (201, 201));
    assert_ne!(first.id(), second.id());
}

#[tokio::test]
async fn a_page_that_ended_takes_no_payment() {
    let seller = Seller::start().await;
    let page = seller.call("POST", PREFERENCES, None, &order().to_string()).await;
    let path = format!("{PREFERENCES}/{}", page.id());
    let ended =
        json!({"items": order()["items"], "expires": true, "expiration_date_to": page.body["date_created"]});
    let shown = seller.call("PUT", &path, None, &ended.to_string()).await;
    assert_eq!((shown.status, &shown.body["external_reference"]), (200, &json!("op_9")), "the rest stays");
    assert_eq!(seller.get(&path).await.body, shown.body);
    for action in ["pay", "pix", "decline"] {
        assert_eq!(act(&seller, &page, action).await.status, 400, "{action}");
    }
    assert!(seller.sums().await.is_empty());
}

#[tokio::test]
async fn an_order_in_another_form_is_refused() {
    let seller = Seller::start().await;
    let check = async |body: Value, expected: u16| {
        let answer = seller.call("POST", PREFERENCES, None, &body.to_string()).await;
        assert_eq!(answer.status, expected, "{body} {}", answer.body);
    };
    check(with(order(), "items", Value::Null), 400).await;
    check(with(order(), "items", json!([])), 400).await;
    check(with(order(), "items", json!([{"title": "a", "quantity": 0, "unit_price": 1}])), 400).await;
    check(with(order(), "items", json!([{"title": "a", "quantity": 1, "unit_price": 0}])), 400).await;
    check(
        with(order(), "items", json!([{"title": "a", "quantity": 1, "unit_price": 1, "currency_id": "USD"}])),
        400,
    )
    .await;
    check(with(order(), "back_urls", Value::Null), 400).await;
    check(with(order(), "expiration_date_to", json!("soon")), 400).await;
    check(with(order(), "transaction_amount", json!(1)), 400).await;
    assert_eq!(seller.get("/checkout/preferences/1-2").await.status, 404);
}
