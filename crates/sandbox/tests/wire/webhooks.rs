//! Events reach their endpoint: signed, at least once, and as the faults decide.

use std::collections::BTreeSet;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{
    client::{CREATE, HOLD, SALE, TestSandbox, sale},
    receiver::{Delivery, Receiver},
};

async fn listening(receiver: &Receiver, enabled_events: Value) -> TestSandbox {
    let sandbox = TestSandbox::start().await;
    let webhook =
        json!({"url": receiver.url, "secrets": ["whsec_old", "whsec_new"], "enabled_events": enabled_events});
    let account = json!({"id": "acct_1", "secret_key": "sk_test_1", "webhook": webhook});
    sandbox.control("/sandbox/accounts", account).await;
    sandbox
}

fn kinds(deliveries: &[Delivery]) -> BTreeSet<&str> {
    deliveries.iter().map(Delivery::kind).collect()
}

fn ids(deliveries: &[Delivery]) -> BTreeSet<&str> {
    deliveries.iter().map(|delivery| delivery.event["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn each_action_causes_its_events() {
    let mut receiver = Receiver::answering(&[]).await;
    let sandbox = listening(&receiver, json!(["*"])).await;
    let held = sandbox.keyed("k1", CREATE, HOLD).await;
    let delivered = receiver.take(3).await;
    let expected = ["charge.succeeded", "payment_intent.amount_capturable_updated", "payment_intent.created"];
    assert_eq!(kinds(&delivered), expected.into());
    for delivery in &delivered {
        let event = &delivery.event;
        assert_eq!((&event["object"], &event["livemode"]), (&json!("event"), &json!(false)));
        assert_eq!(event["request"], json!({"id": held.header("request-id"), "idempotency_key": "k1"}));
        assert_eq!(event["pending_webhooks"], 1);
        let status = match delivery.kind() {
            "payment_intent.created" => "requires_confirmation",
            "charge.succeeded" => "succeeded",
            _ => "requires_capture",
        };
        assert_eq!(event["data"]["object"]["status"], status, "the object as it was then");
    }
    let path = format!("{CREATE}/{}", held.id());
    let check = async |receiver: &mut Receiver, path: &str, form: &str, expected: &[&str]| {
        sandbox.post(path, form).await;
        assert_eq!(kinds(&receiver.take(expected.len()).await), expected.iter().copied().collect());
    };
    check(&mut receiver, &format!("{path}/capture"), "", &["charge.captured", "payment_intent.succeeded"])
        .await;
    let refund = format!("payment_intent={}&amount=5", held.id());
    check(&mut receiver, "/v1/refunds", &refund, &["refund.created", "charge.refunded"]).await;
    let declined = &sale("pm_card_chargeDeclined");
    let expected = ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"];
    check(&mut receiver, CREATE, declined, &expected).await;
    let asks = &sale("pm_card_authenticationRequired");
    check(&mut receiver, CREATE, asks, &["payment_intent.created", "payment_intent.requires_action"]).await;
    assert!(receiver.is_empty());
}

#[tokio::test]
async fn both_secrets_sign_while_one_is_rotated() {
    let mut receiver = Receiver::answering(&[]).await;
    let sandbox = listening(&receiver, json!(["payment_intent.succeeded"])).await;
    sandbox.post(CREATE, SALE).await;
    let delivery = receiver.next().await;
    let mut parts = delivery.signature.split(',');
    let at = parts.next().unwrap().strip_prefix("t=").unwrap();
    let found: Vec<&str> = parts.map(|part| part.strip_prefix("v1=").unwrap()).collect();
    let signed = |secret: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{at}.").as_bytes());
        mac.update(&delivery.raw);
        hex::encode(mac.finalize().into_bytes())
    };
    assert_eq!(found, [signed("whsec_old"), signed("whsec_new")]);
}

#[tokio::test]
async fn a_refused_delivery_is_repeated() {
    let mut receiver = Receiver::answering(&[500, 302]).await;
    let sandbox = listening(&receiver, json!(["payment_intent.succeeded"])).await;
    sandbox.post(CREATE, SALE).await;
    let delivered = receiver.take(3).await;
    assert_eq!(ids(&delivered).len(), 1, "one event, three attempts");
    assert_eq!(delivered[0].raw, delivered[2].raw);
}

#[tokio::test]
async fn deliveries_can_be_duplicated_shuffled_and_lost() {
    let mut receiver = Receiver::answering(&[]).await;
    let sandbox = listening(&receiver, json!(["payment_intent.succeeded"])).await;
    let sell = async |count: usize| {
        for _ in 0..count {
            sandbox.post(CREATE, SALE).await;
        }
    };
    sandbox.faults(json!({"webhook_duplicates": 2})).await;
    sell(2).await;
    assert_eq!(ids(&receiver.take(6).await).len(), 2, "each event three times");

    sandbox.faults(json!({"webhook_drop": 1})).await;
    sell(5).await;
    sandbox.faults(json!({"webhook_shuffle": true, "seed": 5})).await;
    sell(12).await;
    let delivered = receiver.take(12).await;
    let order: Vec<&str> = delivered.iter().map(|delivery| delivery.event["id"].as_str().unwrap()).collect();
    assert!(!order.is_sorted(), "shuffled: {order:?}");
    let listed = sandbox.get("/v1/events?type=payment_intent.succeeded&limit=100").await.body;
    let all: Vec<&str> =
        listed["data"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(all.len(), 19, "what was lost on the way is still listed");
    assert_eq!(ids(&delivered), all[..12].iter().copied().collect(), "and the lost ones never came");
    assert!(receiver.is_empty());
}

#[tokio::test]
async fn a_delay_holds_events_back() {
    let mut receiver = Receiver::answering(&[]).await;
    let sandbox = listening(&receiver, json!(["payment_intent.succeeded"])).await;
    sandbox.faults(json!({"webhook_delay_ms": [300, 300]})).await;
    let before = std::time::Instant::now();
    sandbox.post(CREATE, SALE).await;
    receiver.next().await;
    assert!(before.elapsed().as_millis() >= 300);
}

#[tokio::test]
async fn events_are_listed_page_by_page() {
    let sandbox = TestSandbox::start().await;
    for _ in 0..4 {
        sandbox.post(CREATE, SALE).await;
    }
    let all = sandbox.get("/v1/events?limit=100").await.body;
    let all: Vec<Value> = all["data"].as_array().unwrap().clone();
    assert_eq!(all.len(), 12);
    let mut found: Vec<Value> = Vec::new();
    let mut tail = String::new();
    loop {
        let page = sandbox.get(&format!("/v1/events?limit=5{tail}")).await.body;
        found.extend(page["data"].as_array().unwrap().iter().cloned());
        tail = format!("&starting_after={}", found.last().unwrap()["id"].as_str().unwrap());
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!(found, all);
    let newer =
        sandbox.get(&format!("/v1/events?limit=2&ending_before={}", all[5]["id"].as_str().unwrap())).await;
    assert_eq!(newer.body["data"].as_array().unwrap()[..], all[3..5]);
    let created = all[0]["created"].as_i64().unwrap();
    for (bound, count) in
        [(format!("created[gte]={}", created + 60), 0), (format!("created[lt]={}", created + 60), 12)]
    {
        let page = sandbox.get(&format!("/v1/events?limit=100&{bound}")).await.body;
        assert_eq!(page["data"].as_array().unwrap().len(), count, "{bound}");
    }
}

#[tokio::test]
async fn held_back_events_are_sent_when_the_fault_ends() {
    let mut receiver = Receiver::answering(&[]).await;
    let sandbox = listening(&receiver, json!(["payment_intent.succeeded"])).await;
    sandbox.faults(json!({"webhook_hold": true})).await;
    for _ in 0..3 {
        sandbox.post(CREATE, SALE).await;
    }
    assert!(receiver.is_empty());
    sandbox.faults(json!({"webhook_duplicates": 1, "webhook_age_s": 259_200})).await;
    let delivered = receiver.take(6).await;
    assert_eq!(ids(&delivered).len(), 3, "the faults are drawn when the events are sent");
    let listed = sandbox.get("/v1/events?type=payment_intent.succeeded").await.body;
    for delivery in &delivered {
        let events = listed["data"].as_array().unwrap();
        let event = events.iter().find(|event| event["id"] == delivery.event["id"]).unwrap();
        let created = |event: &Value| event["created"].as_i64().unwrap();
        assert_eq!(created(&delivery.event), created(event) - 259_200, "three days late");
        let signed: i64 =
            delivery.signature.split(',').next().unwrap().trim_start_matches("t=").parse().unwrap();
        assert!(signed >= created(event), "and signed afresh");
    }
    assert!(receiver.is_empty());
}

#[tokio::test]
async fn a_delayed_reply_arrives_after_its_webhook() {
    let mut receiver = Receiver::answering(&[]).await;
    let sandbox = listening(&receiver, json!(["payment_intent.succeeded"])).await;
    sandbox.faults(json!({"answer_delay_ms": [600_000, 600_000]})).await;
    let call = sandbox.post(CREATE, SALE);
    tokio::pin!(call);
    tokio::select! {
        answer = &mut call => panic!("it was answered at once: {}", answer.summary()),
        delivery = receiver.next() => assert_eq!(delivery.kind(), "payment_intent.succeeded"),
    }
    assert_eq!(sandbox.sums().await, [[2000, 2000, 0]]);
}

#[tokio::test]
async fn the_control_route_signs_as_the_account_does() {
    let receiver = Receiver::answering(&[]).await;
    let sandbox = listening(&receiver, json!(["*"])).await;
    let order = json!({"account": "acct_1", "body": "{}", "at": 1_700_000_000});
    let signed = sandbox.control("/sandbox/sign", order).await;
    let v1 = |secret: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(b"1700000000.{}");
        hex::encode(mac.finalize().into_bytes())
    };
    let expected = format!("t=1700000000,v1={},v1={}", v1("whsec_old"), v1("whsec_new"));
    assert_eq!(signed["signature"], expected);
    let now = sandbox.control("/sandbox/sign", json!({"account": "acct_1", "body": "{}"})).await;
    assert_ne!(now["signature"], signed["signature"]);
    let check = async |order: Value, status: u16| {
        assert_eq!(sandbox.try_control("/sandbox/sign", order.clone()).await.status, status, "{order}");
    };
    check(json!({"account": "acct_9", "body": "{}"}), 404).await;
    check(json!({"account": "acct_1"}), 400).await;
}
