//! Mercado Pago's page to pay on: the payments of the customer are found by our reference, and a second one is
//! never believed to be the first.

use serde_json::{Value, json};
use testkit::{Engine, TestReply, TestService, until, with};

use crate::mercado_pago::{brl, payer, service, soon, with_settings};

testkit::on_both_engines![
    a_page_is_paid_after_a_decline_and_refunded,
    a_paid_page_is_found_without_its_webhook,
    a_page_that_is_paid_twice_waits_for_a_person,
    a_page_whose_reply_was_lost_is_made_again_and_paid_once,
    a_page_that_is_called_off_takes_no_payment,
    an_order_of_a_page_is_checked,
];

fn page(minor: i64) -> Value {
    json!({
        "amount": brl(minor), "provider": "mercado_pago", "payment_method": "checkout_page", "payer": payer(),
        "instalments": 6, "return_url": "https://tours.example/done", "reference": "order 17",
    })
}

async fn start(service: &TestService) -> (TestReply, String) {
    let pending = service.one.post("/v1/payments", &page(9_900)).key("page").expect(201).await;
    assert_eq!(pending.body["state"], "pending", "{}", pending.text);
    assert_eq!(pending.body["next_action"]["type"], "redirect", "{}", pending.text);
    let page = pending.body["provider_reference"].as_str().unwrap().to_owned();
    assert!(pending.body["next_action"]["url"].as_str().unwrap().contains(&page));
    (pending, page)
}

/// What the customer does on the page; the payment that it makes.
async fn on_page(service: &TestService, page: &str, action: &str) -> Value {
    service.provider.post(&format!("/sandbox/mercado_pago/preferences/{page}/{action}"), &json!({})).await
}

async fn a_page_is_paid_after_a_decline_and_refunded(engine: Engine) {
    let service = service(engine).await;
    let (pending, page) = start(&service).await;
    on_page(&service, &page, "decline").await;
    let paid = on_page(&service, &page, "pay").await;
    let seen = service.one.payment_becomes(&pending.id(), "captured").await;
    let object = paid["id"].to_string();
    assert_eq!((&seen["provider_reference"], &seen["next_action"]), (&json!(object), &json!(null)));
    let path = format!("/v1/payments/{}/refunds", pending.id());
    let refund = service.one.post(&path, &json!({ "amount": brl(900) })).key("r").expect(201).await;
    service.one.refund_becomes(&refund.id(), "succeeded").await;
    service.end().await;
}

async fn a_paid_page_is_found_without_its_webhook(engine: Engine) {
    let service = with_settings(engine, soon).await;
    service.provider.faults(json!({ "webhook_drop": 1, "search_lag_ms": 300 })).await;
    let (pending, page) = start(&service).await;
    on_page(&service, &page, "decline").await;
    let path = format!("/v1/payments/{}", pending.id());
    service.one.becomes(&path, |seen| seen["failure"] != json!(null), "the decline is shown").await;
    on_page(&service, &page, "pay").await;
    let paid = service.one.payment_becomes(&pending.id(), "captured").await;
    assert_eq!((&paid["confirmed_by_provider"], &paid["failure"]), (&json!(true), &json!(null)));
    service.provider.faults(json!({})).await;
    service.end().await;
}

async fn a_page_that_is_paid_twice_waits_for_a_person(engine: Engine) {
    let service = service(engine).await;
    let (pending, page) = start(&service).await;
    on_page(&service, &page, "pay").await;
    let first = service.one.payment_becomes(&pending.id(), "captured").await;
    on_page(&service, &page, "pay").await;
    until("the second payment is a review case", async || {
        let cases = service.one.see("/v1/ops/review_cases").await["data"].clone();
        cases.as_array().unwrap().iter().any(|case| case["reason"] == "provider_contradicts").then_some(())
    })
    .await;
    let seen = service.one.payment(&pending.id()).await;
    assert_eq!((&seen["captured"], &seen["provider_reference"]), (&brl(9_900), &first["provider_reference"]));
    // The check reports two objects with money, so the test cannot end as others do.
    assert_eq!(service.reviews().await, ["provider_contradicts"]);
}

async fn a_page_whose_reply_was_lost_is_made_again_and_paid_once(engine: Engine) {
    let service = service(engine).await;
    service.provider.faults(json!({ "commit_then_drop": 1 })).await;
    let first = service.one.post("/v1/payments", &page(9_900)).key("k").without_waiting().expect(202).await;
    until("a page is made", async || {
        (service.provider.books().await.arrivals("POST", "/checkout/preferences") > 0).then_some(())
    })
    .await;
    service.provider.faults(json!({})).await;
    let path = format!("/v1/payments/{}", first.id());
    let shown = service.one.becomes(&path, |seen| seen["next_action"] != json!(null), "it is shown").await;
    on_page(&service, shown["provider_reference"].as_str().unwrap(), "pay").await;
    service.one.payment_becomes(&first.id(), "captured").await;
    assert!(service.provider.books().await.arrivals("POST", "/checkout/preferences") > 1);
    service.end().await;
}

async fn a_page_that_is_called_off_takes_no_payment(engine: Engine) {
    let service = with_settings(engine, soon).await;
    let (pending, page) = start(&service).await;
    let waiting = on_page(&service, &page, "pix").await;
    let path = format!("/v1/payments/{}/cancel", pending.id());
    service.one.post(&path, &json!({})).key("cancel").without_waiting().expect(202).await;
    service.one.payment_becomes(&pending.id(), "cancelled").await;
    let again = format!("/sandbox/mercado_pago/preferences/{page}/pay");
    assert!(!service.provider.try_post(&again, &json!({})).await, "the page pays nothing any more");
    let object = waiting["id"].to_string();
    let pix = format!("/sandbox/mercado_pago/payments/{object}/pay");
    assert!(!service.provider.try_post(&pix, &json!({})).await, "the Pix that it began is cancelled");
    service.end().await;
}

async fn an_order_of_a_page_is_checked(engine: Engine) {
    let service = service(engine).await;
    let check = async |over: Value, pointers: &[&str]| {
        let refused = service.one.post("/v1/payments", &with(page(500), over)).key("k");
        let refused = refused.refused(422, "not_offered_by_provider").await;
        let errors = refused.body["errors"].as_array().unwrap().clone();
        let found: Vec<&str> = errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
        assert_eq!(found, pointers);
    };
    check(json!({ "payer": null }), &["/payer"]).await;
    check(json!({ "provider": "stripe", "instalments": null }), &["/payment_method"]).await;
    service.end().await;
}
