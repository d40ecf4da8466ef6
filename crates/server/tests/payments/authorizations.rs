//! Authorisations have an end of their own: it is shown, the tenant is warned, and one that has ended is
//! found also without news of it.

use serde_json::{Value, json};
use testkit::{Engine, TestCatalogue, TestService, eur, payment_of, until, with};

testkit::on_both_engines![
    the_end_of_an_authorization_is_shown,
    the_end_is_looked_up_where_no_reply_showed_it,
    the_tenant_is_warned_once,
    a_captured_payment_is_not_warned_of,
    a_lapse_without_news_is_found,
    an_unreachable_provider_is_asked_again,
];

const DAYS: i64 = 24 * 60 * 60;

async fn hold(service: &TestService, booking: Option<&str>) -> Value {
    let body = match booking {
        Some(booking) => payment_of(booking, "pm_card_visa"),
        None => testkit::charge(2_000, "pm_card_visa"),
    };
    let made = service.one.post("/v1/payments", &with(body, json!({ "capture": "manual" }))).key("hold");
    let payment = made.expect(201).await.id();
    let path = format!("/v1/payments/{payment}");
    service.one.becomes(&path, |seen| seen["confirmed_by_provider"] == true, "there is evidence").await
}

fn lasts_seconds(payment: &Value) -> i64 {
    let at = |member: &str| payment[member].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second();
    at("capture_before") - at("created_at")
}

/// The authorisation ends at this time, in seconds from now, as far as we know; and its check is due.
async fn ends_in(service: &mut TestService, seconds: i64) {
    let at = (testkit::now_ms() + seconds * 1_000) * 1_000;
    service.stop_service().await;
    let update = format!("update payments set capture_before = {at}, authorization_due_at = 1");
    service.database.execute(&update).await;
    service.start_service().await;
}

/// The authorisation is released, and the test ends.
async fn ends_released(service: TestService, payment: &str) {
    let path = format!("/v1/payments/{payment}/cancel");
    service.one.post(&path, &json!({})).key("release").expect(200).await;
    service.end().await;
}

async fn messages(service: &TestService, kind: &str) -> usize {
    let seen = service.one.see("/v1/events").await;
    seen["data"].as_array().unwrap().iter().filter(|event| event["type"] == kind).count()
}

async fn the_end_of_an_authorization_is_shown(engine: Engine) {
    let service = TestService::on(engine).await;
    let held = hold(&service, None).await;
    let path = format!("/v1/payments/{}", held["id"].as_str().unwrap());
    let seen =
        service.one.becomes(&path, |seen| seen["capture_before"] != json!(null), "its end is known").await;
    assert!((7 * DAYS - 60..7 * DAYS + 60).contains(&lasts_seconds(&seen)), "{seen}");
    ends_released(service, held["id"].as_str().unwrap()).await;
}

/// The customer confirms it, and a webhook does not show the end.
async fn the_end_is_looked_up_where_no_reply_showed_it(engine: Engine) {
    let mut service = TestService::on(engine).await;
    let body = json!({ "amount": eur(2_000), "provider": "stripe", "payment_method": "payment_form" });
    let body = with(body, json!({ "capture": "manual" }));
    let pending = service.one.post("/v1/payments", &body).key("form").expect(201).await;
    let object = pending.body["provider_reference"].as_str().unwrap().to_owned();
    service.provider.fill_form(&object, "pm_card_visa").await;
    let held = service.one.payment_becomes(&pending.id(), "authorized").await;
    assert_eq!(held["capture_before"], json!(null));
    service.stop_service().await;
    service.database.execute("update payments set authorization_due_at = 1").await;
    service.start_service().await;
    let path = format!("/v1/payments/{}", pending.id());
    let seen =
        service.one.becomes(&path, |seen| seen["capture_before"] != json!(null), "it was fetched").await;
    assert!(lasts_seconds(&seen) > 6 * DAYS, "{seen}");
    ends_released(service, &pending.id()).await;
}

async fn the_tenant_is_warned_once(engine: Engine) {
    let mut service = TestService::on(engine).await;
    let held = hold(&service, None).await;
    ends_in(&mut service, 2 * DAYS).await;
    service.quiet().await;
    assert_eq!(messages(&service, "payment.authorization_expiring").await, 0, "not yet");
    for _ in 0..2 {
        ends_in(&mut service, DAYS / 2).await;
        until("the tenant is warned", async || {
            (messages(&service, "payment.authorization_expiring").await > 0).then_some(())
        })
        .await;
        service.quiet().await;
    }
    until("it was checked again", async || {
        let due = service.store().due_authorizations(domain::Timestamp(1), 9).await.unwrap();
        due.is_empty().then_some(())
    })
    .await;
    assert_eq!(messages(&service, "payment.authorization_expiring").await, 1);
    ends_released(service, held["id"].as_str().unwrap()).await;
}

async fn a_captured_payment_is_not_warned_of(engine: Engine) {
    let mut service = TestService::watchful(engine).await;
    let held = hold(&service, None).await;
    let payment = held["id"].as_str().unwrap();
    let capture = format!("/v1/payments/{payment}/capture");
    service.one.post(&capture, &json!({})).key("capture").expect(200).await;
    service.quiet().await;
    ends_in(&mut service, 60).await;
    assert!(service.store().due_authorizations(domain::Timestamp(i64::MAX), 9).await.unwrap().is_empty());
    service.quiet().await;
    assert_eq!(messages(&service, "payment.authorization_expiring").await, 0);
    service.end().await;
}

async fn a_lapse_without_news_is_found(engine: Engine) {
    let mut service = TestService::on(engine).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let booking = catalogue.book(&service.one, "b-1", 1).await;
    let held = hold(&service, Some(&booking)).await;
    let (payment, object) = (held["id"].as_str().unwrap(), held["provider_reference"].as_str().unwrap());
    service.one.booking_becomes(&booking, "confirmed").await;
    service.provider.faults(json!({ "webhook_drop": 1.0 })).await;
    service.provider.post(&format!("/sandbox/expire/{object}"), &json!({})).await;
    ends_in(&mut service, -DAYS).await;
    service.one.payment_becomes(payment, "lapsed").await;
    service.provider.faults(json!({})).await;
    service.quiet().await;
    assert_eq!(service.one.booking(&booking).await["state"], "confirmed", "a person decides");
    for kind in ["payment.lapsed", "booking.unsecured"] {
        assert_eq!(messages(&service, kind).await, 1, "{kind}");
    }
    assert_eq!(catalogue.vacancies(&service.one).await, 9);
    service.resolve("authorization_lapsed").await;
    service.end().await;
}

async fn an_unreachable_provider_is_asked_again(engine: Engine) {
    let mut service = TestService::on(engine).await;
    let held = hold(&service, None).await;
    let (payment, object) = (held["id"].as_str().unwrap(), held["provider_reference"].as_str().unwrap());
    service.provider.faults(json!({ "webhook_drop": 1.0, "unavailable": 1.0 })).await;
    service.provider.post(&format!("/sandbox/expire/{object}"), &json!({})).await;
    let before = service.provider.books().await.calls().len();
    ends_in(&mut service, -DAYS).await;
    until("it was called in vain", async || {
        (service.provider.books().await.calls().len() > before).then_some(())
    })
    .await;
    assert_eq!(service.one.payment(payment).await["state"], "authorized");
    service.provider.faults(json!({ "webhook_drop": 1.0 })).await;
    service.one.payment_becomes(payment, "lapsed").await;
    service.provider.faults(json!({})).await;
    service.end().await;
}
