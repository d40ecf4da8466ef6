//! Payments without a provider: a payment that is begun stays in progress.

use std::time::Duration;
use testkit::{ONE, TestCatalogue};

use domain::KeyId;
use serde_json::{Value, json};
use store::Rendered;

use crate::test_server::TestServer;

testkit::on_both_engines![
    a_payment_in_progress,
    what_cannot_be_paid,
    payments_are_found_by_what_is_known_of_them,
    whoever_waits_is_woken,
];

fn charge(minor: i64) -> Value {
    json!({
        "amount": { "minor": minor, "currency": "EUR" },
        "provider": "stripe",
        "payment_method": "pm_card_visa",
        "reference": format!("INV-{minor}"),
    })
}

async fn a_payment_in_progress(server: TestServer) {
    let begun =
        server.post("/v1/charges", &charge(500)).key("p-1").header("prefer", "wait=0").expect(202).await;
    let path = format!("/v1/payments/{}", begun.id());
    assert_eq!(begun.header("location"), Some(path.as_str()));
    assert_eq!(
        (&begun.body["state"], &begun.body["confirmed_by_provider"]),
        (&json!("created"), &json!(false))
    );

    let again = server.post("/v1/charges", &charge(500)).key("p-1").refused(409, "request_in_progress").await;
    assert_eq!(again.header("retry-after"), Some("1"));
    assert_eq!(again.body["resource"], begun.body["id"]);
    server.post("/v1/charges", &charge(501)).key("p-1").refused(422, "idempotency_key_reused").await;
    server.post("/v1/payments", &charge(500)).key("p-1").refused(422, "idempotency_key_reused").await;

    assert_eq!(server.get(&path).expect(200).await.body, begun.body);
    server.get(&format!("{path}/history")).expect(200).await;
    assert_eq!(server.get(&format!("{path}/refunds")).expect(200).await.body["data"], json!([]));
    let capture = server.request("POST", &format!("{path}/capture")).key("p-2");
    capture.refused(409, "payment_is_not_authorized").await;
    let refund = server.request("POST", &format!("{path}/refunds")).key("p-3");
    refund.refused(409, "payment_is_not_captured").await;
    for step in ["capture", "cancel", "refunds"] {
        let request = server.post(&format!("{path}/{step}"), &json!({}));
        request.refused(400, "idempotency_key_missing").await;
    }
}

async fn what_cannot_be_paid(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let booking = server.book(&catalogue, "b-1", 1).await.id();
    let pay = |over: Value| {
        let mut body =
            json!({ "booking_id": booking, "provider": "stripe", "payment_method": "pm_card_visa" });
        body.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
        server.post("/v1/payments", &body).header("prefer", "respond-async")
    };
    let card = pay(json!({ "payment_method": "4242 4242 4242 4242" })).key("p-1");
    let refused = card.refused(400, "card_number_refused").await;
    assert!(!refused.text.contains("4242"));
    pay(json!({ "provider": "elsewhere" })).key("p-2").refused(404, "provider_account_not_found").await;
    let part = pay(json!({ "amount": { "minor": 4_499, "currency": "EUR" } })).key("p-3");
    part.refused(422, "amount_does_not_cover_what_is_due").await;
    let more = pay(json!({ "amount": { "minor": 4_501, "currency": "EUR" } })).key("p-3b");
    more.refused(422, "amount_exceeds_total").await;
    let unknown = json!({ "booking_id": catalogue.slot });
    pay(unknown).key("p-4").refused(404, "booking_not_found").await;

    let open = pay(json!({})).key("p-5").expect(202).await;
    assert_eq!(open.body["amount"], json!({ "minor": 4_500, "currency": "EUR" }));
    let second = pay(json!({})).key("p-6").refused(409, "payment_already_open").await;
    assert_eq!(second.body["resource"], open.body["id"]);
    let seen = server.get(&format!("/v1/bookings/{booking}")).expect(200).await.body;
    assert_eq!((&seen["payment_status"], &seen["open_payment_id"]), (&json!("pending"), &open.body["id"]));
    assert_eq!(seen["payments"][0]["id"], open.body["id"]);
}

async fn payments_are_found_by_what_is_known_of_them(server: TestServer) {
    let catalogue = TestCatalogue::create(&server, 10).await;
    let booking = server.book(&catalogue, "b-1", 1).await.id();
    let body = json!({ "booking_id": booking, "provider": "stripe", "payment_method": "pm_card_visa" });
    let begin = |path: &'static str, body: Value, key: &'static str| {
        server.post(path, &body).key(key).header("prefer", "respond-async").expect(202)
    };
    let of_booking = begin("/v1/payments", body, "p-1").await.id();
    let small = begin("/v1/charges", charge(500), "p-2").await.id();
    let large = begin("/v1/charges", charge(900), "p-3").await.id();
    let shown = server.get(&format!("/v1/payments/{small}")).expect(200).await.body;
    let (account, made) = (shown["account_id"].as_str().unwrap(), shown["created_at"].as_str().unwrap());
    for (query, expected) in [
        (String::new(), vec![&large, &small, &of_booking]),
        (format!("account_id={account}"), vec![&large, &small, &of_booking]),
        (format!("account_id={booking}"), vec![]),
        (format!("account_id={account}&state=captured"), vec![]),
        ("amount_minor=500".to_owned(), vec![&small]),
        (format!("created_from={made}"), vec![&large, &small]),
        (format!("created_before={made}"), vec![&of_booking]),
        (format!("booking_id={booking}"), vec![&of_booking]),
        ("customer_email=ANA@example.com".to_owned(), vec![&of_booking]),
        ("customer_email=bob@example.com".to_owned(), vec![]),
        ("reference=INV-500".to_owned(), vec![&small]),
        ("idempotency_key=p-3".to_owned(), vec![&large]),
        ("state=captured".to_owned(), vec![]),
        ("state=created&limit=1".to_owned(), vec![&large]),
    ] {
        let found = server.get(&format!("/v1/payments?{query}")).expect(200).await.body;
        let ids: Vec<_> = found["data"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
        assert_eq!(ids, expected.iter().map(|id| json!(id)).collect::<Vec<Value>>(), "{query}");
    }
    server.get("/v1/payments?state=paid").refused(400, "validation_failed").await;
}

async fn whoever_waits_is_woken(server: TestServer) {
    let request = server.post("/v1/charges", &charge(500)).key("p-1").header("prefer", "wait=30");
    let waiting = tokio::spawn(request.send());
    while server.waiters.is_empty() {
        tokio::task::yield_now().await;
    }
    let key = KeyId::of(ONE.id(), ONE.client(), "p-1");
    let location = Some("/v1/payments/1".to_owned());
    server.waiters.wake(key, &Rendered { status: 201, body: r#"{"id":"1"}"#.to_owned(), location });
    let answer = tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap().unwrap();
    assert_eq!((answer.status, answer.text.as_str()), (201, r#"{"id":"1"}"#));
    assert_eq!(answer.header("location"), Some("/v1/payments/1"));
    assert!(server.waiters.is_empty());
}
