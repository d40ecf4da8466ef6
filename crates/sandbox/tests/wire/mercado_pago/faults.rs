//! The faults of both wires, and those that only Mercado Pago has.

use serde_json::json;

use super::seller::{PAYMENTS, Seller, card, path, summary};

#[tokio::test]
async fn a_lost_answer_keeps_its_effect() {
    let seller = Seller::start().await;
    let body = card("approved");
    seller.0.faults(json!({"commit_then_drop": 1})).await;
    assert!(seller.try_call("POST", PAYMENTS, Some("k1"), &body.to_string()).await.is_err());
    assert_eq!(seller.sums().await, [[10_050, 10_050, 0, 0]]);
    seller.0.faults(json!({"commit_then_500": 1})).await;
    assert_eq!(summary(&seller.create("k2", &body).await), "500 internal_error");
    seller.0.faults(json!({})).await;
    for key in ["k1", "k2"] {
        assert_eq!(summary(&seller.create(key, &body).await), "200 approved accredited", "{key}");
    }
    assert_eq!(seller.sums().await.len(), 2);
    let expected = ["committed_then_dropped", "committed_then_500", "200 replayed", "200 replayed"];
    assert_eq!(seller.outcomes().await, expected);
}

#[tokio::test]
async fn kept_errors_are_replayed() {
    let seller = Seller::start().await;
    let body = card("approved");
    for (fault, key, count) in [("kept_500", "k1", 0), ("commit_then_kept_500", "k2", 1)] {
        seller.0.faults(json!({fault: 1})).await;
        let failed = seller.create(key, &body).await;
        assert_eq!(summary(&failed), "500 internal_error", "{fault}");
        seller.0.faults(json!({})).await;
        let again = seller.create(key, &body).await;
        assert_eq!((again.status, &again.body), (500, &failed.body), "{fault}");
        let second = Seller(seller.0.after_a_kill(b"").await);
        assert_eq!(second.create(key, &body).await.status, 500, "{fault}: after a kill too");
        assert_eq!(seller.sums().await.len(), count, "{fault}");
    }
}

#[tokio::test]
async fn calls_are_turned_away_without_an_effect() {
    let seller = Seller::start().await;
    let body = card("approved");
    let check = async |fault: &str, expected: &str, outcome: &str| {
        seller.0.faults(json!({fault: 1, "retry_after_s": 7})).await;
        let refused = seller.create("k1", &body).await;
        assert_eq!(summary(&refused), expected);
        assert_eq!(refused.header("retry-after"), Some("7"), "{fault}");
        assert_eq!(seller.outcomes().await.last().unwrap(), outcome);
        assert_eq!(seller.sums().await.len(), 0, "{fault}");
    };
    check("unavailable", "503 service_unavailable", "503 unavailable").await;
    check("rate_limited", "429 too_many_requests", "429 rate_limit").await;
    check("key_locked", "423 locked", "423 locked").await;
    check("failed_dependency", "424 failed_dependency", "424 failed_dependency").await;
    // The faults of keys concern neither calls without a key nor the other provider.
    assert_eq!(seller.get("/v1/payments/1").await.status, 404);
    let stripe = seller.0.keyed("k1", crate::client::CREATE, crate::client::SALE).await;
    assert_eq!(stripe.status, 200);
    seller.0.faults(json!({"drop_before": 1})).await;
    assert!(seller.try_call("POST", PAYMENTS, Some("k1"), &body.to_string()).await.is_err());
    seller.0.faults(json!({})).await;
    assert_eq!(summary(&seller.create("k1", &body).await), "201 approved accredited", "the key is free");
}

#[tokio::test]
async fn a_decision_can_be_worse_or_later_than_its_token() {
    let seller = Seller::start().await;
    seller.0.faults(json!({"decline": 1})).await;
    let declined = seller.create("k1", &card("approved")).await;
    assert_eq!(summary(&declined), "201 rejected cc_rejected_other_reason");
    let check = async |key: &str, token: &str, decline: u8, later: &str| {
        let stuck = json!({"stuck_processing": 1, "processing_ms": [300, 400], "decline": decline});
        seller.0.faults(stuck).await;
        let undecided = seller.create(key, &card(token)).await;
        assert_eq!(summary(&undecided), "201 in_process pending_contingency", "{key}");
        let second = Seller(seller.0.after_a_kill(b"").await);
        seller.until(&undecided, later).await;
        second.until(&undecided, later).await;
    };
    check("k2", "approved", 0, "200 approved accredited").await;
    check("k3", "rejected_expired", 0, "200 rejected cc_rejected_bad_filled_date").await;
    check("k4", "approved", 1, "200 rejected cc_rejected_other_reason").await;
    assert_eq!(seller.sums().await, [[0; 4], [10_050, 10_050, 0, 0], [0; 4], [0; 4]]);
    let events = seller.get(&path(&declined)).await;
    assert_eq!(events.body["status"], "rejected");
}
