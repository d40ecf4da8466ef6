//! Payments at Mercado Pago by its orders: the same promises as by its payments, and what differs.

use domain::time::Span;
use serde_json::{Value, json};
use server::service::Settings;
use testkit::{Engine, TestService, until, with};

use crate::mercado_pago::{acts, brl, card, charged_back_and_decided, confirmed, pix, soon, with_settings};

testkit::on_both_engines![
    an_order_is_charged_once_and_replayed,
    a_failed_order_is_a_decline,
    an_order_whose_reply_was_lost_is_found_by_our_reference,
    an_order_under_a_locked_key_is_made_again,
    an_authorisation_is_captured_in_full_only,
    an_order_is_refunded_in_parts_here_and_there,
    the_code_of_an_order_is_paid_or_expires,
    without_webhooks_orders_are_read_back,
    a_chargeback_of_an_order_is_followed,
    what_was_made_by_the_other_api_is_followed,
    a_lost_call_is_repeated_at_the_api_that_it_was_sent_to,
];

fn by_orders(settings: &mut Settings) {
    let account = settings.accounts.last_mut().unwrap();
    account.settings.api = Some("orders".to_owned());
}

async fn service(engine: Engine) -> TestService {
    with_settings(engine, by_orders).await
}

/// What has no evidence is fetched soon.
async fn watchful(engine: Engine) -> TestService {
    let both = |settings: &mut Settings| {
        by_orders(settings);
        soon(settings);
    };
    with_settings(engine, both).await
}

fn order_of(made: &Value) -> String {
    let object = made["provider_reference"].as_str().unwrap().to_owned();
    assert!(object.starts_with("ORD01J"), "{object}");
    object
}

async fn an_order_is_charged_once_and_replayed(engine: Engine) {
    let service = service(engine).await;
    let body = card(12_345, "approved");
    let made = service.one.post("/v1/charges", &body).key("k").expect(201).await;
    assert_eq!((&made.body["state"], &made.body["captured"]), (&json!("captured"), &brl(12_345)));
    order_of(&made.body);
    assert!(service.one.post("/v1/charges", &body).key("k").expect(201).await.is_replay());
    assert_eq!(confirmed(&service, &made.id()).await["state"], "captured");
    let books = service.quiet().await;
    assert_eq!(books.stands(&made.id()), ("approved", 12_345, 12_345, 0));
    assert_eq!((books.arrivals("POST", "/v1/orders"), books.arrivals("POST", "/v1/payments")), (1, 0));
    service.end().await;
}

async fn a_failed_order_is_a_decline(engine: Engine) {
    let service = service(engine).await;
    let declined = service.one.post("/v1/charges", &card(5_000, "rejected_insufficient_funds")).key("k");
    let declined = declined.refused(402, "payment_declined").await;
    let seen = service.one.payment(declined.body["resource"].as_str().unwrap()).await;
    assert_eq!(seen["failure"]["code"], "insufficient_amount", "{seen}");
    service.end().await;
}

async fn an_order_whose_reply_was_lost_is_found_by_our_reference(engine: Engine) {
    let service = service(engine).await;
    service.provider.faults(json!({ "commit_then_drop": 1, "webhook_drop": 1 })).await;
    let first = service.one.post("/v1/charges", &card(7_000, "approved")).key("k").without_waiting();
    let payment = first.expect(202).await.id();
    arrived(&service, "/v1/orders", 1).await;
    service.provider.faults(json!({})).await;
    service.one.payment_becomes(&payment, "captured").await;
    confirmed(&service, &payment).await;
    let books = service.quiet().await;
    assert_eq!(books.stands(&payment), ("approved", 7_000, 7_000, 0));
    service.end().await;
}

async fn arrived(service: &TestService, path: &str, count: usize) {
    until("the call arrived", async || {
        (service.provider.books().await.arrivals("POST", path) >= count).then_some(())
    })
    .await;
}

async fn an_order_under_a_locked_key_is_made_again(engine: Engine) {
    let service = service(engine).await;
    for (made, fault) in ["key_locked", "failed_dependency"].into_iter().enumerate() {
        service.provider.faults(json!({ fault: 1 })).await;
        let payment = service.one.post("/v1/charges", &card(900, "approved")).key(fault).without_waiting();
        let payment = payment.expect(202).await.id();
        arrived(&service, "/v1/orders", 2 * made + 1).await;
        service.provider.faults(json!({})).await;
        service.one.payment_becomes(&payment, "captured").await;
    }
    service.end().await;
}

async fn an_authorisation_is_captured_in_full_only(engine: Engine) {
    let service = watchful(engine).await;
    let hold = with(card(10_000, "approved"), json!({ "capture": "manual" }));
    let held = service.one.post("/v1/payments", &hold).key("k").expect(201).await;
    assert_eq!((&held.body["state"], &held.body["authorized"]), (&json!("authorized"), &brl(10_000)));
    let path = format!("/v1/payments/{}/capture", held.id());
    let part = service.one.post(&path, &json!({ "amount": brl(6_000) })).key("c");
    let part = part.refused(422, "not_offered_by_provider").await;
    assert_eq!(part.body["errors"][0]["pointer"], "/amount", "{}", part.text);
    let all = service.one.post(&path, &json!({ "amount": brl(10_000) })).key("c").expect(200).await;
    assert_eq!(all.body["captured"], brl(10_000));
    let other = service.one.post("/v1/payments", &hold).key("k2").expect(201).await;
    let path = format!("/v1/payments/{}/cancel", other.id());
    service.one.post(&path, &json!({})).key("v").expect(200).await;
    let books = service.quiet().await;
    assert_eq!(books.stands(&held.id()), ("approved", 10_000, 10_000, 0));
    assert_eq!(books.stands(&other.id()).0, "cancelled");
    service.end().await;
}

async fn an_order_is_refunded_in_parts_here_and_there(engine: Engine) {
    let service = watchful(engine).await;
    let made = service.one.post("/v1/charges", &card(6_000, "approved")).key("k").expect(201).await;
    confirmed(&service, &made.id()).await;
    let path = format!("/v1/payments/{}/refunds", made.id());
    service.provider.faults(json!({ "commit_then_drop": 1 })).await;
    let lost = service.one.post(&path, &json!({ "amount": brl(1_000) })).key("r1").without_waiting();
    let lost = lost.expect(202).await.id();
    arrived(&service, "/refund", 1).await;
    service.provider.faults(json!({})).await;
    service.one.refund_becomes(&lost, "succeeded").await;
    let second = service.one.post(&path, &json!({ "amount": brl(2_500) })).key("r2").expect(201).await;
    service.one.refund_becomes(&second.id(), "succeeded").await;
    acts(&service, &order_of(&made.body), "refund", json!({ "amount": 12.50 })).await;
    let of_payment = format!("/v1/payments/{}", made.id());
    service.one.becomes(&of_payment, |seen| seen["refunded"] == brl(4_750), "all of it is followed").await;
    let books = service.quiet().await;
    assert_eq!(books.stands(&made.id()), ("approved", 6_000, 6_000, 4_750));
    service.end().await;
}

async fn the_code_of_an_order_is_paid_or_expires(engine: Engine) {
    let service = service(engine).await;
    for (key, action, state) in [("k1", "pay", "captured"), ("k2", "expire", "cancelled")] {
        let waiting = service.one.post("/v1/payments", &pix(8_800)).key(key).expect(201).await;
        assert_eq!(waiting.body["next_action"]["type"], "pix", "{}", waiting.text);
        acts(&service, &order_of(&waiting.body), action, json!({})).await;
        service.one.payment_becomes(&waiting.id(), state).await;
    }
    service.end().await;
}

async fn without_webhooks_orders_are_read_back(engine: Engine) {
    let mut service = service(engine).await;
    // From now on: the accounts are open at the provider.
    service.stop_service().await;
    service.change(|settings| settings.events_every = Span::millis(200));
    service.start_service().await;
    service.provider.faults(json!({ "webhook_drop": 1 })).await;
    let waiting = service.one.post("/v1/payments", &pix(3_300)).key("k").expect(201).await;
    acts(&service, &order_of(&waiting.body), "pay", json!({})).await;
    service.one.payment_becomes(&waiting.id(), "captured").await;
    service.end().await;
}

async fn a_chargeback_of_an_order_is_followed(engine: Engine) {
    charged_back_and_decided(service(engine).await).await;
}

/// The account is set to another API, as by an operator who restarts the server.
async fn set_to(service: &mut TestService, api: &str) {
    service.stop_service().await;
    service.change(|settings| settings.accounts.last_mut().unwrap().settings.api = Some(api.to_owned()));
    service.start_service().await;
}

async fn what_was_made_by_the_other_api_is_followed(engine: Engine) {
    let mut service = with_settings(engine, soon).await;
    let hold = with(card(5_000, "approved"), json!({ "capture": "manual" }));
    for (from, to) in [("payments", "orders"), ("orders", "payments")] {
        set_to(&mut service, from).await;
        let held = service.one.post("/v1/payments", &hold).key(&format!("hold-{from}")).expect(201).await;
        let waiting =
            service.one.post("/v1/payments", &pix(700)).key(&format!("pix-{from}")).expect(201).await;
        let object = waiting.body["provider_reference"].as_str().unwrap().to_owned();
        assert_eq!(object.starts_with("ORD"), from == "orders");
        set_to(&mut service, to).await;
        acts(&service, &object, "pay", json!({})).await;
        service.one.payment_becomes(&waiting.id(), "captured").await;
        let path = format!("/v1/payments/{}", held.id());
        let capture = service.one.post(&format!("{path}/capture"), &json!({})).key(&format!("c-{from}"));
        assert_eq!(capture.expect(200).await.body["captured"], brl(5_000));
        let refund = service.one.post(&format!("{path}/refunds"), &json!({ "amount": brl(500) }));
        let refund = refund.key(&format!("r-{from}")).expect(201).await;
        service.one.refund_becomes(&refund.id(), "succeeded").await;
    }
    service.end().await;
}

/// The reply to the first call is lost, and the search shows nothing yet: only its key, at the same API, keeps the
/// call from moving money twice.
async fn a_lost_call_is_repeated_at_the_api_that_it_was_sent_to(engine: Engine) {
    let mut service = with_settings(engine, soon).await;
    for (from, to) in [("payments", "orders"), ("orders", "payments")] {
        set_to(&mut service, from).await;
        let dark = json!({ "commit_then_drop": 1, "webhook_drop": 1, "search_lag_ms": 600_000 });
        service.provider.faults(dark).await;
        let charge = service.one.post("/v1/charges", &card(2_000, "approved")).key(from).without_waiting();
        let payment = charge.expect(202).await.id();
        arrived(&service, &format!("/v1/{from}"), 1).await;
        set_to(&mut service, to).await;
        service.provider.faults(json!({ "webhook_drop": 1, "search_lag_ms": 600_000 })).await;
        service.one.payment_becomes(&payment, "captured").await;
        let books = service.provider.books().await;
        assert_eq!(books.stands(&payment), ("approved", 2_000, 2_000, 0), "sent by {from}, then set to {to}");
    }
    service.provider.faults(json!({})).await;
    service.end().await;
}
