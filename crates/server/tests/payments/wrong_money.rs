//! Money that has no place in our books: it waits in the ledger's account `suspense`, and a person has
//! its case. `docs/late-money.md` has the table.

use domain::time::Span;
use serde_json::{Value, json};
use testkit::{Engine, ONE, TestService, charge, until};

use super::pix::{acts, brl, held, pix, watchful};
use super::webhooks::{deliver_signed, event, succeeded};

testkit::on_both_engines![
    a_pix_of_another_amount_is_in_suspense,
    a_pix_that_is_paid_after_its_end_is_in_suspense_until_it_is_returned,
    a_pix_for_a_cancelled_booking_is_in_suspense,
    a_pix_that_is_paid_twice_is_in_suspense_once,
    what_goes_back_beyond_the_capture_goes_out_of_suspense,
    the_second_pix_goes_back_out_of_suspense,
    our_refund_returns_the_pix_that_paid,
    a_second_pix_that_comes_back_is_in_suspense_again,
    money_in_another_currency_is_in_suspense,
    success_after_failure_is_in_suspense,
];

/// What is in suspense in this currency.
async fn suspense_minor(service: &TestService, currency: &str) -> i64 {
    let accounts = service.one.see("/v1/ledger/accounts").await;
    let accounts = accounts["data"].as_array().unwrap().iter();
    let own = accounts
        .filter(|account| account["name"] == "suspense" && account["balance"]["currency"] == currency);
    -own.map(|account| account["balance"]["minor"].as_i64().unwrap()).sum::<i64>()
}

async fn suspense_becomes(service: &TestService, currency: &str, minor: i64) {
    until(&format!("{minor} {currency} are in suspense"), async || {
        (suspense_minor(service, currency).await == minor).then_some(())
    })
    .await;
}

/// Ends the test. The tenant was notified, and each case has this one reason: the event and the worker may
/// each have found it.
async fn end_contradicted(service: TestService) {
    service.quiet().await;
    let messages = service.one.see("/v1/events?limit=200").await;
    let is_contradicted = |message: &Value| message["type"] == "payment.contradicted";
    assert!(messages["data"].as_array().unwrap().iter().any(is_contradicted), "{messages}");
    let cases = service.reviews().await;
    assert!(!cases.is_empty() && cases.iter().all(|reason| reason == "provider_contradicts"), "{cases:?}");
    let cases: Vec<&str> = cases.iter().map(String::as_str).collect();
    service.end_reviewed(&cases).await;
}

async fn cancelled(service: &TestService, payment: &str) {
    service.one.post(&format!("/v1/payments/{payment}/cancel"), &json!({})).key("c").expect(200).await;
    service.one.payment_becomes(payment, "cancelled").await;
}

async fn a_pix_of_another_amount_is_in_suspense(engine: Engine) {
    let service = watchful(engine).await;
    for (key, paid) in [("less", "39.00"), ("more", "41.50")] {
        let waiting = service.one.post("/v1/payments", &pix(4_000)).key(key).expect(201).await.body;
        acts(&service, &waiting, "pay", json!({ "valor": paid })).await;
        let expected = if key == "less" { 3_900 } else { 3_900 + 4_150 };
        suspense_becomes(&service, "BRL", expected).await;
        let payment = service.one.payment(waiting["id"].as_str().unwrap()).await;
        assert_eq!((&payment["state"], &payment["captured"]), (&json!("pending"), &brl(0)));
    }
    end_contradicted(service).await;
}

async fn a_pix_that_is_paid_after_its_end_is_in_suspense_until_it_is_returned(engine: Engine) {
    let service = watchful(engine).await;
    let waiting = service.one.post("/v1/payments", &pix(4_000)).key("k").expect(201).await.body;
    let payment = waiting["id"].as_str().unwrap();
    cancelled(&service, payment).await;
    acts(&service, &waiting, "pay", json!({ "late": true })).await;
    suspense_becomes(&service, "BRL", 4_000).await;
    let seen = service.one.payment(payment).await;
    assert_eq!((&seen["state"], &seen["captured"]), (&json!("cancelled"), &brl(0)));
    acts(&service, &waiting, "refund", json!({})).await;
    suspense_becomes(&service, "BRL", 0).await;
    end_contradicted(service).await;
}

async fn a_pix_for_a_cancelled_booking_is_in_suspense(engine: Engine) {
    let service = watchful(engine).await;
    let (booking, _) = held(&service, 48).await;
    let body = json!({ "booking_id": booking, "provider": "pix", "payment_method": "pix" });
    let waiting = service.one.post("/v1/payments", &body).key("k").expect(201).await.body;
    cancelled(&service, waiting["id"].as_str().unwrap()).await;
    service.one.post(&format!("/v1/bookings/{booking}/cancel"), &json!({})).key("c2").expect(200).await;
    acts(&service, &waiting, "pay", json!({ "late": true })).await;
    suspense_becomes(&service, "BRL", 10_000).await;
    let seen = service.one.booking(&booking).await;
    assert_eq!((&seen["state"], &seen["paid"]), (&json!("cancelled"), &brl(0)));
    end_contradicted(service).await;
}

/// A charge that was paid twice, with its second Pix in suspense.
async fn paid_twice(service: &TestService) -> Value {
    let waiting = service.one.post("/v1/payments", &pix(4_000)).key("k").expect(201).await.body;
    acts(service, &waiting, "pay", json!({})).await;
    let payment = waiting["id"].as_str().unwrap();
    service.one.payment_becomes(payment, "captured").await;
    service.quiet().await;
    acts(service, &waiting, "pay", json!({ "late": true })).await;
    suspense_becomes(service, "BRL", 4_000).await;
    service.quiet().await;
    assert_eq!(suspense_minor(service, "BRL").await, 4_000);
    waiting
}

async fn a_pix_that_is_paid_twice_is_in_suspense_once(engine: Engine) {
    let service = watchful(engine).await;
    service.provider.faults(json!({ "webhook_duplicates": 2 })).await;
    let payment = paid_twice(&service).await["id"].as_str().unwrap().to_owned();
    assert_eq!(service.one.payment(&payment).await["captured"], brl(4_000));
    end_contradicted(service).await;
}

/// A person returns both Pix at the bank. Our books have the money of one.
async fn what_goes_back_beyond_the_capture_goes_out_of_suspense(engine: Engine) {
    let service = watchful(engine).await;
    let waiting = paid_twice(&service).await;
    acts(&service, &waiting, "refund", json!({ "valor": "40.00" })).await;
    let path = format!("/v1/payments/{}", waiting["id"].as_str().unwrap());
    service.one.becomes(&path, |seen| seen["refunded"] == brl(4_000), "the first is counted").await;
    acts(&service, &waiting, "refund", json!({ "valor": "40.00" })).await;
    suspense_becomes(&service, "BRL", 0).await;
    assert_eq!(service.one.payment(waiting["id"].as_str().unwrap()).await["refunded"], brl(4_000));
    end_contradicted(service).await;
}

/// The position of the second Pix, whose money is in suspense.
const SECOND: usize = 1;

async fn second_goes_back(service: &TestService, waiting: &Value) {
    acts(service, waiting, "refund", json!({ "pix": SECOND })).await;
    suspense_becomes(service, "BRL", 0).await;
    service.quiet().await;
    let payment = service.one.payment(waiting["id"].as_str().unwrap()).await;
    assert_eq!((&payment["captured"], &payment["refunded"]), (&brl(4_000), &brl(0)));
}

/// The person closes the case, and nothing is left to be seen.
async fn the_second_pix_goes_back_out_of_suspense(engine: Engine) {
    let service = watchful(engine).await;
    let waiting = paid_twice(&service).await;
    second_goes_back(&service, &waiting).await;
    let case = service.one.see("/v1/ops/review_cases").await["data"][0]["id"].clone();
    let case = service.one.see(&format!("/v1/ops/review_cases/{}", case.as_str().unwrap())).await;
    let shown = case["timeline"].as_array().unwrap().iter().filter_map(|entry| entry["summary"].as_str());
    assert!(shown.into_iter().any(|summary| summary == "suspense_return of 4000"), "{case}");
    service.resolve("provider_contradicts").await;
    service.end().await;
}

/// The first that is large enough would be either of them.
async fn our_refund_returns_the_pix_that_paid(engine: Engine) {
    let service = watchful(engine).await;
    let waiting = paid_twice(&service).await;
    service.resolve("provider_contradicts").await;
    let path = format!("/v1/payments/{}/refunds", waiting["id"].as_str().unwrap());
    let made = service.one.post(&path, &json!({ "amount": brl(4_000) })).key("r").send().await;
    assert!([201, 202].contains(&made.status), "{}", made.text);
    let path = format!("/v1/payments/{}", waiting["id"].as_str().unwrap());
    service.one.becomes(&path, |seen| seen["refunded"] == brl(4_000), "it is refunded").await;
    assert_eq!(suspense_minor(&service, "BRL").await, 4_000, "the other is still there");
    acts(&service, &waiting, "refund", json!({ "pix": SECOND })).await;
    suspense_becomes(&service, "BRL", 0).await;
    assert_eq!(service.one.payment(waiting["id"].as_str().unwrap()).await["refunded"], brl(4_000));
    service.end().await;
}

async fn a_second_pix_that_comes_back_is_in_suspense_again(engine: Engine) {
    let service = watchful(engine).await;
    let waiting = paid_twice(&service).await;
    second_goes_back(&service, &waiting).await;
    service.resolve("provider_contradicts").await;
    acts(&service, &waiting, "send_back", json!({})).await;
    suspense_becomes(&service, "BRL", 4_000).await;
    service.quiet().await;
    let payment = service.one.payment(waiting["id"].as_str().unwrap()).await;
    assert_eq!((&payment["captured"], &payment["refunded"]), (&brl(4_000), &brl(0)));
    service.end_reviewed(&["refund_failed_after_it_succeeded"]).await;
}

async fn money_in_another_currency_is_in_suspense(engine: Engine) {
    let service =
        TestService::with(engine, |settings| settings.pace.evidence_after = Span::millis(300)).await;
    let body = charge(1_000, "pm_card_authenticationRequired");
    let waiting = service.one.post("/v1/charges", &body).key("k").expect(201).await.body;
    let object = waiting["provider_reference"].as_str().unwrap();
    let planted = json!({ "currency": "usd", "captured": 1_000 });
    service.provider.post(&format!("/sandbox/plant/{object}"), &planted).await;
    suspense_becomes(&service, "USD", 1_000).await;
    assert_eq!(suspense_minor(&service, "EUR").await, 0);
    assert_eq!(service.one.payment(waiting["id"].as_str().unwrap()).await["state"], "pending");
    end_contradicted(service).await;
}

async fn success_after_failure_is_in_suspense(engine: Engine) {
    let service = TestService::on(engine).await;
    let declined = charge(700, "pm_card_chargeDeclined");
    service.one.post("/v1/charges", &declined).key("k").refused(402, "payment_declined").await;
    let payment = service.one.see("/v1/payments").await["data"][0].clone();
    assert_eq!(payment["state"], "failed");
    let late = event("evt_late", "payment_intent.succeeded", succeeded(&payment, 700));
    deliver_signed(&service, ONE, &late).await;
    suspense_becomes(&service, "EUR", 700).await;
    assert_eq!(service.one.payment(payment["id"].as_str().unwrap()).await["state"], "failed");
    end_contradicted(service).await;
}
