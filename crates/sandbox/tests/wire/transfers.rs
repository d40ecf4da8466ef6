//! Transfers: never more than the balance, found by their group, and taken back in parts.

use serde_json::json;

use crate::client::{SALE, TestSandbox};

const TRANSFERS: &str = "/v1/transfers";

fn order(amount: i64, group: &str) -> String {
    format!("amount={amount}&currency=brl&destination=acct_guide&transfer_group={group}")
}

#[tokio::test]
async fn transfers_never_exceed_the_balance() {
    let sandbox = TestSandbox::start().await;
    let refused = sandbox.post(TRANSFERS, &order(1, "a")).await;
    assert_eq!(refused.summary(), "400 balance_insufficient", "nothing was earned");
    let intent = sandbox.post("/v1/payment_intents", SALE).await.id().to_owned();
    let made = sandbox.post(TRANSFERS, &order(1_500, "a")).await;
    assert_eq!((made.status, &made.body["amount"]), (200, &json!(1_500)));
    assert_eq!(sandbox.post(TRANSFERS, &order(501, "a")).await.summary(), "400 balance_insufficient");
    sandbox.post("/v1/refunds", &format!("payment_intent={intent}&amount=300")).await;
    assert_eq!(sandbox.post(TRANSFERS, &order(201, "a")).await.summary(), "400 balance_insufficient");
    assert_eq!(sandbox.post(TRANSFERS, &order(200, "a")).await.status, 200);
    let back = sandbox.post(&format!("{TRANSFERS}/{}/reversals", made.id()), "amount=100").await;
    assert_eq!((back.status, &back.body["object"]), (200, &json!("transfer_reversal")));
    assert_eq!(sandbox.post(TRANSFERS, &order(101, "a")).await.summary(), "400 balance_insufficient");
    assert_eq!(sandbox.post(TRANSFERS, &order(100, "a")).await.status, 200);
    let books = sandbox.books().await;
    let sums: Vec<_> = books["transfers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|transfer| {
            (transfer["amount_minor"].as_i64().unwrap(), transfer["reversed_minor"].as_i64().unwrap())
        })
        .collect();
    assert_eq!(sums, [(1_500, 100), (200, 0), (100, 0)]);
}

#[tokio::test]
async fn what_is_wrong_is_refused() {
    let sandbox = TestSandbox::start().await;
    sandbox.post("/v1/payment_intents", SALE).await;
    let check = async |form: &str, expected: &str| {
        assert_eq!(sandbox.post(TRANSFERS, form).await.summary(), expected, "{form}");
    };
    check("amount=0&currency=brl&destination=acct_a", "400 parameter_invalid_integer").await;
    check("currency=brl&destination=acct_a", "400 parameter_invalid_integer").await;
    check("amount=1&currency=brl&destination=nobody", "400 resource_missing").await;
    check("amount=1&currency=eur&destination=acct_a", "400 balance_insufficient").await;
    check("amount=1&currency=brl", "400 parameter_missing").await;
    check("amount=1&currency=brl&destination=acct_a&source_transaction=ch_1", "400 invalid_request_error")
        .await;
    let made = sandbox.post(TRANSFERS, &order(500, "a")).await;
    let reversals = format!("{TRANSFERS}/{}/reversals", made.id());
    assert_eq!(sandbox.post(&reversals, "amount=501").await.summary(), "400 invalid_request_error");
    assert_eq!(sandbox.post(&reversals, "").await.status, 200, "all of it");
    assert_eq!(sandbox.post(&reversals, "").await.summary(), "400 invalid_request_error");
    assert_eq!(sandbox.get("/v1/transfers/tr_x").await.summary(), "404 resource_missing");
}

#[tokio::test]
async fn a_lost_transfer_is_found_by_its_group_and_kept_under_its_key() {
    let sandbox = TestSandbox::start().await;
    sandbox.post("/v1/payment_intents", SALE).await;
    sandbox.faults(json!({ "commit_then_drop": 1.0 })).await;
    assert!(sandbox.try_post(TRANSFERS, Some("k-1"), &order(500, "lost")).await.is_err());
    sandbox.faults(json!({})).await;
    let listed = sandbox.get("/v1/transfers?transfer_group=lost").await.body;
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    let again = sandbox.keyed("k-1", TRANSFERS, &order(500, "lost")).await;
    assert_eq!(again.body["id"], listed["data"][0]["id"]);
    assert!(
        sandbox.get("/v1/transfers?transfer_group=other").await.body["data"].as_array().unwrap().is_empty()
    );
    let kinds = sandbox.get("/v1/events?types[]=transfer.created").await.body;
    assert_eq!(kinds["data"].as_array().unwrap().len(), 1);
    let sandbox = sandbox.after_a_kill(b"").await;
    let listed = sandbox.get("/v1/transfers?transfer_group=lost").await.body;
    assert_eq!(listed["data"][0]["id"], again.body["id"], "it survives the process");
}
