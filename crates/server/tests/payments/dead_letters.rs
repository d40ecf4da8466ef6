//! Dead jobs that a person retries: a call that may have moved money is looked up and not sent
//! again.

use domain::provider::CallOutcome;
use domain::time::Span;
use providers::Provider as _;
use serde_json::json;
use testkit::{Engine, TestService, charge, eur, until};
use uuid::Uuid;

use crate::leases;

testkit::on_both_engines![
    a_refund_that_may_have_been_made_is_only_searched,
    a_charge_that_may_have_been_taken_is_only_fetched,
    what_was_taken_after_all_is_found,
];

/// The worker claims the job once more than it may.
async fn wear_out(service: &TestService, id: &str) {
    until("it is dead", async || {
        wear(service, id, "'ready'").await;
        (service.one.letter(id).await["state"] == "dead").then_some(())
    })
    .await;
}

/// Also while a worker has it that will never report.
async fn wear_out_under_its_lease(service: &TestService, id: &str) {
    wear(service, id, "'running'").await;
    wear_out(service, id).await;
}

/// A job in progress may still call the provider, so it ends first.
async fn wear(service: &TestService, id: &str, states: &str) {
    let worn_out = format!(
        "update jobs set attempts = 1000, due_at = 0, lease_until = null, state = 'ready' \
         where state in ({states}) and id ="
    );
    let job = service.database.literal(id.parse::<Uuid>().unwrap());
    service.database.execute(&format!("{worn_out} {job}")).await;
}

async fn a_refund_that_may_have_been_made_is_only_searched(engine: Engine) {
    let service = TestService::watchful(engine).await;
    let paid = service.one.post("/v1/charges", &charge(900, "pm_card_visa")).key("c-1").expect(201).await;
    let path = format!("/v1/payments/{}/refunds", paid.id());
    service.provider.faults(json!({ "drop_before": 1.0 })).await;
    let pending = service.one.post(&path, &json!({})).key("r-1").header("prefer", "wait=0").expect(202).await;
    until("it was sent", async || {
        (service.provider.books().await.arrivals("POST", "/v1/refunds") > 0).then_some(())
    })
    .await;
    wear_out(&service, &pending.id()).await;
    service.provider.faults(json!({})).await;
    let sent = service.provider.books().await.arrivals("POST", "/v1/refunds");
    let fetched = service.provider.books().await.arrivals("GET", "/v1/refunds");
    service.one.decide(&pending.id(), "retry").await;
    until("it was searched, twice", async || {
        (service.provider.books().await.arrivals("GET", "/v1/refunds") > fetched + 1).then_some(())
    })
    .await;
    assert_eq!(service.provider.books().await.arrivals("POST", "/v1/refunds"), sent, "never sent again");
    assert_eq!(service.one.see(&format!("/v1/refunds/{}", pending.id())).await["state"], "review");
    wear_out(&service, &pending.id()).await;
    let letter = service.one.decide(&pending.id(), "discard").await;
    assert_eq!(letter["payload"]["outcome"], "written_off");
    // A person decided that it was not made, so its amount can be refunded again.
    assert_eq!(service.one.see(&format!("/v1/refunds/{}", pending.id())).await["state"], "written_off");
    service.one.post(&path, &json!({})).key("r-2").expect(201).await;
    service.end().await;
}

async fn a_charge_that_may_have_been_taken_is_only_fetched(engine: Engine) {
    let service = TestService::watchful(engine).await;
    // Its object is made and never confirmed: the worker dies during the call.
    let claimed = leases::begun(&service, Span::seconds(600)).await;
    let payment = claimed.payment.id.to_string();
    leases::sent(&service, &claimed).await;
    wear_out_under_its_lease(&service, &payment).await;
    let confirmed = service.provider.books().await.arrivals("POST", "/confirm");
    service.one.decide(&payment, "retry").await;
    let fetched = service.provider.books().await.calls().len();
    until("it was fetched, twice", async || {
        (service.provider.books().await.calls().len() > fetched + 1).then_some(())
    })
    .await;
    assert_eq!(service.provider.books().await.arrivals("POST", "/confirm"), confirmed, "never confirmed");
    wear_out(&service, &payment).await;
    service.one.decide(&payment, "discard").await;
    assert_eq!(service.one.payment(&payment).await["state"], "written_off");
    service.end().await;
}

async fn what_was_taken_after_all_is_found(engine: Engine) {
    let service = TestService::watchful(engine).await;
    // The money is taken; the worker dies with the reply, and no webhook ever comes.
    service.provider.faults(json!({ "webhook_drop": 1.0 })).await;
    let claimed = leases::begun(&service, Span::seconds(600)).await;
    let payment = claimed.payment.id.to_string();
    let (provider, order, sent) = leases::sent(&service, &claimed).await;
    let object = sent.object.unwrap();
    assert!(matches!(provider.confirm(&order, &object).await, CallOutcome::Object(_)));
    // Checks fail while the job is worn out, because a check would settle it.
    service.provider.faults(json!({ "unavailable": 1, "webhook_drop": 1.0 })).await;
    wear_out_under_its_lease(&service, &payment).await;
    service.provider.faults(json!({})).await;
    service.one.decide(&payment, "retry").await;
    service.one.payment_becomes(&payment, "captured").await;
    assert_eq!(service.one.payment(&payment).await["captured"], eur(700));
    let books = service.quiet().await;
    assert_eq!(books.arrivals("POST", "/confirm"), 1);
    assert_eq!(books.stands(&payment), ("succeeded", 700, 700, 0));
    let letters = service.one.see("/v1/ops/dead_letters").await;
    assert_eq!(letters["data"], json!([]));
    service.end().await;
}
