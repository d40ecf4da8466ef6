//! Webhooks that are lost, repeated and out of order have their effect once.

use serde_json::{Value, json};
use testkit::{Engine, TestCatalogue, TestService, charge, eur, payment_of};

testkit::on_both_engines![
    without_webhooks_the_object_is_fetched,
    repeated_and_shuffled_they_move_once,
    a_webhook_overtakes_the_answer,
];

async fn confirmations(service: &TestService, booking: &str) -> Vec<Value> {
    let history = service.one.see(&format!("/v1/bookings/{booking}/history")).await;
    let entries = history["data"].as_array().unwrap().iter();
    entries.filter(|entry| entry["to_state"] == "confirmed").map(|entry| entry["actor"].clone()).collect()
}

async fn paid(service: &TestService, catalogue: &TestCatalogue, name: &str) -> (String, String) {
    let booking = catalogue.book(&service.one, name, 1).await;
    let body = payment_of(&booking, "pm_card_visa");
    let payment = service.one.post("/v1/payments", &body).key(&format!("pay-{name}")).expect(201).await.id();
    (booking, payment)
}

async fn without_webhooks_the_object_is_fetched(engine: Engine) {
    let service = TestService::watchful(engine).await;
    service.provider.faults(json!({ "webhook_drop": 1.0 })).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let (booking, payment) = paid(&service, &catalogue, "b-1").await;
    service.one.booking_becomes(&booking, "confirmed").await;
    assert_eq!(confirmations(&service, &booking).await, ["worker"]);
    let books = service.quiet().await;
    assert_eq!(books.stands(&payment), ("succeeded", 4_500, 4_500, 0));
    assert_eq!(books.arrivals("POST", "/confirm"), 1);
    service.end().await;
}

async fn repeated_and_shuffled_they_move_once(engine: Engine) {
    let service = TestService::on(engine).await;
    let faults = json!({ "seed": 5, "webhook_duplicates": 10, "webhook_shuffle": true });
    service.provider.faults(faults).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let mut bookings = Vec::new();
    for name in ["b-1", "b-2", "b-3"] {
        bookings.push(paid(&service, &catalogue, name).await);
    }
    for (booking, payment) in &bookings {
        service.one.booking_becomes(booking, "confirmed").await;
        let refunds = format!("/v1/payments/{payment}/refunds");
        for part in ["first", "second"] {
            let body = json!({ "amount": eur(1_000) });
            service.one.post(&refunds, &body).key(&format!("{part}-{payment}")).expect(201).await;
        }
    }
    let pending =
        service.one.post("/v1/charges", &charge(900, "pm_card_pendingRefund")).key("c-1").expect(201).await;
    let refunds = format!("/v1/payments/{}/refunds", pending.id());
    let refund = service.one.post(&refunds, &json!({})).key("r-1").expect(201).await;
    service.one.refund_becomes(&refund.id(), "succeeded").await;
    service.quiet().await;
    for (booking, payment) in &bookings {
        assert_eq!(confirmations(&service, booking).await.len(), 1);
        let seen = service.one.booking(booking).await;
        assert_eq!((&seen["paid"], &seen["refunded"]), (&eur(4_500), &eur(2_000)));
        assert_eq!(service.one.payment(payment).await["refunded"], eur(2_000));
    }
    // Four captures and seven refunds, one transfer each.
    let transfers = service.one.see("/v1/ledger/transfers").await;
    assert_eq!(transfers["data"].as_array().unwrap().len(), 11);
    assert_eq!(catalogue.vacancies(&service.one).await, 7);
    service.end().await;
}

async fn a_webhook_overtakes_the_answer(engine: Engine) {
    let service = TestService::on(engine).await;
    // The effect is immediate, and its reply takes so long that the webhook comes first.
    service.provider.faults(json!({ "delay_ms": [1_000, 1_000] })).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let (booking, payment) = paid(&service, &catalogue, "b-1").await;
    service.provider.faults(json!({})).await;
    service.one.booking_becomes(&booking, "confirmed").await;
    assert_eq!(confirmations(&service, &booking).await, ["webhook"]);
    let books = service.quiet().await;
    assert_eq!(books.stands(&payment), ("succeeded", 4_500, 4_500, 0));
    assert_eq!(books.arrivals("POST", "/confirm"), 1);
    service.end().await;
}
