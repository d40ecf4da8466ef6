//! Refunds: in parts, never more than was captured, and some that fail later.

use serde_json::json;

use crate::client::{HOLD, OPEN, SALE, TestSandbox, sale};

#[tokio::test]
async fn partial_refunds_add_up_to_the_captured_amount_at_most() {
    let sandbox = TestSandbox::start().await;
    let intent = sandbox.post("/v1/payment_intents", HOLD).await.id().to_owned();
    let refund = async |tail: &str| {
        sandbox.post("/v1/refunds", &format!("payment_intent={intent}{tail}")).await.summary()
    };
    assert_eq!(refund("").await, "400 charge_not_refundable");
    sandbox.post(&format!("/v1/payment_intents/{intent}/capture"), "amount_to_capture=1500").await;
    assert_eq!(refund("&amount=1501").await, "400 invalid_request_error");
    assert_eq!(refund("&amount=600").await, "200 succeeded");
    assert_eq!(refund("&amount=0").await, "400 parameter_invalid_integer");
    assert_eq!(refund("&amount=901").await, "400 invalid_request_error");
    assert_eq!(refund("&amount=100&reason=odd").await, "400 invalid_request_error");
    assert_eq!(refund("&amount=400&reason=duplicate").await, "200 succeeded");
    assert_eq!(refund("").await, "200 succeeded", "the rest");
    assert_eq!(refund("").await, "400 charge_already_refunded");
    assert_eq!(sandbox.sums().await, [[2000, 1500, 1500]]);
    let outcomes = sandbox.outcomes().await;
    let refused = outcomes.iter().filter(|outcome| *outcome == "400 amount_too_large").count();
    assert_eq!(refused, 2, "the books name what Stripe has no code for");
    let listed = sandbox.get(&format!("/v1/refunds?payment_intent={intent}")).await.body;
    let amounts: Vec<_> =
        listed["data"].as_array().unwrap().iter().map(|refund| refund["amount"].clone()).collect();
    assert_eq!(amounts, [json!(500), json!(400), json!(600)]);
}

#[tokio::test]
async fn a_refund_without_captured_money_is_refused() {
    let sandbox = TestSandbox::start().await;
    let open = sandbox.post("/v1/payment_intents", OPEN).await;
    let check = async |form: &str, expected: &str| {
        assert_eq!(sandbox.post("/v1/refunds", form).await.summary(), expected, "{form}");
    };
    check(&format!("payment_intent={}", open.id()), "400 invalid_request_error").await;
    check("payment_intent=pi_x", "404 resource_missing").await;
    check("charge=ch_x", "404 resource_missing").await;
    check("amount=5", "400 invalid_request_error").await;
}

#[tokio::test]
async fn two_concurrent_refunds_never_exceed_the_captured_amount() {
    let sandbox = TestSandbox::start().await;
    let intent = sandbox.post("/v1/payment_intents", SALE).await.id().to_owned();
    let form = format!("payment_intent={intent}&amount=300");
    let calls = (0..20).map(|_| sandbox.post("/v1/refunds", &form));
    let answers = futures_util::future::join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 6);
    assert_eq!(sandbox.sums().await, [[2000, 2000, 1800]]);
}

#[tokio::test]
async fn some_refunds_change_their_status_later() {
    let sandbox = TestSandbox::start().await;
    let check = async |card: &str, at_first: &str, later: &str, given_back: i64| {
        let intent = sandbox.post("/v1/payment_intents", &sale(card)).await.id().to_owned();
        let refund = sandbox.post("/v1/refunds", &format!("payment_intent={intent}&amount=700")).await;
        assert_eq!(refund.summary(), format!("200 {at_first}"));
        sandbox.until(&format!("/v1/refunds/{}", refund.id()), later).await;
        let books = sandbox.books().await;
        let charge =
            books["charges"].as_array().unwrap().iter().find(|charge| charge["id"] == *intent).unwrap();
        assert_eq!(charge["refunded_minor"], given_back);
    };
    check("pm_card_refundFail", "succeeded", "failed", 0).await;
    check("pm_card_pendingRefund", "pending", "succeeded", 700).await;
    let kinds = sandbox.get("/v1/events?types[]=refund.failed&types[]=refund.updated").await.body;
    let kinds: Vec<_> = kinds["data"].as_array().unwrap().iter().map(|event| event["type"].clone()).collect();
    assert_eq!(kinds, [json!("refund.updated"), json!("refund.updated"), json!("refund.failed")]);
}
