//! 3-D Secure: the bank asks the customer, and only the customer's answer counts.

use serde_json::{Value, json};
use testkit::{Engine, TestCatalogue, TestReply, TestService, charge, payment_of, with};

testkit::on_both_engines![
    an_approved_payment_is_captured,
    a_denied_payment_fails,
    an_approval_may_still_be_declined,
    what_waits_for_the_customer_is_called_off,
    without_a_way_back_the_front_end_finishes_it,
    an_approval_is_found_without_its_webhook,
];

const NEEDS_CUSTOMER: &str = "pm_card_authenticationRequired";
const RETURN_URL: &str = "https://shop.example/done?cart=7";

/// A booking, the reply to its payment, which waits for the customer, and the request.
async fn pending_payment(
    service: &TestService,
    catalogue: &TestCatalogue,
    name: &str,
    card: &str,
) -> (String, TestReply, Value) {
    let booking = catalogue.book(&service.one, name, 1).await;
    let body = with(payment_of(&booking, card), json!({ "return_url": RETURN_URL }));
    let pending = service.one.post("/v1/payments", &body).key(&format!("pay {name}").replace(' ', "-"));
    let pending = pending.expect(201).await;
    assert_eq!(
        (&pending.body["state"], &pending.body["next_action"]["type"]),
        (&json!("pending"), &json!("redirect"))
    );
    (booking, pending, body)
}

fn object(answer: &TestReply) -> &str {
    answer.body["provider_reference"].as_str().unwrap()
}

async fn an_approved_payment_is_captured(engine: Engine) {
    let service = TestService::on(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let (booking, pending, body) = pending_payment(&service, &catalogue, "b-1", NEEDS_CUSTOMER).await;
    // A next action for the customer is a reply too, and is stored.
    let again = service.one.post("/v1/payments", &body).key("pay-b-1").expect(201).await;
    assert_eq!((again.is_replay(), &again.text), (true, &pending.text));

    // The return of the customer's browser confirms nothing by itself.
    service.provider.faults(json!({ "webhook_delay_ms": [1_500, 1_500] })).await;
    let page = pending.body["next_action"]["url"].as_str().unwrap();
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let form = browser.post(page).header("content-type", "application/x-www-form-urlencoded");
    let back = form.body("approve=true").send().await.unwrap();
    assert_eq!(back.status(), 303);
    let target = back.headers()["location"].to_str().unwrap();
    assert!(target.starts_with(RETURN_URL) && target.contains("redirect_status=succeeded"), "{target}");
    assert_eq!(service.one.booking(&booking).await["state"], "held");
    assert_eq!(service.one.payment(&pending.id()).await["state"], "pending");

    service.one.booking_becomes(&booking, "confirmed").await;
    let paid = service.one.payment(&pending.id()).await;
    assert_eq!((&paid["state"], &paid["next_action"]), (&json!("captured"), &json!(null)));
    let books = service.quiet().await;
    assert_eq!(books.stands(&pending.id()), ("succeeded", 4_500, 4_500, 0));
    assert_eq!(books.arrivals("POST", "/confirm"), 1);
    service.end().await;
}

async fn a_denied_payment_fails(engine: Engine) {
    let service = TestService::on(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let (booking, pending, body) = pending_payment(&service, &catalogue, "b-1", NEEDS_CUSTOMER).await;
    service.provider.authenticate(object(&pending), false).await;
    let failed = service.one.payment_becomes(&pending.id(), "failed").await;
    assert_eq!(failed["failure"]["code"], "payment_intent_authentication_failure");
    assert_eq!(failed["next_action"], json!(null));
    // The reply under the key stays; the outcome is in the payment.
    assert!(service.one.post("/v1/payments", &body).key("pay-b-1").expect(201).await.is_replay());
    let held = service.one.booking(&booking).await;
    assert_eq!((&held["state"], &held["open_payment_id"]), (&json!("held"), &json!(null)));
    let books = service.quiet().await;
    assert_eq!(books.stands(&pending.id()), ("canceled", 0, 0, 0));

    let second = service.one.post("/v1/payments", &payment_of(&booking, "pm_card_visa")).key("p-2");
    second.expect(201).await;
    service.one.booking_becomes(&booking, "confirmed").await;
    service.end().await;
}

async fn an_approval_may_still_be_declined(engine: Engine) {
    let service = TestService::on(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let card = "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds";
    let (booking, pending, _) = pending_payment(&service, &catalogue, "b-1", card).await;
    service.provider.authenticate(object(&pending), true).await;
    let failed = service.one.payment_becomes(&pending.id(), "failed").await;
    assert_eq!(
        failed["failure"],
        json!({ "code": "insufficient_funds", "another_attempt_may_succeed": true })
    );
    assert_eq!(service.one.booking(&booking).await["state"], "held");
    assert_eq!(service.quiet().await.stands(&pending.id()), ("canceled", 0, 0, 0));
    service.end().await;
}

async fn what_waits_for_the_customer_is_called_off(engine: Engine) {
    let service = TestService::on(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let (booking, pending, _) = pending_payment(&service, &catalogue, "b-1", NEEDS_CUSTOMER).await;
    let path = format!("/v1/payments/{}/cancel", pending.id());
    let ended = service.one.post(&path, &json!({})).key("x-1").expect(200).await;
    assert_eq!((&ended.body["state"], &ended.body["next_action"]), (&json!("cancelled"), &json!(null)));
    let again = service.one.post(&path, &json!({})).key("x-1").expect(200).await;
    assert_eq!((again.is_replay(), &again.text), (true, &ended.text));
    service.one.post(&path, &json!({})).key("x-2").refused(409, "payment_is_final").await;
    assert!(
        !service.provider.try_authenticate(object(&pending)).await,
        "the bank accepts no answer any more"
    );
    assert_eq!(service.one.booking(&booking).await["open_payment_id"], json!(null));
    assert_eq!(service.quiet().await.stands(&pending.id()), ("canceled", 0, 0, 0));
    let cancel = format!("/v1/bookings/{booking}/cancel");
    service.one.post(&cancel, &json!({})).key("x-3").expect(200).await;
    assert_eq!(catalogue.vacancies(&service.one).await, 10);
    service.end().await;
}

async fn without_a_way_back_the_front_end_finishes_it(engine: Engine) {
    let service = TestService::on(engine).await;
    let pending = service.one.post("/v1/charges", &charge(800, NEEDS_CUSTOMER)).key("c-1").expect(201).await;
    assert_eq!(pending.body["next_action"]["type"], "use_provider_sdk");
    let secret = pending.body["next_action"]["client_secret"].as_str().unwrap();
    assert!(secret.starts_with(object(&pending)));
    service.provider.authenticate(object(&pending), true).await;
    service.one.payment_becomes(&pending.id(), "captured").await;
    assert_eq!(service.quiet().await.stands(&pending.id()), ("succeeded", 800, 800, 0));
    service.end().await;
}

async fn an_approval_is_found_without_its_webhook(engine: Engine) {
    let service = TestService::watchful(engine).await;
    service.provider.faults(json!({ "webhook_drop": 1.0 })).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let (booking, pending, _) = pending_payment(&service, &catalogue, "b-1", NEEDS_CUSTOMER).await;
    service.provider.authenticate(object(&pending), true).await;
    service.one.booking_becomes(&booking, "confirmed").await;
    assert_eq!(service.quiet().await.stands(&pending.id()), ("succeeded", 4_500, 4_500, 0));
    service.end().await;
}
