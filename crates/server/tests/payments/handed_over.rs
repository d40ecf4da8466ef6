//! An operation without an outcome at its deadline goes to a person, who may move the money by
//! hand. From then on we move none: the job only checks, and what it finds settles the case.

use domain::time::Span;
use serde_json::{Value, json};
use testkit::{Engine, ONE, TestCatalogue, TestService, charge, eur, payment_of, until, with};

testkit::on_both_engines![
    a_refund_made_by_hand_is_not_made_again,
    a_refund_that_is_found_settles_its_case,
    a_refund_that_was_written_off_gives_its_sum_back,
    a_charge_is_not_confirmed_any_more,
    a_capture_is_not_made_any_more,
    a_capture_made_by_hand_settles_its_case,
    a_capture_of_another_amount_made_by_hand_needs_a_person,
    a_void_is_not_made_any_more,
];

const NO_OUTCOME: &str = "outcome_unknown_at_deadline";
const CONTRADICTS: &str = "provider_contradicts";

/// A person gets the case after a second.
async fn service(engine: Engine) -> TestService {
    TestService::with(engine, |settings| {
        settings.pace.evidence_after = Span::millis(200);
        settings.pace.poll_max = Span::millis(400);
        settings.pace.another_key_after = Span::millis(200);
        settings.limits.operation_deadline = Span::seconds(1);
    })
    .await
}

/// Sends the request while the provider is unreachable, and waits until a person has the case.
async fn handed_over(service: &TestService, path: &str, body: &Value, key: &str) {
    service.provider.faults(json!({ "unavailable": 1.0 })).await;
    service.one.post(path, body).key(key).without_waiting().expect(202).await;
    until("a person has the case", async || (service.reviews().await == [NO_OUTCOME]).then_some(())).await;
    // The reply under the key: the outcome is unknown.
    service.one.post(path, body).key(key).expect(202).await;
    service.provider.faults(json!({})).await;
}

/// The job runs and could make the call that it must not make.
async fn wait_for_checks(service: &TestService, path: &str) {
    let before = service.provider.books().await.arrivals("GET", path);
    until("it was checked again", async || {
        (service.provider.books().await.arrivals("GET", path) > before + 2).then_some(())
    })
    .await;
}

async fn captured(service: &TestService) -> (String, String) {
    let paid = service.one.post("/v1/charges", &charge(10_000, "pm_card_visa")).key("c-1").expect(201).await;
    service.quiet().await;
    (paid.id(), paid.body["provider_reference"].as_str().unwrap().to_owned())
}

async fn authorised(service: &TestService) -> (String, String) {
    let body = with(charge(10_000, "pm_card_visa"), json!({ "capture": "manual" }));
    let made = service.one.post("/v1/payments", &body).key("p-1").expect(201).await;
    service.quiet().await;
    (made.id(), made.body["provider_reference"].as_str().unwrap().to_owned())
}

async fn a_refund_made_by_hand_is_not_made_again(engine: Engine) {
    let service = service(engine).await;
    let (payment, object) = captured(&service).await;
    let path = format!("/v1/payments/{payment}/refunds");
    handed_over(&service, &path, &json!({ "amount": eur(4_000) }), "r-1").await;
    service.provider.by_hand(ONE, "/v1/refunds", &[("payment_intent", &object), ("amount", "4000")]).await;
    wait_for_checks(&service, "/v1/refunds").await;
    service.resolve(NO_OUTCOME).await;

    let found = |seen: &Value| seen["refunded"] == eur(4_000);
    service.one.becomes(&format!("/v1/payments/{payment}"), found, "the refund by hand is seen").await;
    let rest = service.one.post(&path, &json!({})).key("r-2").expect(201).await;
    assert_eq!((&rest.body["state"], &rest.body["amount"]), (&json!("succeeded"), &eur(6_000)));
    let books = service.quiet().await;
    assert_eq!(books.refunds_of(&payment), [(4_000, "succeeded"), (6_000, "succeeded")]);
    let listed = service.one.see(&path).await["data"].clone();
    let mut states: Vec<_> =
        listed.as_array().unwrap().iter().map(|refund| refund["state"].clone()).collect();
    states.sort_by_key(ToString::to_string);
    assert_eq!(states, ["succeeded", "succeeded", "written_off"]);
    service.end().await;
}

async fn a_refund_that_is_found_settles_its_case(engine: Engine) {
    let service = service(engine).await;
    let (payment, object) = captured(&service).await;
    let path = format!("/v1/payments/{payment}/refunds");
    handed_over(&service, &path, &json!({ "amount": eur(4_000) }), "r-1").await;
    // The refund's metadata name our row.
    let refund = service.one.see(&path).await["data"][0]["id"].as_str().unwrap().to_owned();
    let form = [("payment_intent", object.as_str()), ("amount", "4000"), ("metadata[refund]", &refund)];
    service.provider.by_hand(ONE, "/v1/refunds", &form).await;
    service.one.refund_becomes(&refund, "succeeded").await;
    assert_eq!(service.quiet().await.refunds_of(&payment), [(4_000, "succeeded")]);
    assert_eq!(service.one.payment(&payment).await["refunded"], eur(4_000));
    service.end().await;
}

async fn a_refund_that_was_written_off_gives_its_sum_back(engine: Engine) {
    let service = service(engine).await;
    let (payment, _) = captured(&service).await;
    let path = format!("/v1/payments/{payment}/refunds");
    handed_over(&service, &path, &json!({}), "r-1").await;
    let second = service.one.post(&path, &json!({})).key("r-2");
    second.refused(422, "refund_exceeds_capture").await;
    wait_for_checks(&service, "/v1/refunds").await;
    service.resolve(NO_OUTCOME).await;
    let refund = service.one.see(&path).await["data"][0].clone();
    assert_eq!(refund["state"], "written_off");
    let again = service.one.post(&path, &json!({})).key("r-3").expect(201).await;
    assert_eq!(again.body["amount"], eur(10_000));
    assert_eq!(service.quiet().await.refunds_of(&payment), [(10_000, "succeeded")]);
    service.end().await;
}

/// Its object was made, and was never confirmed.
async fn a_charge_is_not_confirmed_any_more(engine: Engine) {
    let service = service(engine).await;
    service.provider.faults(json!({ "answer_delay_ms": [500, 500] })).await;
    let body = charge(10_000, "pm_card_visa");
    let begun = service.one.post("/v1/charges", &body).key("c-1").without_waiting().expect(202).await.id();
    until("the object is made", async || (service.provider.books().await.charges().len() == 1).then_some(()))
        .await;
    service.provider.faults(json!({ "unavailable": 1.0 })).await;
    until("a person has the case", async || (service.reviews().await == [NO_OUTCOME]).then_some(())).await;
    service.provider.faults(json!({})).await;
    service.one.payment_becomes(&begun, "cancelled").await;
    assert_eq!(service.quiet().await.stands(&begun), ("canceled", 0, 0, 0));
    // Its outcome closed the case.
    service.end().await;
}

async fn a_capture_is_not_made_any_more(engine: Engine) {
    let service = service(engine).await;
    let (payment, object) = authorised(&service).await;
    let path = format!("/v1/payments/{payment}/capture");
    handed_over(&service, &path, &json!({ "amount": eur(7_000) }), "k-1").await;
    let second = service.one.post(&path, &json!({})).key("k-2");
    second.refused(409, "payment_has_operation_in_progress").await;
    wait_for_checks(&service, &object).await;
    assert_eq!(service.provider.books().await.stands(&payment), ("requires_capture", 10_000, 0, 0));
    service.resolve(NO_OUTCOME).await;
    let taken = service.one.post(&path, &json!({ "amount": eur(6_000) })).key("k-3").expect(200).await;
    assert_eq!(taken.body["captured"], eur(6_000));
    assert_eq!(service.quiet().await.stands(&payment), ("succeeded", 10_000, 6_000, 0));
    service.end().await;
}

async fn a_capture_made_by_hand_settles_its_case(engine: Engine) {
    let service = service(engine).await;
    let (payment, object) = authorised(&service).await;
    let path = format!("/v1/payments/{payment}/capture");
    handed_over(&service, &path, &json!({ "amount": eur(7_000) }), "k-1").await;
    let capture = format!("/v1/payment_intents/{object}/capture");
    service.provider.by_hand(ONE, &capture, &[("amount_to_capture", "7000")]).await;
    let taken = service.one.payment_becomes(&payment, "captured").await;
    assert_eq!(taken["captured"], eur(7_000));
    assert_eq!(service.quiet().await.stands(&payment), ("succeeded", 10_000, 7_000, 0));
    service.end().await;
}

async fn a_capture_of_another_amount_made_by_hand_needs_a_person(engine: Engine) {
    let service = service(engine).await;
    let (payment, object) = authorised(&service).await;
    let path = format!("/v1/payments/{payment}/capture");
    handed_over(&service, &path, &json!({ "amount": eur(7_000) }), "k-1").await;
    let capture = format!("/v1/payment_intents/{object}/capture");
    service.provider.by_hand(ONE, &capture, &[("amount_to_capture", "6500")]).await;
    until("a review case is open", async || {
        service.reviews().await.contains(&CONTRADICTS.to_owned()).then_some(())
    })
    .await;
    assert_eq!(service.one.payment(&payment).await["captured"], eur(0), "not the requested amount");
    // The person closes the case, and the captured amount is booked.
    service.resolve(NO_OUTCOME).await;
    let taken = service.one.payment_becomes(&payment, "captured").await;
    assert_eq!(taken["captured"], eur(6_500));
    service.resolve(CONTRADICTS).await;
    assert_eq!(service.quiet().await.stands(&payment), ("succeeded", 10_000, 6_500, 0));
    service.end().await;
}

async fn a_void_is_not_made_any_more(engine: Engine) {
    let service = service(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let booking = catalogue.book(&service.one, "b-1", 1).await;
    let body = with(payment_of(&booking, "pm_card_visa"), json!({ "capture": "manual" }));
    let payment = service.one.post("/v1/payments", &body).key("p-1").expect(201).await.id();
    service.one.booking_becomes(&booking, "confirmed").await;
    service.quiet().await;
    handed_over(&service, &format!("/v1/payments/{payment}/cancel"), &json!({}), "x-1").await;
    wait_for_checks(&service, &service.provider_reference(&payment).await).await;
    service.resolve(NO_OUTCOME).await;
    let capture = service.one.post(&format!("/v1/payments/{payment}/capture"), &json!({})).key("k-1");
    assert_eq!(capture.expect(200).await.body["captured"], eur(4_500));
    let books = service.quiet().await;
    assert_eq!(books.stands(&payment), ("succeeded", 4_500, 4_500, 0));
    assert_eq!(service.one.booking(&booking).await["state"], "confirmed");
    service.end().await;
}
