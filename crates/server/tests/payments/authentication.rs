//! 3-D Secure: the customer is asked by the bank, and what they answer counts, not who says so.

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

const ASKS: &str = "pm_card_authenticationRequired";
const RETURN_URL: &str = "https://shop.example/done?cart=7";

/// A booking and its payment, which waits for the customer.
async fn asked(
    service: &TestService,
    catalogue: &TestCatalogue,
    name: &str,
    card: &str,
) -> (String, TestReply, Value) {
    let booking = catalogue.book(&service.one, name, 1).await;
    let body = with(payment_of(&booking, card), json!({ "return_url": RETURN_URL }));
    let asked = service.one.post("/v1/payments", &body).key(&format!("pay {name}").replace(' ', "-"));
    let asked = asked.expect(201).await;
    assert_eq!(
        (&asked.body["state"], &asked.body["next_action"]["type"]),
        (&json!("pending"), &json!("redirect"))
    );
    (booking, asked, body)
}

fn object(answer: &TestReply) -> &str {
    answer.body["provider_reference"].as_str().unwrap()
}

async fn an_approved_payment_is_captured(engine: Engine) {
    let service = TestService::on(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let (booking, asked, body) = asked(&service, &catalogue, "b-1", ASKS).await;
    // What the customer must do is a reply too, and kept.
    let again = service.one.post("/v1/payments", &body).key("pay-b-1").expect(201).await;
    assert_eq!((again.is_replay(), &again.text), (true, &asked.text));

    // The customer's browser comes back to the shop; that alone confirms nothing.
    service.provider.faults(json!({ "webhook_delay_ms": [1_500, 1_500] })).await;
    let page = asked.body["next_action"]["url"].as_str().unwrap();
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let form = browser.post(page).header("content-type", "application/x-www-form-urlencoded");
    let back = form.body("approve=true").send().await.unwrap();
    assert_eq!(back.status(), 303);
    let target = back.headers()["location"].to_str().unwrap();
    assert!(target.starts_with(RETURN_URL) && target.contains("redirect_status=succeeded"), "{target}");
    assert_eq!(service.one.booking(&booking).await["state"], "held");
    assert_eq!(service.one.payment(&asked.id()).await["state"], "pending");

    service.one.booking_becomes(&booking, "confirmed").await;
    let paid = service.one.payment(&asked.id()).await;
    assert_eq!((&paid["state"], &paid["next_action"]), (&json!("captured"), &json!(null)));
    let books = service.quiet().await;
    assert_eq!(books.stands(&asked.id()), ("succeeded", 4_500, 4_500, 0));
    assert_eq!(books.arrivals("POST", "/confirm"), 1);
    service.end().await;
}

async fn a_denied_payment_fails(engine: Engine) {
    let service = TestService::on(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let (booking, asked, body) = asked(&service, &catalogue, "b-1", ASKS).await;
    service.provider.authenticate(object(&asked), false).await;
    let failed = service.one.payment_becomes(&asked.id(), "failed").await;
    assert_eq!(failed["failure"]["code"], "payment_intent_authentication_failure");
    assert_eq!(failed["next_action"], json!(null));
    // The reply under the key was given; what came of it is asked of the payment.
    assert!(service.one.post("/v1/payments", &body).key("pay-b-1").expect(201).await.is_replay());
    let held = service.one.booking(&booking).await;
    assert_eq!((&held["state"], &held["open_payment_id"]), (&json!("held"), &json!(null)));
    let books = service.quiet().await;
    assert_eq!(books.stands(&asked.id()), ("canceled", 0, 0, 0));

    let second = service.one.post("/v1/payments", &payment_of(&booking, "pm_card_visa")).key("p-2");
    second.expect(201).await;
    service.one.booking_becomes(&booking, "confirmed").await;
    service.end().await;
}

async fn an_approval_may_still_be_declined(engine: Engine) {
    let service = TestService::on(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let card = "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds";
    let (booking, asked, _) = asked(&service, &catalogue, "b-1", card).await;
    service.provider.authenticate(object(&asked), true).await;
    let failed = service.one.payment_becomes(&asked.id(), "failed").await;
    assert_eq!(
        failed["failure"],
        json!({ "code": "insufficient_funds", "another_attempt_may_succeed": true })
    );
    assert_eq!(service.one.booking(&booking).await["state"], "held");
    assert_eq!(service.quiet().await.stands(&asked.id()), ("canceled", 0, 0, 0));
    service.end().await;
}

async fn what_waits_for_the_customer_is_called_off(engine: Engine) {
    let service = TestService::on(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let (booking, asked, _) = asked(&service, &catalogue, "b-1", ASKS).await;
    let path = format!("/v1/payments/{}/cancel", asked.id());
    let ended = service.one.post(&path, &json!({})).key("x-1").expect(200).await;
    assert_eq!((&ended.body["state"], &ended.body["next_action"]), (&json!("cancelled"), &json!(null)));
    let again = service.one.post(&path, &json!({})).key("x-1").expect(200).await;
    assert_eq!((again.is_replay(), &again.text), (true, &ended.text));
    service.one.post(&path, &json!({})).key("x-2").refused(409, "payment_is_final").await;
    assert!(!service.provider.try_authenticate(object(&asked)).await, "the bank has nothing to ask any more");
    assert_eq!(service.one.booking(&booking).await["open_payment_id"], json!(null));
    assert_eq!(service.quiet().await.stands(&asked.id()), ("canceled", 0, 0, 0));
    let cancel = format!("/v1/bookings/{booking}/cancel");
    service.one.post(&cancel, &json!({})).key("x-3").expect(200).await;
    assert_eq!(catalogue.vacancies(&service.one).await, 10);
    service.end().await;
}

async fn without_a_way_back_the_front_end_finishes_it(engine: Engine) {
    let service = TestService::on(engine).await;
    let asked = service.one.post("/v1/charges", &charge(800, ASKS)).key("c-1").expect(201).await;
    assert_eq!(asked.body["next_action"]["type"], "use_provider_sdk");
    let secret = asked.body["next_action"]["client_secret"].as_str().unwrap();
    assert!(secret.starts_with(object(&asked)));
    service.provider.authenticate(object(&asked), true).await;
    service.one.payment_becomes(&asked.id(), "captured").await;
    assert_eq!(service.quiet().await.stands(&asked.id()), ("succeeded", 800, 800, 0));
    service.end().await;
}

async fn an_approval_is_found_without_its_webhook(engine: Engine) {
    let service = TestService::watchful(engine).await;
    service.provider.faults(json!({ "webhook_drop": 1.0 })).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let (booking, asked, _) = asked(&service, &catalogue, "b-1", ASKS).await;
    service.provider.authenticate(object(&asked), true).await;
    service.one.booking_becomes(&booking, "confirmed").await;
    assert_eq!(service.quiet().await.stands(&asked.id()), ("succeeded", 4_500, 4_500, 0));
    service.end().await;
}
