//! Payments at Mercado Pago: created in one step, found by our reference, and believed only as they
//! are fetched.

use domain::rows::Mode;
use domain::time::Span;
use providers::{Secret, mercado_pago};
use serde_json::{Value, json};
use server::service::{AccountSettings, Settings};
use testkit::{Engine, ONE, TestService, until, with};

testkit::on_both_engines![
    a_card_is_charged_once_and_replayed,
    a_rejection_is_a_decline,
    a_payment_whose_reply_was_lost_is_found_by_our_reference,
    a_call_under_a_locked_key_is_made_again,
    a_hold_is_captured_in_part_and_refunded_in_parts,
    a_refund_whose_reply_was_lost_is_made_once,
    a_pix_code_is_paid_by_the_customer,
    a_pix_code_that_expires_frees_its_booking,
    without_webhooks_the_events_are_read_back,
    a_person_refunds_at_the_provider,
    an_order_needs_what_the_provider_needs,
    a_chargeback_takes_the_money_until_it_is_decided,
    a_chargeback_without_webhooks_is_read_back,
];

const ACCOUNT: &str = "421";
const TOKEN: &str = "TEST-token-one";
const SECRET: &str = "signature-one";

pub async fn service(engine: Engine) -> TestService {
    with_settings(engine, |_| ()).await
}

pub async fn with_settings(engine: Engine, change: impl FnOnce(&mut Settings)) -> TestService {
    let service = TestService::with(engine, |settings| {
        let secrets = vec![Secret::new(SECRET)];
        let mut of_account = mercado_pago::ADAPTER.settings(Secret::new(TOKEN), secrets, Mode::Test);
        of_account.wire.base_url.clone_from(&settings.accounts[0].settings.wire.base_url);
        let account = AccountSettings::new(ONE.id(), &mercado_pago::ADAPTER, ACCOUNT, of_account);
        settings.accounts.push(account);
        change(settings);
    })
    .await;
    let account = json!({
        "id": ACCOUNT,
        "provider": "mercado_pago",
        "secret_key": TOKEN,
        "webhook": {
            "url": format!("{}/webhooks/mercado_pago/{ACCOUNT}", service.one.base_url),
            "secrets": [SECRET],
        },
    });
    service.provider.post("/sandbox/accounts", &account).await;
    service
}

pub fn brl(minor: i64) -> Value {
    json!({ "minor": minor, "currency": "BRL" })
}

pub fn payer() -> Value {
    let tax_id = json!({ "kind": "cpf", "number": "12345678909" });
    json!({ "email": "ana@example.com", "name": "Ana Lima", "tax_id": tax_id })
}

pub fn card(minor: i64, token: &str) -> Value {
    json!({
        "amount": brl(minor), "provider": "mercado_pago", "payment_method": token, "brand": "visa",
        "instalments": 3, "payer": payer(), "reference": "order 17",
    })
}

pub fn pix(minor: i64) -> Value {
    json!({ "amount": brl(minor), "provider": "mercado_pago", "payment_method": "pix", "payer": payer() })
}

/// What is lost is fetched soon.
pub fn soon(settings: &mut Settings) {
    settings.pace.evidence_after = Span::millis(300);
}

/// What a person, or the customer, does at the provider.
pub async fn acts(service: &TestService, object: &str, action: &str, body: Value) {
    service.provider.post(&format!("/sandbox/mercado_pago/payments/{object}/{action}"), &body).await;
}

pub async fn confirmed(service: &TestService, payment: &str) -> Value {
    let path = format!("/v1/payments/{payment}");
    service.one.becomes(&path, |seen| seen["confirmed_by_provider"] == true, "there is evidence").await
}

async fn a_card_is_charged_once_and_replayed(engine: Engine) {
    let service = service(engine).await;
    let body = card(12_345, "approved");
    let made = service.one.post("/v1/charges", &body).key("k").expect(201).await;
    assert_eq!((&made.body["state"], &made.body["captured"]), (&json!("captured"), &brl(12_345)));
    let again = service.one.post("/v1/charges", &body).key("k").expect(201).await;
    assert!(again.is_replay());
    assert_eq!(confirmed(&service, &made.id()).await["state"], "captured");
    let books = service.quiet().await;
    assert_eq!(books.stands(&made.id()), ("approved", 12_345, 12_345, 0));
    assert_eq!(books.arrivals("POST", "/v1/payments"), 1);
    service.end().await;
}

async fn a_rejection_is_a_decline(engine: Engine) {
    let service = service(engine).await;
    let declined = service
        .one
        .post("/v1/charges", &card(5_000, "rejected_insufficient_funds"))
        .key("k")
        .refused(402, "payment_declined")
        .await;
    let payment = declined.body["resource"].as_str().map(str::to_owned);
    if let Some(payment) = payment {
        let seen = service.one.payment(&payment).await;
        assert_eq!(seen["failure"]["code"], "cc_rejected_insufficient_amount", "{seen}");
    }
    service.one.post("/v1/charges", &card(5_000, "approved")).key("k2").expect(201).await;
    service.end().await;
}

async fn a_payment_whose_reply_was_lost_is_found_by_our_reference(engine: Engine) {
    let service = service(engine).await;
    service.provider.faults(json!({ "commit_then_drop": 1, "webhook_drop": 1 })).await;
    let first = service.one.post("/v1/charges", &card(7_000, "approved")).key("k").without_waiting();
    let payment = first.expect(202).await.id();
    until("the payment is made at the provider", async || {
        (service.provider.books().await.arrivals("POST", "/v1/payments") > 0).then_some(())
    })
    .await;
    service.provider.faults(json!({})).await;
    service.one.payment_becomes(&payment, "captured").await;
    confirmed(&service, &payment).await;
    let books = service.quiet().await;
    assert_eq!(books.stands(&payment), ("approved", 7_000, 7_000, 0));
    service.end().await;
}

async fn a_call_under_a_locked_key_is_made_again(engine: Engine) {
    let service = service(engine).await;
    for fault in ["key_locked", "failed_dependency", "unavailable"] {
        service.provider.faults(json!({ fault: 1 })).await;
        let payment =
            service.one.post("/v1/charges", &card(900, "approved")).key(fault).without_waiting().expect(202);
        let payment = payment.await.id();
        until("the provider was called", async || {
            (service.provider.books().await.arrivals("POST", "/v1/payments") > 0).then_some(())
        })
        .await;
        service.provider.faults(json!({})).await;
        service.one.payment_becomes(&payment, "captured").await;
    }
    service.end().await;
}

async fn a_hold_is_captured_in_part_and_refunded_in_parts(engine: Engine) {
    // An event of a refund waits while a refund of ours is under way, and is then looked at again.
    let soon = |settings: &mut Settings| settings.pace.evidence_after = Span::millis(300);
    let service = with_settings(engine, soon).await;
    let hold = with(card(10_000, "approved"), json!({ "capture": "manual" }));
    let held = service.one.post("/v1/payments", &hold).key("k").expect(201).await;
    assert_eq!((&held.body["state"], &held.body["authorized"]), (&json!("authorized"), &brl(10_000)));
    let path = format!("/v1/payments/{}", held.id());
    let captured = service.one.post(&format!("{path}/capture"), &json!({ "amount": brl(6_000) })).key("c");
    assert_eq!(captured.expect(200).await.body["captured"], brl(6_000));
    for (key, minor) in [("r1", 1_000), ("r2", 2_500)] {
        let refund = json!({ "amount": brl(minor) });
        let refund = service.one.post(&format!("{path}/refunds"), &refund).key(key).expect(201).await;
        service.one.refund_becomes(&refund.id(), "succeeded").await;
    }
    let too_much = json!({ "amount": brl(2_501) });
    service
        .one
        .post(&format!("{path}/refunds"), &too_much)
        .key("r3")
        .refused(422, "refund_exceeds_capture")
        .await;
    let books = service.quiet().await;
    assert_eq!(books.stands(&held.id()), ("approved", 10_000, 6_000, 3_500));
    service.end().await;
}

async fn a_refund_whose_reply_was_lost_is_made_once(engine: Engine) {
    let service = service(engine).await;
    let made = service.one.post("/v1/charges", &card(4_000, "approved")).key("k").expect(201).await;
    confirmed(&service, &made.id()).await;
    service.provider.faults(json!({ "commit_then_drop": 1 })).await;
    let refund = json!({ "amount": brl(1_500) });
    let path = format!("/v1/payments/{}/refunds", made.id());
    let refund = service.one.post(&path, &refund).key("r").without_waiting().expect(202).await.id();
    until("the refund is made at the provider", async || {
        (service.provider.books().await.arrivals("POST", "/refunds") > 0).then_some(())
    })
    .await;
    service.provider.faults(json!({})).await;
    service.one.refund_becomes(&refund, "succeeded").await;
    let books = service.quiet().await;
    assert_eq!(books.stands(&made.id()), ("approved", 4_000, 4_000, 1_500));
    assert_eq!(service.one.payment(&made.id()).await["refunded"], brl(1_500));
    service.end().await;
}

async fn a_pix_code_is_paid_by_the_customer(engine: Engine) {
    let service = service(engine).await;
    let waiting = service.one.post("/v1/payments", &pix(8_800)).key("k").expect(201).await;
    assert_eq!(waiting.body["next_action"]["type"], "pix", "{}", waiting.text);
    assert!(!waiting.body["next_action"]["code"].as_str().unwrap().is_empty());
    acts(&service, waiting.body["provider_reference"].as_str().unwrap(), "pay", json!({})).await;
    service.one.payment_becomes(&waiting.id(), "captured").await;
    confirmed(&service, &waiting.id()).await;
    let books = service.quiet().await;
    assert_eq!(books.stands(&waiting.id()), ("approved", 8_800, 8_800, 0));
    service.end().await;
}

async fn a_pix_code_that_expires_frees_its_booking(engine: Engine) {
    let service = service(engine).await;
    let waiting = service.one.post("/v1/payments", &pix(8_800)).key("k").expect(201).await;
    acts(&service, waiting.body["provider_reference"].as_str().unwrap(), "expire", json!({})).await;
    let seen = service.one.payment_becomes(&waiting.id(), "cancelled").await;
    assert_eq!(seen["captured"], brl(0));
    service.end().await;
}

async fn without_webhooks_the_events_are_read_back(engine: Engine) {
    let service = with_settings(engine, |settings| settings.events_every = Span::millis(200)).await;
    service.provider.faults(json!({ "webhook_drop": 1 })).await;
    let waiting = service.one.post("/v1/payments", &pix(3_300)).key("k").expect(201).await;
    acts(&service, waiting.body["provider_reference"].as_str().unwrap(), "pay", json!({})).await;
    service.one.payment_becomes(&waiting.id(), "captured").await;
    service.end().await;
}

async fn a_person_refunds_at_the_provider(engine: Engine) {
    let service = service(engine).await;
    let made = service.one.post("/v1/charges", &card(4_000, "approved")).key("k").expect(201).await;
    confirmed(&service, &made.id()).await;
    let object = made.body["provider_reference"].as_str().unwrap();
    acts(&service, object, "refund", json!({ "amount": 12.50 })).await;
    let path = format!("/v1/payments/{}", made.id());
    service.one.becomes(&path, |seen| seen["refunded"] == brl(1_250), "it is followed").await;
    service.end().await;
}

async fn an_order_needs_what_the_provider_needs(engine: Engine) {
    let service = service(engine).await;
    let check = async |over: Value, pointers: &[&str]| {
        let refused = service.one.post("/v1/payments", &with(card(500, "approved"), over)).key("k");
        let refused = refused.refused(422, "not_offered_by_provider").await;
        let found: Vec<&str> = refused.body["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["pointer"].as_str().unwrap())
            .collect();
        assert_eq!(found, pointers);
    };
    check(json!({ "brand": null }), &["/brand"]).await;
    check(json!({ "payer": null }), &["/payer"]).await;
    check(json!({ "brand": null, "payer": null }), &["/brand", "/payer"]).await;
    check(json!({ "provider": "stripe" }), &["/instalments"]).await;
    let saves = json!({ "setup_future_usage": "off_session", "customer": "member-1" });
    check(saves, &["/setup_future_usage"]).await;
    check(json!({ "off_session": true, "customer": "member-1" }), &["/off_session"]).await;
    let form = json!({ "payment_method": "payment_form", "brand": null, "instalments": null });
    check(form, &["/payment_method"]).await;
    let euros = json!({ "amount": { "minor": 500, "currency": "EUR" } });
    let euros = with(card(500, "approved"), euros);
    service.one.post("/v1/payments", &euros).key("k").refused(422, "currency_is_not_taken").await;
    service.end().await;
}

/// The chargeback of a payment as a dispute, once the API shows it.
async fn charged_back(service: &TestService, payment: &str, object: &str) -> Value {
    acts(service, object, "charge_back", json!({})).await;
    until("the chargeback is shown", async || {
        let found = service.one.see(&format!("/v1/disputes?payment_id={payment}")).await["data"].clone();
        found.as_array().unwrap().first().cloned()
    })
    .await
}

pub async fn charged_back_and_decided(service: TestService) {
    for (number, (action, state, kept)) in
        [("reimburse", "won", 0), ("settle", "lost", 6_000)].into_iter().enumerate()
    {
        let made = service.one.post("/v1/charges", &card(6_000, "approved")).key(&format!("k-{number}"));
        let made = made.expect(201).await;
        confirmed(&service, &made.id()).await;
        let object = made.body["provider_reference"].as_str().unwrap();
        let dispute = charged_back(&service, &made.id(), object).await;
        assert_eq!((&dispute["state"], &dispute["amount"]), (&json!("opened"), &brl(6_000)), "{dispute}");
        assert!(dispute["evidence_due_at"].is_string());
        let path = format!("/v1/payments/{}", made.id());
        let taken = service.one.payment(&made.id()).await;
        assert_eq!((&taken["state"], &taken["disputed"]), (&json!("captured"), &brl(6_000)));
        let refund = service.one.post(&format!("{path}/refunds"), &json!({})).key(&format!("r-{number}"));
        refund.refused(409, "payment_is_disputed").await;
        let of_dispute = format!("/v1/disputes/{}", dispute["id"].as_str().unwrap());
        let evidence = service.one.post(&format!("{of_dispute}/evidence"), &json!({}));
        evidence.key(&format!("e-{number}")).refused(409, "evidence_not_offered").await;
        acts(&service, object, action, json!({})).await;
        service.one.becomes(&of_dispute, |seen| seen["state"] == state, state).await;
        let so = |seen: &Value| seen["disputed"] == brl(kept) && seen["open_disputes"] == 0;
        service.one.becomes(&path, so, "the money is where the bank decided").await;
    }
    service.provider.faults(json!({})).await;
    service.end_reviewed(&["payment_disputed"]).await;
}

async fn a_chargeback_takes_the_money_until_it_is_decided(engine: Engine) {
    charged_back_and_decided(service(engine).await).await;
}

async fn a_chargeback_without_webhooks_is_read_back(engine: Engine) {
    let service = with_settings(engine, |settings| settings.events_every = Span::millis(300)).await;
    service.provider.faults(json!({ "webhook_drop": 1, "search_lag_ms": 300 })).await;
    charged_back_and_decided(service).await;
}
