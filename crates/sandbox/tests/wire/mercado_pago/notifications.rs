//! Webhooks: the id is in the query, the signature does not cover the body.

use std::collections::BTreeSet;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::seller::{COLLECTOR, Seller, card, hold, pix, summary, with};
use crate::{
    client::{CREATE, SALE},
    receiver::{Delivery, Receiver},
};

const SECRET: &str = "app_secret";

async fn listening(receiver: &Receiver) -> Seller {
    let seller = Seller::start().await;
    let webhook = json!({"url": receiver.url, "secrets": [SECRET]});
    seller.0.control("/sandbox/accounts", Seller::account(webhook)).await;
    seller
}

fn mac(text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// The signed time, after its signature was verified.
fn verified(delivery: &Delivery, payment: &Value) -> i64 {
    let (ts, v1) = delivery.signature.strip_prefix("ts=").unwrap().split_once(",v1=").unwrap();
    assert_eq!(v1, mac(&format!("id:{payment};request-id:{};ts:{ts};", delivery.request_id)));
    assert_eq!(delivery.query, format!("data.id={payment}&type=payment"));
    ts.parse().unwrap()
}

#[tokio::test]
async fn each_change_is_notified_with_a_signature() {
    let mut receiver = Receiver::answering(&[]).await;
    let seller = listening(&receiver).await;
    let held = seller.create("k1", &hold()).await;
    let id = held.body["id"].clone();
    let created = receiver.next().await;
    let ts = verified(&created, &id);
    assert!(ts > 1_000_000_000_000, "milliseconds");
    let event = &created.event;
    assert_eq!((&event["action"], &event["type"]), (&json!("payment.created"), &json!("payment")));
    assert_eq!((&event["data"], &event["user_id"]), (&json!({"id": id.to_string()}), &json!(COLLECTOR)));
    assert!(event["id"].is_u64() && event["live_mode"] == true, "{event}");
    let mut seen = BTreeSet::from([(event["id"].to_string(), created.request_id.clone())]);
    seller.update(&held, json!({"capture": true})).await;
    seller.refund(&held, "r1", r#"{"amount": 1}"#).await;
    seller.act(&held, "charge_back", json!({})).await;
    let waiting = seller.create("k2", &pix()).await;
    seller.act(&waiting, "pay", json!({})).await;
    let found =
        seller.get(&format!("/v1/chargebacks/search?payment_id={id}")).await.body["results"][0].clone();
    let chargeback = found["id"].as_str().unwrap();
    for delivery in receiver.take(6).await {
        if delivery.query == format!("data.id={chargeback}&type=topic_chargebacks_wh") {
            assert_eq!(delivery.event["data"]["payment_id"], json!(id.to_string()));
            continue;
        }
        let of = if delivery.query.contains(&id.to_string()) { &id } else { &waiting.body["id"] };
        verified(&delivery, of);
        assert!(seen.insert((delivery.event["id"].to_string(), delivery.request_id.clone())));
    }
    seller.0.keyed("k3", CREATE, SALE).await;
    assert!(receiver.is_empty(), "nothing about refused calls and other accounts");
}

#[tokio::test]
async fn only_200_and_201_end_the_attempts() {
    let mut receiver = Receiver::answering(&[500, 202, 201]).await;
    let seller = listening(&receiver).await;
    let paid = seller.create("k1", &card("approved")).await;
    let attempts = receiver.take(3).await;
    let ids: BTreeSet<String> = attempts.iter().map(|attempt| attempt.event["id"].to_string()).collect();
    let requests: BTreeSet<&str> = attempts.iter().map(|attempt| &*attempt.request_id).collect();
    assert_eq!((ids.len(), requests.len()), (1, 3), "one notification in three requests");
    for attempt in &attempts {
        verified(attempt, &paid.body["id"]);
    }
    let other = seller.create("k2", &card("approved")).await;
    verified(&receiver.next().await, &other.body["id"]);
    assert!(receiver.is_empty());
}

#[tokio::test]
async fn the_faults_of_deliveries_apply() {
    let mut receiver = Receiver::answering(&[]).await;
    let seller = listening(&receiver).await;
    seller.0.faults(json!({"webhook_drop": 1})).await;
    let lost = seller.create("k1", &card("approved")).await;
    assert_eq!(summary(&lost), "201 approved accredited");
    seller.0.faults(json!({"webhook_duplicates": 2, "webhook_time_unit": "seconds"})).await;
    let paid = seller.create("k2", &card("approved")).await;
    for delivery in receiver.take(3).await {
        assert!(verified(&delivery, &paid.body["id"]) < 100_000_000_000, "seconds, and not the lost one");
    }
    seller.0.faults(json!({"webhook_hold": true})).await;
    let late = seller.create("k3", &card("approved")).await;
    assert!(receiver.is_empty());
    seller.0.faults(json!({"webhook_age_s": 259_200, "webhook_delay_ms": [50, 60]})).await;
    let delivery = receiver.next().await;
    verified(&delivery, &late.body["id"]);
    let (dated, created) = (delivery.event["date_created"].as_str().unwrap(), &late.body["date_created"]);
    assert_ne!(dated[..10], created.as_str().unwrap()[..10], "three days earlier");
    assert!(receiver.is_empty());
}

#[tokio::test]
async fn a_payment_can_name_its_own_address() {
    let (mut own, receiver) = (Receiver::answering(&[]).await, Receiver::answering(&[]).await);
    let seller = listening(&receiver).await;
    let url = format!("{}?source_news=webhooks", own.url);
    let paid = seller.create("k1", &with(card("approved"), "notification_url", json!(url))).await;
    let delivery = own.next().await;
    assert_eq!(delivery.query, format!("source_news=webhooks&data.id={}&type=payment", paid.body["id"]));
    assert!(receiver.is_empty());
}

#[tokio::test]
async fn the_control_route_signs_as_the_account_does() {
    let receiver = Receiver::answering(&[]).await;
    let seller = listening(&receiver).await;
    let order = json!({"account": COLLECTOR.to_string(), "data_id": "ORD01J", "request_id": "r-1", "at": 1_700_000_000});
    let check = async |faults: Value, signed: &str, ts: &str| {
        seller.0.faults(faults).await;
        let found = seller.0.control("/sandbox/sign", order.clone()).await;
        assert_eq!(found["signature"], format!("ts={ts},v1={}", mac(signed)));
    };
    let ms = "1700000000000";
    check(json!({}), &format!("id:ORD01J;request-id:r-1;ts:{ms};"), ms).await;
    let lower = json!({"webhook_id_case": "lower"});
    check(lower, &format!("id:ord01j;request-id:r-1;ts:{ms};"), ms).await;
    let seconds = json!({"webhook_time_unit": "seconds"});
    check(seconds, "id:ORD01J;request-id:r-1;ts:1700000000;", "1700000000").await;
    let body = json!({"account": COLLECTOR.to_string(), "body": "{}"});
    assert_eq!(seller.0.try_control("/sandbox/sign", body).await.status, 400);
}
