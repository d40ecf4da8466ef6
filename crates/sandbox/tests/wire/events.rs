//! Events for readers that poll instead of receiving webhooks.

use serde_json::{Value, json};

use crate::{
    client::{CREATE, HOLD, SALE, TestSandbox},
    receiver::Receiver,
};

async fn listed(sandbox: &TestSandbox, query: &str) -> Vec<String> {
    let page = sandbox.get(&format!("/v1/events?limit=100&{query}")).await.body;
    let events = page["data"].as_array().unwrap_or_else(|| panic!("{query}: {page}")).iter();
    events.map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn events_are_filtered_by_type() {
    let sandbox = TestSandbox::start().await;
    sandbox.post(CREATE, SALE).await;
    let check =
        async |query: &str, expected: &[&str]| assert_eq!(listed(&sandbox, query).await, expected, "{query}");
    let all = ["payment_intent.succeeded", "charge.succeeded", "payment_intent.created"];
    check("", &all).await;
    check("type=charge.succeeded", &["charge.succeeded"]).await;
    check("type=payment_intent.*", &["payment_intent.succeeded", "payment_intent.created"]).await;
    check("types[]=charge.succeeded&types[]=payment_intent.created", &[all[1], all[2]]).await;
    check("types[1]=charge.succeeded&types[0]=payment_intent.created", &[all[1], all[2]]).await;
    check("type=charge.failed", &[]).await;
    let both = sandbox.get("/v1/events?type=a&types[]=b").await;
    assert_eq!(both.summary(), "400 parameters_exclusive");
    let many = "types[]=charge.succeeded&".repeat(21);
    assert_eq!(sandbox.get(&format!("/v1/events?{many}")).await.body["error"]["param"], "types");
}

#[tokio::test]
async fn events_are_filtered_by_delivery() {
    let mut receiver = Receiver::answering(&[]).await;
    let sandbox = TestSandbox::start().await;
    let webhook = |enabled_events: Value| {
        json!({"id": "acct_1", "secret_key": "sk_test_1", "webhook": {
            "url": receiver.url, "secrets": ["whsec_1"], "enabled_events": enabled_events}})
    };
    sandbox
        .control("/sandbox/accounts", webhook(json!(["payment_intent.succeeded", "charge.succeeded"])))
        .await;
    sandbox.faults(json!({"webhook_hold": true})).await;
    sandbox.post(CREATE, SALE).await;
    let wanted = ["payment_intent.succeeded", "charge.succeeded"];
    assert_eq!(listed(&sandbox, "delivery_success=false").await, wanted, "they wait");
    assert_eq!(
        listed(&sandbox, "delivery_success=true").await,
        ["payment_intent.created"],
        "nobody wants it"
    );
    let waiting = sandbox.get("/v1/events?type=charge.succeeded").await.body;
    assert_eq!(waiting["data"][0]["pending_webhooks"], 1);
    sandbox.faults(json!({})).await;
    receiver.take(2).await;
    let delivered = async {
        while !listed(&sandbox, "delivery_success=false").await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), delivered).await.expect("deliveries are noted");
    let taken = sandbox.get("/v1/events?type=charge.succeeded").await.body;
    assert_eq!(taken["data"][0]["pending_webhooks"], 0);
    sandbox.faults(json!({"webhook_drop": 1})).await;
    sandbox.post(CREATE, HOLD).await;
    assert_eq!(
        listed(&sandbox, "delivery_success=false").await,
        ["charge.succeeded"],
        "lost is not delivered"
    );
    let second = sandbox.after_a_kill(b"").await;
    assert_eq!(listed(&second, "delivery_success=false").await, ["charge.succeeded"]);
}

#[tokio::test]
async fn has_more_follows_the_direction_of_the_page() {
    let sandbox = TestSandbox::start().await;
    for _ in 0..5 {
        sandbox.post(CREATE, SALE).await;
    }
    let ids = async |path: &str, query: &str| {
        let page = sandbox.get(&format!("{path}?{query}")).await.body;
        let items = page["data"].as_array().unwrap_or_else(|| panic!("{query}: {page}")).iter();
        let ids: Vec<String> = items.map(|item| item["id"].as_str().unwrap().to_owned()).collect();
        (ids, page["has_more"] == true)
    };
    for path in [CREATE, "/v1/events", "/v1/charges"] {
        let (all, more) = ids(path, "limit=100").await;
        assert!(!more);
        let check = async |query: &str, expected: &[String], more: bool| {
            assert_eq!(ids(path, query).await, (expected.to_vec(), more), "{path} {query}");
        };
        let last = all.len() - 1;
        check("limit=2", &all[..2], true).await;
        check(&format!("limit=100&starting_after={}", all[0]), &all[1..], false).await;
        check(&format!("limit=1&starting_after={}", all[last - 1]), &all[last..], false).await;
        check(&format!("limit=1&starting_after={}", all[last]), &[], false).await;
        check(&format!("limit=2&ending_before={}", all[4]), &all[2..4], true).await;
        check(&format!("limit=2&ending_before={}", all[2]), &all[..2], false).await;
        check(&format!("limit=3&ending_before={}", all[2]), &all[..2], false).await;
        check(&format!("limit=2&ending_before={}", all[0]), &[], false).await;
        let both = sandbox.get(&format!("{path}?starting_after={}&ending_before={}", all[1], all[0])).await;
        assert_eq!(
            both.body["error"]["message"],
            "Received both starting_after and ending_before parameters. Please pass in only one."
        );
    }
}

#[tokio::test]
async fn created_bounds_filter_a_list() {
    let sandbox = TestSandbox::start().await;
    let created = sandbox.post(CREATE, SALE).await.body["created"].as_i64().unwrap();
    let check = async |query: String, count: usize| {
        assert_eq!(listed(&sandbox, &query).await.len(), count, "{query}");
    };
    check(format!("created[gte]={created}"), 3).await;
    check(format!("created[gt]={}", created - 1), 3).await;
    check(format!("created[gt]={}", created + 1), 0).await;
    check(format!("created[lte]={}&created[gte]={}", created + 1, created - 1), 3).await;
    check(format!("created[lt]={created}"), 0).await;
    check(format!("created[gt]={}&created[gte]={created}", created + 60), 0).await;
    check(format!("created={}", created - 60), 0).await;
}
