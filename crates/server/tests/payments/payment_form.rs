//! The provider's own form: the customer's browser confirms the payment, and we never do. The payment
//! moves on evidence alone, and a form that nobody fills ends at the provider.

use serde_json::{Value, json};
use testkit::{Engine, TestCatalogue, TestReply, TestService, eur, until, with};

testkit::on_both_engines![
    the_customer_confirms_in_the_form,
    a_decline_in_the_form_is_not_the_end,
    an_authentication_in_the_form_is_finished_there,
    a_voucher_from_the_form_is_shown_and_paid,
    a_voucher_that_expires_gives_the_form_back,
    a_form_can_authorize_and_be_captured_later,
    a_filled_form_is_found_without_its_webhook,
    an_abandoned_form_ends_before_its_seats_go,
    an_abandoned_form_ends_when_its_time_is_over,
    a_declined_form_that_is_abandoned_has_failed,
    a_form_is_called_off_by_the_client,
    a_form_that_was_filled_too_late_pays_back,
    the_client_secret_is_shown_to_its_owner_alone,
];

const VISA: &str = "pm_card_visa";

fn form_of(booking: &str) -> Value {
    json!({ "booking_id": booking, "provider": "stripe", "payment_method": "payment_form" })
}

fn form(minor: i64) -> Value {
    json!({ "amount": eur(minor), "provider": "stripe", "payment_method": "payment_form" })
}

async fn start(service: &TestService, body: &Value) -> (TestReply, String) {
    let pending = service.one.post("/v1/payments", body).key("form").expect(201).await;
    assert_eq!(pending.body["state"], "pending", "{}", pending.text);
    assert_eq!(pending.body["next_action"]["type"], "use_provider_sdk", "{}", pending.text);
    let object = pending.body["provider_reference"].as_str().unwrap().to_owned();
    let secret = pending.body["next_action"]["client_secret"].as_str().unwrap();
    assert!(secret.starts_with(&format!("{object}_secret_")), "{secret}");
    (pending, object)
}

/// The form was confirmed by the customer alone.
async fn ends_unconfirmed_by_us(service: TestService) {
    let confirms = service.provider.books().await.arrivals("POST", "/confirm");
    assert_eq!(confirms, 0, "we never confirm");
    service.end().await;
}

async fn the_customer_confirms_in_the_form(engine: Engine) {
    let service = TestService::on(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let booking = catalogue.book(&service.one, "b-1", 1).await;
    let (pending, object) = start(&service, &form_of(&booking)).await;
    let again = service.one.post("/v1/payments", &form_of(&booking)).key("form").expect(201).await;
    assert_eq!((again.is_replay(), &again.text), (true, &pending.text));
    assert_eq!(service.one.booking(&booking).await["state"], "held");
    let shown = service.provider.fill_form(&object, VISA).await;
    assert_eq!(shown["status"], "succeeded");
    let paid = service.one.payment_becomes(&pending.id(), "captured").await;
    assert_eq!((&paid["next_action"], &paid["failure"]), (&json!(null), &json!(null)));
    assert_eq!(service.one.booking_becomes(&booking, "confirmed").await["paid"], eur(4_500));
    assert_eq!(service.quiet().await.stands(&pending.id()), ("succeeded", 4_500, 4_500, 0));
    ends_unconfirmed_by_us(service).await;
}

async fn a_decline_in_the_form_is_not_the_end(engine: Engine) {
    let service = TestService::on(engine).await;
    let (pending, object) = start(&service, &form(900)).await;
    service.provider.fill_form(&object, "pm_card_chargeDeclinedInsufficientFunds").await;
    let path = format!("/v1/payments/{}", pending.id());
    let declined = |seen: &Value| seen["failure"]["code"] == "insufficient_funds";
    let seen = service.one.becomes(&path, declined, "the decline is shown").await;
    assert_eq!((&seen["state"], &seen["next_action"]), (&json!("pending"), &pending.body["next_action"]));
    service.provider.fill_form(&object, VISA).await;
    let paid = service.one.payment_becomes(&pending.id(), "captured").await;
    assert_eq!(paid["failure"], json!(null));
    let books = service.quiet().await;
    assert_eq!(books.stands(&pending.id()), ("succeeded", 900, 900, 0));
    assert_eq!(books.arrivals("POST", "/cancel"), 0);
    ends_unconfirmed_by_us(service).await;
}

async fn an_authentication_in_the_form_is_finished_there(engine: Engine) {
    let service = TestService::on(engine).await;
    let (pending, object) = start(&service, &form(900)).await;
    service.provider.fill_form(&object, "pm_card_authenticationRequired").await;
    service.provider.authenticate(&object, false).await;
    let path = format!("/v1/payments/{}", pending.id());
    let failed = |seen: &Value| seen["failure"]["code"] == "payment_intent_authentication_failure";
    service.one.becomes(&path, failed, "the failure is shown").await;
    service.provider.fill_form(&object, "pm_card_authenticationRequired").await;
    service.provider.authenticate(&object, true).await;
    service.one.payment_becomes(&pending.id(), "captured").await;
    assert_eq!(service.quiet().await.stands(&pending.id()), ("succeeded", 900, 900, 0));
    ends_unconfirmed_by_us(service).await;
}

fn boleto_form() -> Value {
    let amount = json!({ "minor": 900, "currency": "BRL" });
    json!({ "amount": amount, "provider": "stripe", "payment_method": "payment_form" })
}

async fn voucher_of(service: &TestService, payment: &str, object: &str) -> Value {
    service.provider.fill_form(object, "boleto").await;
    let shown = |seen: &Value| seen["next_action"]["type"] == "voucher";
    let path = format!("/v1/payments/{payment}");
    service.one.becomes(&path, shown, "the voucher is shown").await["next_action"].clone()
}

async fn a_voucher_from_the_form_is_shown_and_paid(engine: Engine) {
    let service = TestService::on(engine).await;
    let (pending, object) = start(&service, &boleto_form()).await;
    let voucher = voucher_of(&service, &pending.id(), &object).await;
    assert!(voucher["url"].as_str().unwrap().starts_with("http"), "{voucher}");
    assert!(voucher["number"].as_str().unwrap().starts_with("23790"), "{voucher}");
    assert_eq!(voucher["client_secret"], pending.body["next_action"]["client_secret"]);
    let end = |text: &Value| text.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let within = end(&voucher["expires_at"]).duration_since(jiff::Timestamp::now());
    assert!(within.as_hours() < 48, "no longer than the payment itself: {within:?}");
    service.provider.pay_code(&object).await;
    let paid = service.one.payment_becomes(&pending.id(), "captured").await;
    assert_eq!(paid["next_action"], json!(null));
    assert_eq!(service.quiet().await.stands(&pending.id()), ("succeeded", 900, 900, 0));
    ends_unconfirmed_by_us(service).await;
}

async fn a_voucher_that_expires_gives_the_form_back(engine: Engine) {
    let service = TestService::on(engine).await;
    let (pending, object) = start(&service, &boleto_form()).await;
    voucher_of(&service, &pending.id(), &object).await;
    service.provider.post(&format!("/sandbox/expire/{object}"), &json!({})).await;
    let path = format!("/v1/payments/{}", pending.id());
    let expired = |seen: &Value| seen["failure"]["code"] == "payment_intent_payment_attempt_expired";
    let seen = service.one.becomes(&path, expired, "the voucher has expired").await;
    assert_eq!((&seen["state"], &seen["next_action"]), (&json!("pending"), &pending.body["next_action"]));
    service.provider.fill_form(&object, VISA).await;
    service.one.payment_becomes(&pending.id(), "captured").await;
    assert_eq!(service.quiet().await.stands(&pending.id()), ("succeeded", 900, 900, 0));
    ends_unconfirmed_by_us(service).await;
}

async fn a_form_can_authorize_and_be_captured_later(engine: Engine) {
    let service = TestService::watchful(engine).await;
    let body = with(form(2_000), json!({ "capture": "manual" }));
    let (pending, object) = start(&service, &body).await;
    service.provider.fill_form(&object, VISA).await;
    let held = service.one.payment_becomes(&pending.id(), "authorized").await;
    assert_eq!(held["authorized"], eur(2_000));
    let path = format!("/v1/payments/{}/capture", pending.id());
    service.one.post(&path, &json!({ "amount": eur(1_500) })).key("capture").expect(200).await;
    assert_eq!(service.quiet().await.stands(&pending.id()), ("succeeded", 2_000, 1_500, 0));
    ends_unconfirmed_by_us(service).await;
}

async fn a_filled_form_is_found_without_its_webhook(engine: Engine) {
    let service = TestService::watchful(engine).await;
    service.provider.faults(json!({ "webhook_drop": 1.0 })).await;
    let (pending, object) = start(&service, &form(900)).await;
    service.provider.fill_form(&object, VISA).await;
    let paid = service.one.payment_becomes(&pending.id(), "captured").await;
    assert_eq!(paid["confirmed_by_provider"], true);
    service.provider.faults(json!({})).await;
    assert_eq!(service.quiet().await.stands(&pending.id()), ("succeeded", 900, 900, 0));
    ends_unconfirmed_by_us(service).await;
}

async fn an_abandoned_form_ends_before_its_seats_go(engine: Engine) {
    let service = TestService::on(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let booking = catalogue.book_for(&service.one, "b-1", 2).await;
    let (pending, object) = start(&service, &form_of(&booking)).await;
    until("the booking has expired", async || {
        // Read in this order: if the seats are released, the object must have ended already.
        let expired = service.one.booking(&booking).await["state"] == "expired";
        let ended = service.provider.books().await.stands(&pending.id()) == ("canceled", 0, 0, 0);
        assert!(ended || !expired, "the seats went first");
        (expired && ended).then_some(())
    })
    .await;
    assert_eq!(service.one.payment_becomes(&pending.id(), "cancelled").await["next_action"], json!(null));
    assert!(!service.provider.try_form(&object, VISA).await, "the form pays nothing any more");
    assert_eq!(catalogue.vacancies(&service.one).await, 10);
    ends_unconfirmed_by_us(service).await;
}

/// Moves the end of the customer's time into the past.
async fn let_time_pass(service: &mut TestService) {
    service.stop_service().await;
    service.database.execute("update payments set pay_until = 1").await;
    service.database.execute("update jobs set due_at = 1 where state = 'ready'").await;
    service.start_service().await;
}

async fn an_abandoned_form_ends_when_its_time_is_over(engine: Engine) {
    let mut service = TestService::on(engine).await;
    let (pending, object) = start(&service, &form(900)).await;
    let_time_pass(&mut service).await;
    service.one.payment_becomes(&pending.id(), "cancelled").await;
    assert!(!service.provider.try_form(&object, VISA).await);
    assert_eq!(service.quiet().await.stands(&pending.id()), ("canceled", 0, 0, 0));
    ends_unconfirmed_by_us(service).await;
}

async fn a_declined_form_that_is_abandoned_has_failed(engine: Engine) {
    let mut service = TestService::on(engine).await;
    let (pending, object) = start(&service, &form(900)).await;
    service.provider.fill_form(&object, "pm_card_chargeDeclinedExpiredCard").await;
    let path = format!("/v1/payments/{}", pending.id());
    service.one.becomes(&path, |seen| seen["failure"] != json!(null), "the decline is shown").await;
    let_time_pass(&mut service).await;
    let failed = service.one.payment_becomes(&pending.id(), "failed").await;
    assert_eq!(failed["failure"]["code"], "expired_card");
    assert_eq!(service.quiet().await.stands(&pending.id()), ("canceled", 0, 0, 0));
    ends_unconfirmed_by_us(service).await;
}

async fn a_form_is_called_off_by_the_client(engine: Engine) {
    let service = TestService::on(engine).await;
    let (pending, object) = start(&service, &form(900)).await;
    let path = format!("/v1/payments/{}/cancel", pending.id());
    let ended = service.one.post(&path, &json!({})).key("cancel").expect(200).await;
    assert_eq!(ended.body["state"], "cancelled");
    assert!(!service.provider.try_form(&object, VISA).await);
    assert_eq!(service.quiet().await.stands(&pending.id()), ("canceled", 0, 0, 0));
    ends_unconfirmed_by_us(service).await;
}

/// The provider is unreachable when the hold lapses, and the customer fills the form meanwhile. The seat is
/// sold to another, so the money goes back.
async fn a_form_that_was_filled_too_late_pays_back(engine: Engine) {
    let mut service = TestService::watchful(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 1).await;
    let booking = catalogue.book(&service.one, "b-1", 1).await;
    let (pending, object) = start(&service, &form_of(&booking)).await;
    service.stop_service().await;
    service.age_holds(26 * 60).await;
    service.provider.faults(json!({ "drop_before": 1.0, "webhook_drop": 1.0 })).await;
    service.provider.fill_form(&object, VISA).await;
    service.start_service().await;
    service.one.booking_becomes(&booking, "expired").await;
    let next = catalogue.book(&service.one, "b-2", 1).await;
    service.provider.faults(json!({})).await;
    let back = |seen: &Value| seen["payment_status"] == "refunded";
    service.one.becomes(&format!("/v1/bookings/{booking}"), back, "the money goes back").await;
    assert_eq!(service.one.booking(&next).await["state"], "held");
    assert_eq!(service.quiet().await.stands(&pending.id()), ("succeeded", 4_500, 4_500, 4_500));
    ends_unconfirmed_by_us(service).await;
}

async fn the_client_secret_is_shown_to_its_owner_alone(engine: Engine) {
    let service = TestService::on(engine).await;
    let (pending, object) = start(&service, &form(900)).await;
    let secret = pending.body["next_action"]["client_secret"].as_str().unwrap();
    let path = format!("/v1/payments/{}", pending.id());
    assert!(service.one.see(&path).await.to_string().contains(secret));
    service.two.get(&path).refused(404, "payment_not_found").await;
    service.provider.fill_form(&object, VISA).await;
    service.one.payment_becomes(&pending.id(), "captured").await;
    service.quiet().await;
    for path in ["/v1/events".to_owned(), format!("{path}/history"), path] {
        let shown = service.one.see(&path).await.to_string();
        assert!(!shown.contains("_secret_"), "{path}: {shown}");
    }
    ends_unconfirmed_by_us(service).await;
}
