//! 3-D Secure: the customer is asked by the bank, and what they answer counts, not who says so.

use serde_json::{Value, json};

use crate::ask::{Answer, charge, payment_of, with};
use crate::sail::Sail;
use crate::stage::{Engine, Stage};

both![
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
async fn asked(stage: &Stage, sail: &Sail, name: &str, card: &str) -> (String, Answer, Value) {
    let booking = sail.book(&stage.one, name, 1).await;
    let body = with(payment_of(&booking, card), json!({ "return_url": RETURN_URL }));
    let asked = stage.one.post("/v1/payments", &body).key(&format!("pay {name}").replace(' ', "-"));
    let asked = asked.expect(201).await;
    assert_eq!(
        (&asked.body["state"], &asked.body["next_action"]["type"]),
        (&json!("pending"), &json!("redirect"))
    );
    (booking, asked, body)
}

fn object(answer: &Answer) -> &str {
    answer.body["provider_reference"].as_str().unwrap()
}

async fn an_approved_payment_is_captured(engine: Engine) {
    let stage = Stage::on(engine).await;
    let sail = stage.sail(&stage.one, 10).await;
    let (booking, asked, body) = asked(&stage, &sail, "b-1", ASKS).await;
    // What the customer must do is a reply too, and kept.
    let again = stage.one.post("/v1/payments", &body).key("pay-b-1").expect(201).await;
    assert_eq!((again.is_replay(), &again.text), (true, &asked.text));

    // The customer's browser comes back to the shop; that alone confirms nothing.
    stage.provider.faults(json!({ "webhook_delay_ms": [1_500, 1_500] })).await;
    let page = asked.body["next_action"]["url"].as_str().unwrap();
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let form = browser.post(page).header("content-type", "application/x-www-form-urlencoded");
    let back = form.body("approve=true").send().await.unwrap();
    assert_eq!(back.status(), 303);
    let target = back.headers()["location"].to_str().unwrap();
    assert!(target.starts_with(RETURN_URL) && target.contains("redirect_status=succeeded"), "{target}");
    assert_eq!(stage.one.booking(&booking).await["state"], "held");
    assert_eq!(stage.one.payment(&asked.id()).await["state"], "pending");

    stage.one.booking_becomes(&booking, "confirmed").await;
    let paid = stage.one.payment(&asked.id()).await;
    assert_eq!((&paid["state"], &paid["next_action"]), (&json!("captured"), &json!(null)));
    let books = stage.quiet().await;
    assert_eq!(books.stands(&asked.id()), ("succeeded", 4_500, 4_500, 0));
    assert_eq!(books.arrivals("POST", "/confirm"), 1);
    stage.end().await;
}

async fn a_denied_payment_fails(engine: Engine) {
    let stage = Stage::on(engine).await;
    let sail = stage.sail(&stage.one, 10).await;
    let (booking, asked, body) = asked(&stage, &sail, "b-1", ASKS).await;
    stage.provider.authenticate(object(&asked), false).await;
    let failed = stage.one.payment_becomes(&asked.id(), "failed").await;
    assert_eq!(failed["failure"]["code"], "payment_intent_authentication_failure");
    assert_eq!(failed["next_action"], json!(null));
    // The reply under the key was given; what came of it is asked of the payment.
    assert!(stage.one.post("/v1/payments", &body).key("pay-b-1").expect(201).await.is_replay());
    let held = stage.one.booking(&booking).await;
    assert_eq!((&held["state"], &held["open_payment_id"]), (&json!("held"), &json!(null)));
    let books = stage.quiet().await;
    assert_eq!(books.stands(&asked.id()), ("canceled", 0, 0, 0));

    let second = stage.one.post("/v1/payments", &payment_of(&booking, "pm_card_visa")).key("p-2");
    second.expect(201).await;
    stage.one.booking_becomes(&booking, "confirmed").await;
    stage.end().await;
}

async fn an_approval_may_still_be_declined(engine: Engine) {
    let stage = Stage::on(engine).await;
    let sail = stage.sail(&stage.one, 10).await;
    let card = "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds";
    let (booking, asked, _) = asked(&stage, &sail, "b-1", card).await;
    stage.provider.authenticate(object(&asked), true).await;
    let failed = stage.one.payment_becomes(&asked.id(), "failed").await;
    assert_eq!(
        failed["failure"],
        json!({ "code": "insufficient_funds", "another_attempt_may_succeed": true })
    );
    assert_eq!(stage.one.booking(&booking).await["state"], "held");
    assert_eq!(stage.quiet().await.stands(&asked.id()), ("canceled", 0, 0, 0));
    stage.end().await;
}

async fn what_waits_for_the_customer_is_called_off(engine: Engine) {
    let stage = Stage::on(engine).await;
    let sail = stage.sail(&stage.one, 10).await;
    let (booking, asked, _) = asked(&stage, &sail, "b-1", ASKS).await;
    let path = format!("/v1/payments/{}/cancel", asked.id());
    let ended = stage.one.post(&path, &json!({})).key("x-1").expect(200).await;
    assert_eq!((&ended.body["state"], &ended.body["next_action"]), (&json!("cancelled"), &json!(null)));
    let again = stage.one.post(&path, &json!({})).key("x-1").expect(200).await;
    assert_eq!((again.is_replay(), &again.text), (true, &ended.text));
    stage.one.post(&path, &json!({})).key("x-2").refused(409, "payment_is_final").await;
    assert!(!stage.provider.try_authenticate(object(&asked)).await, "the bank has nothing to ask any more");
    assert_eq!(stage.one.booking(&booking).await["open_payment_id"], json!(null));
    assert_eq!(stage.quiet().await.stands(&asked.id()), ("canceled", 0, 0, 0));
    let cancel = format!("/v1/bookings/{booking}/cancel");
    stage.one.post(&cancel, &json!({})).key("x-3").expect(200).await;
    assert_eq!(sail.vacancies(&stage.one).await, 10);
    stage.end().await;
}

async fn without_a_way_back_the_front_end_finishes_it(engine: Engine) {
    let stage = Stage::on(engine).await;
    let asked = stage.one.post("/v1/charges", &charge(800, ASKS)).key("c-1").expect(201).await;
    assert_eq!(asked.body["next_action"]["type"], "use_provider_sdk");
    let secret = asked.body["next_action"]["client_secret"].as_str().unwrap();
    assert!(secret.starts_with(object(&asked)));
    stage.provider.authenticate(object(&asked), true).await;
    stage.one.payment_becomes(&asked.id(), "captured").await;
    assert_eq!(stage.quiet().await.stands(&asked.id()), ("succeeded", 800, 800, 0));
    stage.end().await;
}

async fn an_approval_is_found_without_its_webhook(engine: Engine) {
    let stage = Stage::watchful(engine).await;
    stage.provider.faults(json!({ "webhook_drop": 1.0 })).await;
    let sail = stage.sail(&stage.one, 10).await;
    let (booking, asked, _) = asked(&stage, &sail, "b-1", ASKS).await;
    stage.provider.authenticate(object(&asked), true).await;
    stage.one.booking_becomes(&booking, "confirmed").await;
    assert_eq!(stage.quiet().await.stands(&asked.id()), ("succeeded", 4_500, 4_500, 0));
    stage.end().await;
}
