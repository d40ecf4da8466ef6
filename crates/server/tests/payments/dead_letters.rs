//! Dead jobs that a person sends round again: what may have moved money is looked at and not sent again.

use domain::provider::CallOutcome;
use domain::time::Span;
use providers::Provider as _;
use serde_json::json;
use testkit::{Engine, TestService, charge, eur, until};
use uuid::Uuid;

use crate::leases;

testkit::on_both_engines![
    a_refund_that_may_have_been_made_is_only_looked_for,
    a_charge_that_may_have_been_taken_is_only_looked_at,
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

/// Also while somebody has it, who will never be heard of again.
async fn wear_out_under_its_lease(service: &TestService, id: &str) {
    wear(service, id, "'running'").await;
    wear_out(service, id).await;
}

/// What is under way may still ask the provider: it is let end first.
async fn wear(service: &TestService, id: &str, states: &str) {
    let worn_out = format!(
        "update jobs set attempts = 1000, due_at = 0, lease_until = null, state = 'ready' \
         where state in ({states}) and id ="
    );
    let job = service.database.literal(id.parse::<Uuid>().unwrap());
    service.database.execute(&format!("{worn_out} {job}")).await;
}

async fn a_refund_that_may_have_been_made_is_only_looked_for(engine: Engine) {
    let service = TestService::watchful(engine).await;
    let paid = service.one.post("/v1/charges", &charge(900, "pm_card_visa")).key("c-1").expect(201).await;
    let path = format!("/v1/payments/{}/refunds", paid.id());
    service.provider.faults(json!({ "drop_before": 1.0 })).await;
    let asked = service.one.post(&path, &json!({})).key("r-1").header("prefer", "wait=0").expect(202).await;
    until("it was sent", async || {
        (service.provider.books().await.arrivals("POST", "/v1/refunds") > 0).then_some(())
    })
    .await;
    wear_out(&service, &asked.id()).await;
    service.provider.faults(json!({})).await;
    let sent = service.provider.books().await.arrivals("POST", "/v1/refunds");
    let looked = service.provider.books().await.arrivals("GET", "/v1/refunds");
    service.one.decide(&asked.id(), "retry").await;
    until("it was looked for, twice", async || {
        (service.provider.books().await.arrivals("GET", "/v1/refunds") > looked + 1).then_some(())
    })
    .await;
    assert_eq!(service.provider.books().await.arrivals("POST", "/v1/refunds"), sent, "never sent again");
    assert_eq!(service.one.see(&format!("/v1/refunds/{}", asked.id())).await["state"], "review");
    wear_out(&service, &asked.id()).await;
    let letter = service.one.decide(&asked.id(), "discard").await;
    assert_eq!(letter["payload"]["outcome"], "written_off");
    // A person said that it was not made: its sum may be asked back again.
    assert_eq!(service.one.see(&format!("/v1/refunds/{}", asked.id())).await["state"], "written_off");
    service.one.post(&path, &json!({})).key("r-2").expect(201).await;
    service.end().await;
}

async fn a_charge_that_may_have_been_taken_is_only_looked_at(engine: Engine) {
    let service = TestService::watchful(engine).await;
    // Its object is made and never confirmed: the worker dies with the call.
    let claimed = leases::begun(&service, Span::seconds(600)).await;
    let payment = claimed.payment.id.to_string();
    leases::sent(&service, &claimed).await;
    wear_out_under_its_lease(&service, &payment).await;
    let confirmed = service.provider.books().await.arrivals("POST", "/confirm");
    service.one.decide(&payment, "retry").await;
    let fetched = service.provider.books().await.calls().len();
    until("it was looked at, twice", async || {
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
    // The money is taken; the worker dies with the answer, and no webhook ever comes.
    service.provider.faults(json!({ "webhook_drop": 1.0 })).await;
    let claimed = leases::begun(&service, Span::seconds(600)).await;
    let payment = claimed.payment.id.to_string();
    let (teller, order, sent) = leases::sent(&service, &claimed).await;
    let object = sent.object.unwrap();
    assert!(matches!(teller.confirm(&order, &object).await, CallOutcome::Object(_)));
    // Looks are in vain while it is worn out, or one would settle it.
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
