//! A kill loses nothing.

use serde_json::json;

use super::seller::{Seller, card, hold, path, pix, summary};
use crate::receiver::Receiver;

#[tokio::test]
async fn a_kill_forgets_nothing() {
    let seller = Seller::start().await;
    let paid = seller.create("k1", &card("approved")).await;
    let held = seller.create("k2", &hold()).await;
    let waiting = seller.create("k3", &pix()).await;
    seller.refund(&paid, "r1", r#"{"amount": 0.05}"#).await;
    seller.create("k4", &card("rejected_other")).await;
    let shown = seller.get(&path(&paid)).await.body;
    let books = seller.0.books().await;
    for torn in [&b""[..], b"{\"at\":17"] {
        let second = Seller(seller.0.after_a_kill(torn).await);
        assert_eq!(second.0.books().await, books);
        assert_eq!(second.get(&path(&paid)).await.body, shown);
        let again = second.create("k1", &card("approved")).await;
        assert_eq!((again.status, &again.body), (200, &paid.body));
        assert_eq!(second.create("k1", &hold()).await.status, 409);
        assert_eq!(summary(&second.update(&held, json!({"capture": true})).await), "200 approved accredited");
        assert_eq!(summary(&second.act(&waiting, "pay", json!({})).await), "200 approved accredited");
        let rest = second.refund(&paid, "r2", "{}").await;
        assert_eq!(rest.body["amount"], 100.45);
        let newer = second.create("k5", &card("approved")).await;
        assert!(newer.body["id"].as_u64() > held.body["id"].as_u64(), "ids go on growing");
    }
}

#[tokio::test]
async fn undelivered_notifications_are_delivered_after_a_kill() {
    let mut receiver = Receiver::answering(&[]).await;
    let seller = Seller::start().await;
    // Nothing listens on port 9 of this machine; the attempts fail and wait for a retry.
    let webhook = |url: &str| Seller::account(json!({"url": url, "secrets": ["s"]}));
    seller.0.control("/sandbox/accounts", webhook("http://127.0.0.1:9/")).await;
    let paid = seller.create("k1", &card("approved")).await;
    let second = Seller(seller.0.after_a_kill(b"").await);
    second.0.control("/sandbox/accounts", webhook(&receiver.url)).await;
    let delivery = receiver.next().await;
    assert_eq!(delivery.event["data"]["id"], paid.body["id"].to_string());
    // A delivered notification is not delivered again.
    let third = Seller(crate::client::TestSandbox::on(second.0.stop().await).await);
    let last = third.create("k2", &card("approved")).await;
    assert_eq!(receiver.next().await.event["data"]["id"], last.body["id"].to_string());
    assert!(receiver.is_empty());
}
