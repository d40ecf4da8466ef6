//! Idempotency keys: one effect, one reply, as in Stripe's v1 API.

use serde_json::json;

use crate::client::{CREATE, HOLD, SALE, TestSandbox, sale};

#[tokio::test]
async fn a_repetition_gets_the_first_reply_again() {
    let sandbox = TestSandbox::start().await;
    let first = sandbox.keyed("k1", CREATE, SALE).await;
    assert_eq!(first.header("idempotent-replayed"), None);
    assert_eq!(first.header("idempotency-key"), Some("k1"));
    // The object has changed in between; the reply is still the old one.
    sandbox.post("/v1/refunds", &format!("payment_intent={}", first.id())).await;
    sandbox.post(&format!("{CREATE}/{}", first.id()), "description=changed").await;
    let reordered: String = SALE.split('&').rev().collect::<Vec<_>>().join("&");
    let again = sandbox.keyed("k1", CREATE, &reordered).await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.header("original-request"), first.header("request-id"));
    assert_ne!(again.header("request-id"), first.header("request-id"));
    assert_eq!(sandbox.sums().await.len(), 1);
    assert_eq!(sandbox.outcomes().await, ["200", "200", "200", "200 replayed"]);
}

#[tokio::test]
async fn other_parameters_or_another_path_are_refused() {
    let sandbox = TestSandbox::start().await;
    let first = sandbox.keyed("k1", CREATE, HOLD).await;
    let other = sandbox.keyed("k1", CREATE, SALE).await;
    assert_eq!(other.summary(), "400 idempotency_error");
    let capture = sandbox.keyed("k1", &format!("{CREATE}/{}/capture", first.id()), HOLD).await;
    assert_eq!(capture.summary(), "400 idempotency_error");
    assert_eq!(sandbox.sums().await, [[2000, 0, 0]]);
    assert_eq!(sandbox.outcomes().await[1..], ["400 other parameters", "400 other parameters"]);
}

#[tokio::test]
async fn refusals_are_stored_only_once_execution_has_begun() {
    let sandbox = TestSandbox::start().await;
    let declined = &sale("pm_card_chargeDeclined");
    let check = async |key: &str, path: &str, form: &str, expected: &str, kept: bool| {
        let first = sandbox.keyed(key, path, form).await;
        let again = sandbox.keyed(key, path, form).await;
        assert_eq!((first.summary(), again.summary()), (expected.to_owned(), expected.to_owned()));
        assert_eq!(again.header("idempotent-replayed").is_some(), kept, "{key}");
        assert_eq!(first.body == again.body, kept, "{key}: only a kept answer names the same request");
    };
    check("declined", CREATE, declined, "402 card_declined", true).await;
    check("missing", "/v1/payment_intents/pi_x/capture", "", "404 resource_missing", true).await;
    check("parameter", CREATE, "amount=x", "400 parameter_invalid_integer", false).await;
    let fixed = sandbox.keyed("parameter", CREATE, SALE).await;
    assert_eq!(fixed.status, 200, "a key that kept nothing is free for other parameters");
    assert_eq!(sandbox.sums().await, [[0; 3], [2000, 2000, 0]], "the decline happened once");
}

#[tokio::test]
async fn one_of_many_concurrent_calls_is_executed() {
    let sandbox = TestSandbox::start().await;
    sandbox.faults(json!({"delay_ms": [300, 300]})).await;
    let calls = (0..20).map(|_| sandbox.keyed("k1", CREATE, SALE));
    let answers = futures_util::future::join_all(calls).await;
    let in_flight: Vec<_> = answers.iter().filter(|answer| answer.status == 409).collect();
    assert!(!in_flight.is_empty());
    for answer in &in_flight {
        assert_eq!(answer.summary(), "409 idempotency_key_in_use");
        assert_eq!(answer.header("stripe-should-retry"), Some("true"));
    }
    assert_eq!(sandbox.sums().await, [[2000, 2000, 0]]);
    sandbox.faults(json!({})).await;
    let calls = (0..50).map(|_| sandbox.keyed("k1", CREATE, SALE));
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(|answer| answer.header("idempotent-replayed") == Some("true")));
    assert_eq!(sandbox.sums().await, [[2000, 2000, 0]]);
}

#[tokio::test]
async fn a_client_that_disconnects_does_not_stop_its_call() {
    let sandbox = TestSandbox::start().await;
    sandbox.faults(json!({"delay_ms": [600, 600]})).await;
    let call = sandbox.keyed("k1", CREATE, SALE);
    let impatient = tokio::time::timeout(std::time::Duration::from_millis(100), call).await;
    assert!(impatient.is_err());
    sandbox.faults(json!({})).await;
    let finished = async {
        loop {
            let again = sandbox.keyed("k1", CREATE, SALE).await;
            if again.status != 409 {
                break again;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let again = tokio::time::timeout(std::time::Duration::from_secs(10), finished).await.unwrap();
    assert_eq!(again.header("idempotent-replayed"), Some("true"), "the first call was executed");
    assert_eq!(sandbox.sums().await, [[2000, 2000, 0]]);
}

#[tokio::test]
async fn a_key_can_be_forgotten() {
    let sandbox = TestSandbox::start().await;
    sandbox.keyed("k1", CREATE, SALE).await;
    for (faults, count) in [(json!({"key_retention_s": 0}), 2), (json!({"forget_keys": true}), 3)] {
        sandbox.faults(faults).await;
        let again = sandbox.keyed("k1", CREATE, SALE).await;
        assert_eq!(again.header("idempotent-replayed"), None);
        assert_eq!(sandbox.sums().await.len(), count, "a second charge");
    }
    let long = sandbox.keyed(&"k".repeat(256), CREATE, SALE).await;
    assert_eq!(long.status, 200, "not even its length is looked at");
    sandbox.faults(json!({})).await;
    let long = sandbox.keyed(&"k".repeat(256), CREATE, SALE).await;
    assert_eq!(long.summary(), "400 idempotency_error");
}
