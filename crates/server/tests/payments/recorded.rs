//! Money that a person received: recorded, refunded, and in the ledger, without a provider.

use serde_json::json;
use testkit::{Engine, TestCatalogue, TestService, eur};

testkit::on_both_engines![cash_is_recorded_and_given_back, a_key_without_the_scope_records_nothing,];

async fn cash_is_recorded_and_given_back(engine: Engine) {
    let service = TestService::on(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let booking = catalogue.book(&service.one, "Ana", 2).await;
    let body = json!({ "booking_id": booking, "method": "cash", "who": "Rita", "why": "receipt 7" });
    let paid = service.one.post("/v1/recorded_payments", &body).key("k").expect(201).await;
    assert_eq!((&paid.body["state"], &paid.body["provider"]), (&json!("captured"), &json!("manual")));
    assert_eq!(paid.body["confirmed_by_provider"], false, "a person is the evidence");
    assert!(service.one.post("/v1/recorded_payments", &body).key("k").expect(201).await.is_replay());
    service.one.booking_becomes(&booking, "confirmed").await;
    let amount = &paid.body["amount"];

    let path = format!("/v1/payments/{}", paid.id());
    service
        .one
        .post(&format!("{path}/refunds"), &json!({}))
        .key("r")
        .refused(409, "payment_was_recorded")
        .await;
    let back = json!({ "payment_id": paid.id(), "amount": eur(500), "who": "Rita", "why": "rain" });
    let back = service.one.post("/v1/recorded_refunds", &back).key("b").expect(201).await;
    assert_eq!(back.body["state"], "succeeded");
    let history = service.one.get(&format!("{path}/history")).expect(200).await.body;
    assert!(history["data"].as_array().unwrap().iter().any(|entry| entry["person"] == "Rita"), "{history}");

    let books = service.quiet().await;
    assert_eq!(books.arrivals("POST", "/v1/payment_intents"), 0);
    let accounts = service.one.get("/v1/ledger/accounts").expect(200).await.body;
    let own =
        |account: &&serde_json::Value| account["name"].as_str().unwrap().starts_with("provider/manual/");
    let own = accounts["data"].as_array().unwrap().iter().find(own).unwrap();
    assert_eq!(own["balance"]["minor"].as_i64().unwrap(), amount["minor"].as_i64().unwrap() - 500);
    service.end().await;
}

async fn a_key_without_the_scope_records_nothing(engine: Engine) {
    let service = TestService::on(engine).await;
    let keys = json!({ "client_name": "website", "scopes": ["bookings", "payments"] });
    let made = service.one.post("/v1/ops/api_keys", &keys).key("keys").send().await;
    let secret = made.body["secret"].as_str().unwrap().to_owned();
    let body = json!({ "amount": eur(900), "method": "cash", "who": "Rita" });
    let refused = service.one.post("/v1/recorded_payments", &body).key("k").by(&secret);
    refused.refused(403, "scope_is_missing").await;
    service.end().await;
}
