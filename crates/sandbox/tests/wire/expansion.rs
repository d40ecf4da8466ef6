//! Whole objects instead of their ids.

use crate::client::{CREATE, SALE, TestSandbox, sale};

#[tokio::test]
async fn expanded_objects_replace_their_ids() {
    let sandbox = TestSandbox::start().await;
    let sold = sandbox.post(CREATE, SALE).await;
    let whole = sandbox.post(CREATE, &format!("{SALE}&expand[]=latest_charge&expand[]=payment_method")).await;
    assert_eq!(whole.body["latest_charge"]["object"], "charge");
    assert_eq!(whole.body["payment_method"]["object"], "payment_method");
    assert_eq!(whole.body["customer"], serde_json::Value::Null);
    let deep = format!("{CREATE}/{}?expand[]=latest_charge.payment_intent.payment_method", sold.id());
    let deep = sandbox.get(&deep).await.body;
    assert_eq!(deep["latest_charge"]["payment_intent"]["payment_method"]["card"]["last4"], "4242");
    assert!(deep["payment_method"].is_string());
    let listed = sandbox.get(&format!("{CREATE}?expand[]=data.latest_charge")).await.body;
    assert!(listed["data"].as_array().unwrap().iter().all(|intent| intent["latest_charge"]["paid"] == true));
    let refund =
        format!("payment_intent={}&expand[]=charge&expand[]=payment_intent.latest_charge", sold.id());
    let refund = sandbox.post("/v1/refunds", &refund).await.body;
    assert_eq!(refund["charge"]["refunded"], true, "as it is after the call");
    assert_eq!(refund["payment_intent"]["latest_charge"]["refunded"], true);
}

#[tokio::test]
async fn a_replay_keeps_its_expanded_objects() {
    let sandbox = TestSandbox::start().await;
    let form = format!("{SALE}&expand[]=latest_charge");
    let first = sandbox.keyed("k1", CREATE, &form).await;
    sandbox.post("/v1/refunds", &format!("payment_intent={}", first.id())).await;
    let again = sandbox.keyed("k1", CREATE, &form).await;
    assert_eq!((again.header("idempotent-replayed"), &again.body), (Some("true"), &first.body));
    assert_eq!(again.body["latest_charge"]["refunded"], false);
}

#[tokio::test]
async fn paths_that_cannot_be_expanded_are_refused() {
    let sandbox = TestSandbox::start().await;
    let sold = sandbox.post(CREATE, SALE).await;
    let check = async |expand: &str, expected: &str| {
        let refused = sandbox.post(CREATE, &format!("{SALE}&expand[]={expand}")).await;
        assert_eq!(refused.body["error"]["message"], expected, "{expand}");
    };
    check("odd", "This property cannot be expanded (odd).").await;
    check("amount", "This property cannot be expanded (amount).").await;
    check("data.latest_charge", "This property cannot be expanded (data.latest_charge).").await;
    check("latest_charge.odd", "This property cannot be expanded (latest_charge.odd).").await;
    let txn = "latest_charge.balance_transaction";
    check(txn, &format!("`{txn}` is not modelled by this stand-in.")).await;
    let deep = "latest_charge.payment_intent.latest_charge.payment_intent.latest_charge";
    check(deep, &format!("You cannot expand more than 4 levels of a property ({deep}).")).await;
    let list = sandbox.get(&format!("{CREATE}?expand[]=latest_charge")).await;
    let hint = "This property cannot be expanded (latest_charge). You may want to try expanding 'data.latest_charge' instead.";
    assert_eq!(list.body["error"]["message"], hint);
    let event = sandbox.get("/v1/events?expand[]=data.object").await;
    assert_eq!(event.summary(), "400 invalid_request_error");
    assert_eq!(sandbox.sums().await.len(), 1, "{}", sold.id());
    let declined =
        sandbox.post(CREATE, &format!("{}&expand[]=latest_charge", sale("pm_card_chargeDeclined"))).await;
    assert_eq!(declined.summary(), "402 card_declined");
}
