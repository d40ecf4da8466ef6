//! An event is accepted by its signature, for the account that received it, and changes only what
//! belongs to that account.

use hmac::{Hmac, KeyInit as _, Mac as _};
use providers::Secret;
use serde_json::{Value, json};
use sha2::Sha256;
use testkit::{
    Engine, ONE, TWO, TestCatalogue, TestReply, TestService, TestTenant, charge, eur, now_ms, payment_of,
    until,
};

testkit::on_both_engines![
    an_unsigned_event_is_refused,
    what_is_not_ours_is_let_pass,
    an_event_changes_nothing_of_another_tenant,
    either_secret_will_do_while_one_is_rolled,
    an_event_has_its_effect_once,
    an_event_that_contradicts_needs_a_person,
    an_event_that_cannot_be_read_needs_a_person,
    a_nul_in_an_event_is_no_fault_of_the_database,
];

fn now_s() -> i64 {
    now_ms() / 1_000
}

fn signed(secret: &str, at: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{at}.").as_bytes());
    mac.update(body);
    format!("t={at},v1={}", hex::encode(mac.finalize().into_bytes()))
}

pub(super) fn event(id: &str, kind: &str, object: Value) -> Value {
    json!({
        "id": id, "object": "event", "type": kind, "livemode": false, "created": now_s(),
        "api_version": "2026-10-28.endive", "data": { "object": object }, "pending_webhooks": 1,
        "request": { "id": null, "idempotency_key": null },
    })
}

/// Stripe's object of a payment whose money it took.
pub(super) fn succeeded(payment: &Value, minor: i64) -> Value {
    json!({
        "id": payment["provider_reference"], "object": "payment_intent", "status": "succeeded",
        "amount": payment["amount"]["minor"], "amount_received": minor, "amount_capturable": 0,
        "currency": "eur", "metadata": { "operation": payment["id"] },
    })
}

async fn deliver(service: &TestService, path: &str, signature: Option<&str>, body: Vec<u8>) -> TestReply {
    let request = service.nobody().post(path, &json!({})).raw(body);
    let request =
        if let Some(signature) = signature { request.header("stripe-signature", signature) } else { request };
    request.send().await
}

/// Delivers an event for an account, correctly signed, and waits until it was processed.
pub(super) async fn deliver_signed(service: &TestService, tenant: TestTenant, event: &Value) {
    let body = event.to_string().into_bytes();
    let signature = signed(&tenant.webhook_secret(), now_s(), &body);
    let answer = deliver(service, &tenant.webhook_path(), Some(&signature), body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    until("the event was processed", async || {
        (service.store().backlog().await.unwrap().events_received == 0).then_some(())
    })
    .await;
}

/// A payment that waits for its customer: an accepted event would move it.
async fn pending(service: &TestService) -> Value {
    let body = charge(1_000, "pm_card_authenticationRequired");
    let id = service.one.post("/v1/charges", &body).key("c-1").expect(201).await.id();
    service.one.payment(&id).await
}

/// The payment still waits, and is then called off.
async fn unmoved(service: TestService, payment: &Value) {
    let id = payment["id"].as_str().unwrap();
    assert_eq!(service.one.payment(id).await, *payment);
    service.one.post(&format!("/v1/payments/{id}/cancel"), &json!({})).key("x-1").expect(200).await;
    let books = service.quiet().await;
    assert_eq!(books.stands(id), ("canceled", 0, 0, 0));
    service.end().await;
}

async fn an_unsigned_event_is_refused(engine: Engine) {
    let service = TestService::on(engine).await;
    let payment = pending(&service).await;
    let forged = event("evt_forged", "payment_intent.succeeded", succeeded(&payment, 1_000));
    let body = forged.to_string().into_bytes();
    let (own, now) = (ONE.webhook_secret(), now_s());
    let (to_one, to_two) = (ONE.webhook_path(), TWO.webhook_path());
    let good = signed(&own, now, &body);
    let (missing, invalid) = ("webhook_signature_missing", "webhook_signature_invalid");
    for (path, signature, expected) in [
        (&to_one, None, (400, missing)),
        (&to_one, Some(String::new()), (400, invalid)),
        (&to_one, Some("t=1,v1=00".to_owned()), (400, invalid)),
        (&to_one, Some(format!("t={now},v1={}", "0".repeat(64))), (400, invalid)),
        (&to_one, Some(good.replace("v1=", "v0=")), (400, invalid)),
        (&to_one, Some(signed("whsec_wrong", now, &body)), (400, invalid)),
        (&to_one, Some(signed("", now, &body)), (400, invalid)),
        (&to_one, Some(signed(&TWO.webhook_secret(), now, &body)), (400, invalid)),
        (&to_one, Some(signed(&own, now, &body[1..])), (400, invalid)),
        (&to_one, Some(signed(&own, now - 400, &body)), (400, "webhook_signature_too_old")),
        (&to_one, Some(signed(&own, now + 400, &body)), (400, "webhook_signature_too_old")),
        (&to_two, Some(good.clone()), (400, invalid)),
        (&"/webhooks/stripe/acct_nobody".to_owned(), Some(good.clone()), (404, "not_found")),
        (&"/webhooks/paypal/acct_one".to_owned(), Some(good.clone()), (404, "not_found")),
    ] {
        let answer = deliver(&service, path, signature.as_deref(), body.clone()).await;
        assert_eq!((answer.status, answer.code()), expected, "{path} {signature:?}");
    }
    let mut live = forged.clone();
    live["livemode"] = json!(true);
    for (body, expected) in [
        (live.to_string().into_bytes(), (400, "webhook_mode_does_not_match")),
        (b"{".to_vec(), (400, "malformed_json")),
        (b"".to_vec(), (400, "malformed_json")),
        (b"{\"object\":\"event\"}".to_vec(), (400, "malformed_json")),
        (vec![0xff, 0xfe], (400, "malformed_json")),
        ("[".repeat(100_000).into_bytes(), (400, "malformed_json")),
        (vec![b' '; 300_000], (413, "body_is_too_large")),
    ] {
        let signature = signed(&own, now_s(), &body);
        let answer = deliver(&service, &to_one, Some(&signature), body).await;
        assert_eq!((answer.status, answer.code()), expected, "{}", answer.text);
    }
    unmoved(service, &payment).await;
}

async fn what_is_not_ours_is_let_pass(engine: Engine) {
    let service = TestService::on(engine).await;
    let payment = pending(&service).await;
    let object = succeeded(&payment, 1_000);
    let mut nobodys = object.clone();
    nobodys["id"] = json!("pi_nobodys");
    nobodys["metadata"] = json!({});
    let mut strange = nobodys.clone();
    strange["metadata"]["operation"] = json!("01890000-0000-7000-8000-000000000000");
    let mut connected = event("evt_4", "payment_intent.succeeded", object.clone());
    connected["account"] = json!("acct_connected");
    let refund = json!({
        "id": "re_1", "object": "refund", "status": "succeeded", "amount": 1_000, "currency": "eur",
        "payment_intent": "pi_nobodys", "metadata": {},
    });
    let dispute = json!({
        "id": "dp_1", "object": "dispute", "status": "needs_response", "amount": 1_000, "currency": "eur",
        "payment_intent": "pi_nobodys",
    });
    for event in [
        event("evt_1", "invoice.paid", json!({ "id": "in_1", "object": "invoice" })),
        event("evt_2", "payment_intent.succeeded", nobodys),
        event("evt_3", "payment_intent.succeeded", strange),
        connected,
        event("evt_5", "refund.updated", refund),
        event("evt_6", "charge.succeeded", json!({ "id": "ch_1", "object": "charge" })),
        event("evt_7", "charge.dispute.created", dispute),
    ] {
        deliver_signed(&service, ONE, &event).await;
    }
    unmoved(service, &payment).await;
}

async fn an_event_changes_nothing_of_another_tenant(engine: Engine) {
    let service = TestService::on(engine).await;
    let payment = pending(&service).await;
    let paid = service.one.post("/v1/charges", &charge(700, "pm_card_visa")).key("c-2").expect(201).await;
    let refunds = format!("/v1/payments/{}/refunds", paid.id());
    let refund = service.one.post(&refunds, &json!({ "amount": eur(300) })).key("r-1").expect(201).await;
    let reversed = json!({
        "id": refund.body["provider_reference"], "object": "refund", "status": "failed", "amount": 300,
        "currency": "eur", "payment_intent": paid.body["provider_reference"],
        "metadata": { "refund": refund.id(), "operation": paid.id() },
    });
    // The second tenant has the secret of its own account, and names an object of the first one.
    deliver_signed(&service, TWO, &event("evt_1", "payment_intent.succeeded", succeeded(&payment, 1_000)))
        .await;
    deliver_signed(&service, TWO, &event("evt_2", "refund.failed", reversed)).await;
    let mut canceled = succeeded(&payment, 0);
    canceled["status"] = json!("canceled");
    deliver_signed(&service, TWO, &event("evt_3", "payment_intent.canceled", canceled)).await;
    assert_eq!(service.one.see(&format!("/v1/refunds/{}", refund.id())).await["state"], "succeeded");
    unmoved(service, &payment).await;
}

async fn either_secret_will_do_while_one_is_rolled(engine: Engine) {
    let service = TestService::with(engine, |settings| {
        settings.accounts[0].settings.webhook_secrets.insert(0, Secret::new("whsec_new"));
    })
    .await;
    for (key, secrets) in [
        ("c-1", &["whsec_one"][..]),
        ("c-2", &["whsec_new"]),
        ("c-3", &["whsec_one", "whsec_new"]),
        ("c-4", &["whsec_elsewhere", "whsec_one"]),
    ] {
        service.open_account(ONE, secrets).await;
        let made = service.one.post("/v1/charges", &charge(500, "pm_card_visa")).key(key).expect(201).await;
        let path = format!("/v1/payments/{}", made.id());
        service.one.becomes(&path, |seen| seen["confirmed_by_provider"] == true, "the webhook came").await;
    }
    service.end().await;
}

async fn an_event_has_its_effect_once(engine: Engine) {
    let service = TestService::on(engine).await;
    service.provider.faults(json!({ "webhook_drop": 1.0 })).await;
    let catalogue = TestCatalogue::create(&service.one, 10).await;
    let booking = catalogue.book(&service.one, "b-1", 1).await;
    let body = payment_of(&booking, "pm_card_visa");
    let paid = service.one.post("/v1/payments", &body).key("p-1").expect(201).await;
    assert_eq!(service.one.booking(&booking).await["paid"], eur(0));
    // The content is true. The same event comes again, and another event with the same content.
    for id in ["evt_1", "evt_1", "evt_2"] {
        deliver_signed(&service, ONE, &event(id, "payment_intent.succeeded", succeeded(&paid.body, 4_500)))
            .await;
        assert_eq!(service.one.payment(&paid.id()).await["confirmed_by_provider"], true);
        let seen = service.one.booking(&booking).await;
        assert_eq!((&seen["state"], &seen["paid"]), (&json!("confirmed"), &eur(4_500)));
    }
    let books = service.quiet().await;
    assert_eq!(books.stands(&paid.id()), ("succeeded", 4_500, 4_500, 0));
    assert_eq!(service.one.see("/v1/ledger/transfers").await["data"].as_array().unwrap().len(), 1);
    service.end().await;
}

async fn an_event_that_contradicts_needs_a_person(engine: Engine) {
    let service = TestService::on(engine).await;
    let paid = service.one.post("/v1/charges", &charge(700, "pm_card_visa")).key("c-1").expect(201).await;
    service.quiet().await;
    let before = service.one.payment(&paid.id()).await;
    deliver_signed(&service, ONE, &event("evt_1", "payment_intent.succeeded", succeeded(&paid.body, 650)))
        .await;
    assert_eq!(service.one.payment(&paid.id()).await["captured"], before["captured"]);
    assert_eq!(service.quiet().await.stands(&paid.id()), ("succeeded", 700, 700, 0));
    service.end_reviewed(&["provider_contradicts"]).await;
}

async fn an_event_that_cannot_be_read_needs_a_person(engine: Engine) {
    let service = TestService::on(engine).await;
    deliver_signed(
        &service,
        ONE,
        &event("evt_1", "payment_intent.succeeded", json!({ "object": "payment_intent" })),
    )
    .await;
    assert!(service.quiet().await.calls().is_empty());
    service.end_reviewed(&["event_cannot_be_processed"]).await;
}

/// PostgreSQL stores no NUL in a text. Whatever Stripe sends is stored and read alike on both
/// engines.
async fn a_nul_in_an_event_is_no_fault_of_the_database(engine: Engine) {
    let service = TestService::on(engine).await;
    service.provider.faults(json!({ "webhook_drop": 1.0 })).await;
    let paid = service.one.post("/v1/charges", &charge(700, "pm_card_visa")).key("c-1").expect(201).await;
    let mut refund = json!({
        "id": "re_\0odd", "object": "refund", "status": "succeeded", "amount": 100, "currency": "eur",
        "payment_intent": paid.body["provider_reference"], "metadata": {}, "reason": "a\0b",
    });
    let succeeded = succeeded(&paid.body, 700);
    deliver_signed(&service, ONE, &event("evt_\0one", "payment_intent.succeeded", succeeded.clone())).await;
    assert_eq!(service.one.payment(&paid.id()).await["confirmed_by_provider"], true);
    deliver_signed(&service, ONE, &event("evt_2", "odd.\0kind", json!({ "object": "odd" }))).await;
    deliver_signed(&service, ONE, &event("evt_3\0", "refund.created", refund.clone())).await;
    refund["id"] = json!("re_2");
    refund["object"] = json!("\0");
    deliver_signed(&service, ONE, &event("evt_4", "refund.created", refund)).await;
    let seen = service.one.see(&format!("/v1/payments/{}/refunds", paid.id())).await;
    let references: Vec<_> =
        seen["data"].as_array().unwrap().iter().map(|one| &one["provider_reference"]).collect();
    assert_eq!(references, [&json!("re_\u{FFFD}odd")]);
}
