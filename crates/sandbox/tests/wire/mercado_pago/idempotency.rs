//! `X-Idempotency-Key`: one effect per key.

use serde_json::json;

use super::seller::{PAYMENTS, Seller, card, hold, path, summary, with};

#[tokio::test]
async fn a_repetition_shows_the_same_payment() {
    let seller = Seller::start().await;
    let first = seller.create("k1", &card("approved")).await;
    seller.refund(&first, "r1", r#"{"amount": 1}"#).await;
    let again = seller.create("k1", &card("approved")).await;
    assert_eq!((first.status, again.status), (201, 200));
    assert_eq!(again.body, first.body, "as it was then");
    let refund = seller.refund(&first, "r1", r#"{"amount": 1}"#).await;
    assert_eq!(refund.status, 201);
    assert_eq!(seller.sums().await, [[10_050, 10_050, 100, 0]]);
    let declined = seller.create("k2", &card("rejected_other")).await;
    assert_eq!(seller.create("k2", &card("rejected_other")).await.body, declined.body);
    assert_eq!(seller.sums().await.len(), 2);
    let expected = ["201", "201", "200 replayed", "201 replayed", "201", "200 replayed"];
    assert_eq!(seller.outcomes().await, expected);
}

#[tokio::test]
async fn another_body_or_path_under_a_key_is_a_conflict() {
    let seller = Seller::start().await;
    let first = seller.create("k1", &card("approved")).await;
    let other = seller.create("k1", &card("rejected_other")).await;
    assert_eq!(summary(&other), "409 idempotency_error");
    let refund = seller.refund(&first, "k1", &card("approved").to_string()).await;
    assert_eq!(summary(&refund), "409 idempotency_error");
    assert_eq!(seller.sums().await, [[10_050, 10_050, 0, 0]]);
    assert_eq!(seller.outcomes().await[1..], ["409 other parameters", "409 other parameters"]);
}

#[tokio::test]
async fn a_key_is_needed_and_a_refusal_leaves_it_free() {
    let seller = Seller::start().await;
    let body = card("approved").to_string();
    assert_eq!(summary(&seller.call("POST", PAYMENTS, None, &body).await), "400 4292");
    let paid = seller.create("k1", &card("approved")).await;
    let refunds = format!("{}/refunds", path(&paid));
    assert_eq!(summary(&seller.call("POST", &refunds, None, "{}").await), "400 4292");
    assert_eq!(summary(&seller.create("k2", &card("token_unknown")).await), "400 2006");
    assert_eq!(summary(&seller.create("k2", &card("approved")).await), "201 approved accredited");
    let long = "k".repeat(256);
    assert_eq!(summary(&seller.create(&long, &card("approved")).await), "400 bad_request");
    let stripe = [("authorization", "Bearer APP_USR-1"), ("idempotency-key", "k3")];
    let unkeyed = seller.0.send("POST", PAYMENTS, &stripe, &body).await;
    assert_eq!(summary(&unkeyed), "400 4292", "the header of another provider is no key");
    assert_eq!(seller.sums().await.len(), 2);
}

#[tokio::test]
async fn one_of_many_concurrent_calls_is_executed() {
    let seller = Seller::start().await;
    seller.0.faults(json!({"delay_ms": [300, 300]})).await;
    let body = card("approved");
    let answers = futures_util::future::join_all((0..20).map(|_| seller.create("k1", &body))).await;
    let locked: Vec<_> = answers.iter().filter(|answer| answer.status == 423).collect();
    assert!(!locked.is_empty());
    assert!(locked.iter().all(|answer| summary(answer) == "423 locked"));
    assert_eq!(seller.sums().await, [[10_050, 10_050, 0, 0]]);
    assert!(seller.outcomes().await.contains(&"423 in flight".to_owned()));
    seller.0.faults(json!({})).await;
    let answers = futures_util::future::join_all((0..50).map(|_| seller.create("k1", &body))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(seller.sums().await, [[10_050, 10_050, 0, 0]]);
}

#[tokio::test]
async fn a_capture_under_a_key_is_repeated() {
    let seller = Seller::start().await;
    let held = seller.create("k1", &hold()).await;
    let capture = r#"{"capture": true, "transaction_amount": 50}"#;
    let first = seller.call("PUT", &path(&held), Some("c1"), capture).await;
    assert_eq!(summary(&first), "200 approved accredited");
    let again = seller.call("PUT", &path(&held), Some("c1"), capture).await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    let other = seller.call("PUT", &path(&held), Some("c2"), capture).await;
    assert_eq!(summary(&other), "400 2063");
    assert_eq!(seller.sums().await, [[10_050, 5_000, 0, 0]]);
}

#[tokio::test]
async fn a_key_can_be_forgotten() {
    let seller = Seller::start().await;
    let body = with(card("approved"), "external_reference", json!("op_9"));
    seller.create("k1", &body).await;
    seller.0.faults(json!({"key_retention_s": 0})).await;
    assert_eq!(seller.create("k1", &body).await.status, 201);
    assert_eq!(seller.sums().await.len(), 2, "a second payment");
}
