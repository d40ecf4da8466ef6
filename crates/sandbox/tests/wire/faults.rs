//! Each fault does what it says, and nothing else.

use serde_json::json;

use crate::client::{CREATE, HOLD, OPEN, SALE, TestSandbox};

#[tokio::test]
async fn commit_then_drop_loses_the_reply_and_keeps_the_effect() {
    let sandbox = TestSandbox::start().await;
    sandbox.faults(json!({"commit_then_drop": 1})).await;
    assert!(sandbox.try_post(CREATE, Some("k1"), SALE).await.is_err());
    assert_eq!(sandbox.sums().await, [[2000, 2000, 0]]);
    let again = sandbox.keyed("k1", CREATE, SALE).await;
    assert_eq!(
        (again.summary(), again.header("idempotent-replayed")),
        ("200 succeeded".into(), Some("true"))
    );
    assert_eq!(sandbox.get(&format!("{CREATE}/{}", again.id())).await.status, 200, "reading is not struck");
    assert_eq!(sandbox.sums().await, [[2000, 2000, 0]]);
    assert_eq!(sandbox.outcomes().await, ["committed_then_dropped", "200 replayed", "200"]);
}

#[tokio::test]
async fn commit_then_500_replies_with_an_error_and_keeps_the_success() {
    let sandbox = TestSandbox::start().await;
    sandbox.faults(json!({"commit_then_500": 1})).await;
    let failed = sandbox.keyed("k1", CREATE, SALE).await;
    assert_eq!(failed.summary(), "500 api_error");
    assert_eq!(sandbox.sums().await, [[2000, 2000, 0]]);
    let again = sandbox.keyed("k1", CREATE, SALE).await;
    assert_eq!(
        (again.summary(), again.header("idempotent-replayed")),
        ("200 succeeded".into(), Some("true"))
    );
    let refused = sandbox.keyed("k2", CREATE, "amount=x").await;
    assert_eq!(refused.status, 400, "a call without an effect is answered");
    assert_eq!(sandbox.outcomes().await[..2], ["committed_then_500", "200 replayed"]);
}

#[tokio::test]
async fn kept_500_has_no_effect_and_is_replayed() {
    let sandbox = TestSandbox::start().await;
    sandbox.faults(json!({"kept_500": 1})).await;
    let failed = sandbox.keyed("k1", CREATE, SALE).await;
    assert_eq!((failed.summary(), failed.header("idempotent-replayed")), ("500 api_error".into(), None));
    sandbox.faults(json!({})).await;
    let again = sandbox.keyed("k1", CREATE, SALE).await;
    assert_eq!(
        (again.summary(), again.header("idempotent-replayed")),
        ("500 api_error".into(), Some("true"))
    );
    assert_eq!(again.body, failed.body);
    assert_eq!(again.header("original-request"), failed.header("request-id"));
    let second = sandbox.after_a_kill(b"").await;
    assert_eq!(second.keyed("k1", CREATE, SALE).await.body, failed.body, "after a kill too");
    assert_eq!(sandbox.sums().await.len(), 0, "nothing happened");
    assert_eq!(sandbox.outcomes().await, ["kept_500", "500 replayed"]);
    sandbox.faults(json!({"kept_500": 1})).await;
    let unknown = sandbox.keyed("k2", CREATE, "odd=1").await;
    assert_eq!(
        unknown.summary(),
        "400 parameter_unknown",
        "wrong parameters are refused before anything begins"
    );
    assert_eq!(sandbox.get(CREATE).await.status, 200, "reading is not struck");
    let other = sandbox.keyed("k1", CREATE, HOLD).await;
    assert_eq!(other.summary(), "400 idempotency_error", "the key is used all the same");
    assert_eq!(sandbox.post(CREATE, SALE).await.status, 500);
    sandbox.faults(json!({})).await;
    assert_eq!(sandbox.keyed("k3", CREATE, SALE).await.summary(), "200 succeeded");
}

#[tokio::test]
async fn commit_then_kept_500_has_its_effect_and_replays_the_500() {
    let sandbox = TestSandbox::start().await;
    sandbox.faults(json!({"commit_then_kept_500": 1})).await;
    let failed = sandbox.keyed("k1", CREATE, SALE).await;
    assert_eq!(failed.summary(), "500 api_error");
    assert_eq!(sandbox.sums().await, [[2000, 2000, 0]]);
    sandbox.faults(json!({})).await;
    let again = sandbox.keyed("k1", CREATE, SALE).await;
    assert_eq!(
        (again.summary(), again.header("idempotent-replayed")),
        ("500 api_error".into(), Some("true"))
    );
    assert_eq!(again.body, failed.body);
    assert_eq!(sandbox.sums().await, [[2000, 2000, 0]], "only the objects tell");
    let books = sandbox.books().await;
    assert_eq!(books["calls"][0]["outcome"], "committed_then_kept_500");
    assert_eq!(books["calls"][0]["object"], books["charges"][0]["id"]);
    assert_eq!(books["calls"][1]["outcome"], "500 replayed");
    sandbox.faults(json!({"commit_then_kept_500": 1})).await;
    let refused = sandbox.keyed("k2", CREATE, "amount=49&currency=eur").await;
    assert_eq!(refused.summary(), "400 amount_too_small", "a call without an effect is answered");
}

#[tokio::test]
async fn stuck_processing_settles_as_the_card_decides() {
    let check = async |card: &str, faults: serde_json::Value, later: &str, sums: [i64; 3], kind: &str| {
        let sandbox = TestSandbox::start().await;
        sandbox.faults(faults).await;
        let stuck = sandbox.keyed("k1", CREATE, &crate::client::sale(card)).await;
        assert_eq!(stuck.summary(), "200 processing", "{card}");
        assert_eq!(stuck.body["processing"]["type"], "card");
        assert!(stuck.body["latest_charge"].is_null());
        let path = format!("{CREATE}/{}", stuck.id());
        for verb in ["cancel", "capture", "confirm"] {
            let first = sandbox.keyed(verb, &format!("{path}/{verb}"), "").await;
            assert_eq!(first.summary(), "400 payment_intent_unexpected_state", "{verb}");
            assert_eq!(first.body["error"]["payment_intent"], stuck.body, "{verb}");
            let again = sandbox.keyed(verb, &format!("{path}/{verb}"), "").await;
            assert_eq!((again.header("idempotent-replayed"), &again.body), (Some("true"), &first.body));
        }
        assert_eq!(sandbox.post(&path, "amount=600").await.summary(), "400 payment_intent_unexpected_state");
        assert_eq!(sandbox.sums().await, [[0; 3]], "nothing moves meanwhile");
        assert_eq!(sandbox.kinds().await, ["payment_intent.created", "payment_intent.processing"]);
        let second = sandbox.after_a_kill(b"").await;
        for sandbox in [&sandbox, &second] {
            sandbox.until(&path, later).await;
            assert_eq!(sandbox.sums().await, [sums], "{card}");
            assert_eq!(sandbox.kinds().await.last().unwrap(), kind, "{card}");
        }
        let replayed = sandbox.keyed("k1", CREATE, &crate::client::sale(card)).await;
        assert_eq!(replayed.body, stuck.body, "the key keeps the reply of that time");
    };
    let stuck = json!({"stuck_processing": 1, "processing_ms": [500, 600]});
    check("pm_card_visa", stuck.clone(), "succeeded", [2000, 2000, 0], "payment_intent.succeeded").await;
    let failed = "payment_intent.payment_failed";
    check("pm_card_chargeDeclined", stuck.clone(), "requires_payment_method", [0; 3], failed).await;
    let declined = json!({"stuck_processing": 1, "processing_ms": [500, 600], "decline": 1});
    check("pm_card_visa", declined, "requires_payment_method", [0; 3], failed).await;
}

#[tokio::test]
async fn drop_before_has_no_effect() {
    let sandbox = TestSandbox::start().await;
    sandbox.faults(json!({"drop_before": 1})).await;
    assert!(sandbox.try_post(CREATE, Some("k1"), SALE).await.is_err());
    assert!(sandbox.try_get(CREATE).await.is_err(), "reading is struck too");
    assert_eq!(sandbox.sums().await.len(), 0);
    sandbox.faults(json!({})).await;
    let again = sandbox.keyed("k1", CREATE, SALE).await;
    assert_eq!(again.header("idempotent-replayed"), None, "the key was never seen");
    let books = sandbox.books().await;
    assert_eq!(books["calls"][0]["outcome"], "dropped_before");
    assert_eq!(books["calls"][0]["idempotency_key"], "k1");
}

#[tokio::test]
async fn a_forced_decline_affects_confirmations_only() {
    let sandbox = TestSandbox::start().await;
    let held = sandbox.post(CREATE, HOLD).await;
    sandbox.faults(json!({"decline": 1})).await;
    assert_eq!(sandbox.post(CREATE, SALE).await.summary(), "402 card_declined");
    assert_eq!(sandbox.post(CREATE, OPEN).await.status, 200);
    let capture = sandbox.post(&format!("{CREATE}/{}/capture", held.id()), "").await;
    assert_eq!(capture.summary(), "200 succeeded");
}

#[tokio::test]
async fn a_seed_gives_the_same_run_twice() {
    let run = async |seed: u64| {
        let sandbox = TestSandbox::start().await;
        sandbox
            .faults(json!({"seed": seed, "decline": 0.4, "commit_then_500": 0.3, "drop_before": 0.2}))
            .await;
        for _ in 0..40 {
            let _ = sandbox.try_post(CREATE, None, SALE).await;
        }
        sandbox.outcomes().await
    };
    let (first, again, other) = (run(11).await, run(11).await, run(12).await);
    assert_eq!(first, again);
    assert_ne!(first, other);
    for outcome in ["200", "402 card_declined", "committed_then_500", "dropped_before"] {
        assert!(first.iter().any(|found| found == outcome), "{outcome} in {first:?}");
    }
}

#[tokio::test]
async fn faults_are_checked_shown_and_cleared() {
    let sandbox = TestSandbox::start().await;
    let check = async |body: serde_json::Value, status: u16| {
        assert_eq!(sandbox.try_control("/sandbox/faults", body.clone()).await.status, status, "{body}");
    };
    check(json!({"decline": 0.5, "seed": 3}), 200).await;
    assert_eq!(sandbox.get("/sandbox/faults").await.body["decline"], 0.5);
    check(json!({"decline": 2}), 400).await;
    check(json!({"unheard_of": 1}), 400).await;
    check(json!({"delay_ms": [5, 1]}), 400).await;
    let awkward = json!({"kept_500": 0.1, "commit_then_kept_500": 0.1, "stuck_processing": 0.1, "processing_ms": [1, 5]});
    check(awkward, 200).await;
    check(json!({"decline": 0.5}), 200).await;
    check(json!({"processing_ms": [5, 1]}), 400).await;
    check(json!({"kept_500": 2}), 400).await;
    check(json!({"commit_then_kept_500": -1}), 400).await;
    check(json!({"stuck_processing": 1.5}), 400).await;
    assert_eq!(sandbox.get("/sandbox/faults").await.body["decline"], 0.5, "a refused order changes nothing");
    check(json!({}), 200).await;
    assert_eq!(sandbox.get("/sandbox/faults").await.body["decline"], 0.0);
    assert_eq!(sandbox.get("/sandbox/health").await.body["status"], "ok");
}

#[tokio::test]
async fn a_rejected_call_says_when_to_retry() {
    let sandbox = TestSandbox::start().await;
    let check =
        async |faults: serde_json::Value, expected: &str, after: Option<&str>, retry: Option<&str>| {
            sandbox.faults(faults).await;
            for answer in [sandbox.keyed("k1", CREATE, SALE).await, sandbox.get(CREATE).await] {
                assert_eq!(answer.summary(), expected);
                assert_eq!(answer.header("retry-after"), after);
                assert_eq!(answer.header("stripe-should-retry"), retry);
            }
        };
    check(json!({"unavailable": 1}), "503 api_error", None, None).await;
    check(json!({"unavailable": 1, "retry_after_s": 2}), "503 api_error", Some("2"), None).await;
    check(json!({"rate_limited": 1, "retry_after_s": 7}), "429 rate_limit", Some("7"), Some("true")).await;
    assert_eq!(sandbox.sums().await.len(), 0, "nothing happened");
    sandbox.faults(json!({})).await;
    let again = sandbox.keyed("k1", CREATE, SALE).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, None), "the key was never seen");
    let outcomes = sandbox.outcomes().await;
    assert_eq!(
        outcomes[..5],
        ["503 unavailable"; 4].into_iter().chain(["429 rate_limit"]).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn calls_are_counted_by_verb_and_window() {
    let sandbox = TestSandbox::start().await;
    let held = sandbox.keyed("k1", CREATE, HOLD).await;
    sandbox.keyed("k1", CREATE, HOLD).await;
    let path = format!("{CREATE}/{}", held.id());
    sandbox.post(&format!("{path}/capture"), "").await;
    sandbox.get(&path).await;
    sandbox.get(CREATE).await;
    sandbox.post("/v1/refunds", &format!("payment_intent={}&amount=5", held.id())).await;
    let check = async |query: &str, expected: &[(&str, &str, u64)]| {
        let found = sandbox.get(&format!("/sandbox/calls?{query}")).await.body;
        let counted = |call: &serde_json::Value| {
            let text = |name: &str| call[name].as_str().unwrap().to_owned();
            (text("verb"), text("outcome"), call["count"].as_u64().unwrap())
        };
        let found: Vec<_> = found["calls"].as_array().unwrap().iter().map(counted).collect();
        let found: Vec<_> =
            found.iter().map(|(verb, outcome, count)| (&verb[..], &outcome[..], *count)).collect();
        assert_eq!(found, expected, "{query}");
    };
    let all = [
        ("capture", "200", 1),
        ("create", "200", 1),
        ("create", "200 replayed", 1),
        ("list", "200", 1),
        ("refund", "200", 1),
        ("retrieve", "200", 1),
    ];
    // One window for the whole time, so that no call falls outside.
    let forever = "per_ms=9000000000000";
    check(forever, &all).await;
    check(&format!("{forever}&account=acct_1"), &all).await;
    check(&format!("{forever}&account=acct_2"), &[]).await;
    let at = sandbox.books().await["calls"][1]["at"].as_i64().unwrap();
    check(&format!("{forever}&since_ms={}", at + 600_000), &[]).await;
    check(&format!("{forever}&until_ms={}", at - 600_000), &[]).await;
    for wrong in ["per_ms=0", "since_ms=x", "verb=create"] {
        assert_eq!(sandbox.get(&format!("/sandbox/calls?{wrong}")).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn the_page_shows_the_books_and_sets_faults() {
    let sandbox = TestSandbox::start().await;
    for path in ["/sandbox", "/sandbox/"] {
        let page = sandbox.get(path).await;
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        let page = page.body.as_str().unwrap();
        for word in ["http://", "https://", "//cdn", "@import", " src=", "stylesheet"] {
            assert!(!page.contains(word), "nothing is loaded from elsewhere: {word}");
        }
        for asked in ["/sandbox/books?calls=true", "/sandbox/faults?defaults=true", "\"/sandbox/faults\""] {
            assert!(page.contains(asked), "{asked}");
        }
    }
    sandbox.faults(json!({"decline": 0.5})).await;
    assert_eq!(sandbox.get("/sandbox/faults?defaults=true").await.body["decline"], 0.0);
    assert_eq!(sandbox.get("/sandbox/faults").await.body["decline"], 0.5);
    sandbox.faults(json!({})).await;
    sandbox.keyed("k1", CREATE, SALE).await;
    let books = sandbox.get("/sandbox/books?calls=true").await.body;
    let page = include_str!("../../src/page.html");
    for (list, columns) in [("charges", "charges: ["), ("calls", "calls: [")] {
        let (_, after) = page.split_once(columns).unwrap();
        let (columns, _) = after.split_once(']').unwrap();
        for column in columns.split(", ").map(|column| column.trim_matches('"')) {
            assert!(books[list][0].get(column).is_some(), "{list} has {column}: {}", books[list][0]);
        }
    }
}
