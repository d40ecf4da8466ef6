//! A kill loses nothing.

use serde_json::json;

use crate::{
    client::{CREATE, HOLD, SALE, TestSandbox, journal, sale},
    receiver::Receiver,
};

#[tokio::test]
async fn a_kill_forgets_nothing_and_a_torn_line_is_cut_off() {
    let sandbox = TestSandbox::start().await;
    let sold = sandbox.keyed("k1", CREATE, &format!("{SALE}&metadata[operation]=op_1")).await;
    let held = sandbox.keyed("k2", CREATE, HOLD).await;
    sandbox.keyed("k3", "/v1/refunds", &format!("payment_intent={}&amount=5", sold.id())).await;
    sandbox.keyed("k4", CREATE, &sale("pm_card_chargeDeclined")).await;
    sandbox.get(&format!("{CREATE}/{}", sold.id())).await;
    let (books, events) = (sandbox.books().await, sandbox.get("/v1/events?limit=100").await.body);
    assert_eq!(books["charges"][0]["reference"], "op_1");
    assert_eq!(books["charges"][0]["idempotency_key"], "k1");

    for torn in [&b""[..], b"{\"at\":17", b"{\"at\":17,\"next\":99999}"] {
        let second = sandbox.after_a_kill(torn).await;
        let found = second.books().await;
        for part in ["charges", "refunds"] {
            assert_eq!(found[part], books[part]);
        }
        let calls = |books: &serde_json::Value| books["calls"].as_array().unwrap()[..5].to_vec();
        assert_eq!(calls(&found), calls(&books));
        assert_eq!(second.get("/v1/events?limit=100").await.body, events);
        let again = second.keyed("k1", CREATE, &format!("{SALE}&metadata[operation]=op_1")).await;
        assert_eq!((again.header("idempotent-replayed"), &again.body), (Some("true"), &sold.body));
        let captured = second.post(&format!("{CREATE}/{}/capture", held.id()), "").await;
        assert_eq!(captured.summary(), "200 succeeded");
        let fresh = second.post(CREATE, SALE).await;
        assert_ne!(fresh.id(), sold.id());
        assert!(fresh.id() > held.id(), "ids go on growing");
    }
}

#[tokio::test]
async fn undelivered_events_are_delivered_after_a_kill() {
    let mut receiver = Receiver::answering(&[200]).await;
    let sandbox = TestSandbox::start().await;
    // Nothing listens on port 9 of this machine; the attempts fail and wait for a retry.
    let webhook = |url: &str| {
        json!({"id": "acct_1", "secret_key": "sk_test_1", "webhook": {
        "url": url, "secrets": ["whsec_1"], "enabled_events": ["payment_intent.succeeded"]}})
    };
    sandbox.control("/sandbox/accounts", webhook("http://127.0.0.1:9/")).await;
    let sold = sandbox.post(CREATE, SALE).await;
    let second = sandbox.after_a_kill(b"").await;
    second.control("/sandbox/accounts", webhook(&receiver.url)).await;
    let delivered = receiver.next().await;
    assert_eq!(delivered.event["data"]["object"]["id"], sold.id());

    // A delivered event is not delivered again.
    let folder = second.stop().await;
    let third = TestSandbox::on(folder).await;
    let last = third.post(CREATE, SALE).await;
    assert_eq!(receiver.next().await.event["data"]["object"]["id"], last.id());
    assert!(receiver.is_empty());
}

#[tokio::test]
async fn a_refund_that_was_to_fail_fails_after_a_kill() {
    let sandbox = TestSandbox::start().await;
    let sold = sandbox.post(CREATE, &sale("pm_card_refundFail")).await;
    let refund = sandbox.post("/v1/refunds", &format!("payment_intent={}", sold.id())).await;
    let second = sandbox.after_a_kill(b"").await;
    second.until(&format!("/v1/refunds/{}", refund.id()), "failed").await;
}

#[tokio::test]
async fn a_journal_has_one_owner_and_is_released_at_the_end() {
    let sandbox = TestSandbox::start().await;
    let options = || sandbox::Options {
        listen: "127.0.0.1:0".parse().unwrap(),
        journal: journal(sandbox.folder.path()),
        record: None,
    };
    let second = sandbox::start(options()).await;
    assert!(matches!(second, Err(sandbox::Error::Journal(sandbox::journal::Error::Held))));
    let folder = sandbox.stop().await;
    TestSandbox::on(folder).await;
}
