//! Pix: a payment that waits for its payer.

use serde_json::{Value, json};

use super::seller::{Seller, path, pix, summary, with};

#[tokio::test]
async fn a_pix_waits_for_its_payer() {
    let seller = Seller::start().await;
    let waiting = seller.create("k1", &pix()).await;
    assert_eq!(summary(&waiting), "201 pending pending_waiting_transfer");
    assert_eq!(waiting.body["captured"], true, "which says nothing about money");
    let data = &waiting.body["point_of_interaction"]["transaction_data"];
    assert!(data["qr_code"].as_str().unwrap().starts_with("000201"), "{data}");
    assert!(data.get("qr_code_base64").is_none());
    assert_eq!(seller.sums().await, [[0; 4]]);
    assert_eq!(summary(&seller.refund(&waiting, "r1", "{}").await), "400 2063");
    assert_eq!(summary(&seller.update(&waiting, json!({"capture": true})).await), "400 2063");

    let page = data["ticket_url"].as_str().unwrap().strip_prefix(&*seller.0.url).unwrap();
    let shown = seller.0.send("GET", page, &[], "").await;
    assert!(shown.body.as_str().unwrap().contains("is <b>pending</b>"), "{}", shown.body);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(seller.0.send("POST", &format!("{page}/pay"), &form, "").await.status, 200);
    assert_eq!(summary(&seller.get(&path(&waiting)).await), "200 approved accredited");
    assert_eq!(seller.act(&waiting, "pay", json!({})).await.status, 400, "it is paid once");
    assert_eq!(seller.act(&waiting, "expire", json!({})).await.status, 400);
    assert_eq!(seller.sums().await, [[3_700, 3_700, 0, 0]]);
}

#[tokio::test]
async fn an_expired_or_cancelled_pix_is_not_paid() {
    let seller = Seller::start().await;
    let expired = seller.create("k1", &pix()).await;
    assert_eq!(summary(&seller.act(&expired, "expire", json!({})).await), "200 cancelled expired");
    let cancelled = seller.create("k2", &pix()).await;
    let answer = seller.update(&cancelled, json!({"status": "cancelled"})).await;
    assert_eq!(summary(&answer), "200 cancelled by_collector");
    for payment in [&expired, &cancelled] {
        assert_eq!(seller.act(payment, "pay", json!({})).await.status, 400);
    }
    assert_eq!(seller.sums().await, [[0; 4], [0; 4]]);
}

#[tokio::test]
async fn an_expiration_is_from_thirty_minutes_to_thirty_days_ahead() {
    let seller = Seller::start().await;
    let by_default = seller.create("k0", &pix()).await;
    let created = by_default.body["date_created"].as_str().unwrap();
    let expires = by_default.body["date_of_expiration"].as_str().unwrap();
    assert_eq!(created[11..], expires[11..], "24 hours: {created} {expires}");
    assert_ne!(created[..10], expires[..10]);
    let check = async |text: &str, expected: &str| {
        let body = with(pix(), "date_of_expiration", json!(text));
        assert_eq!(summary(&seller.create(text, &body).await), expected, "{text}");
    };
    check("soon", "400 23").await;
    check("2020-01-01T00:00:00.000-03:00", "422 1").await;
    check("2999-01-01T00:00:00.000-03:00", "422 1").await;
    check(expires, "201 pending pending_waiting_transfer").await;
    // The same date tomorrow, an hour earlier by its offset.
    let sooner = expires.replace("-04:00", "-03:00");
    check(&sooner, "201 pending pending_waiting_transfer").await;
    assert_eq!(seller.sums().await.len(), 3);
    assert_ne!(by_default.body["date_of_expiration"], Value::Null);
}
