//! A provider that is down, or hangs: nothing more is sent to it than it can bear, nothing is lost, and the
//! other accounts go on.

use std::time::Duration;

use domain::time::Span;
use domain::{JobId, PaymentId};
use harness::proxy::{Fault, Plan, Proxy};
use resilience::breaker;
use serde_json::json;
use server::clock::SystemClock;
use store::Clock as _;
use uuid::Uuid;

use crate::ask::{Client, charge, until};
use crate::books::Books;
use crate::stage::{Engine, Stage};
use crate::tenants::tenant_id;

both![
    nothing_is_sent_behind_an_open_circuit,
    probes_find_a_provider_well_again,
    a_retry_without_a_token_is_made_later_and_none_is_lost,
    an_account_that_hangs_leaves_room_for_others,
];

/// Charges that nobody waits for; their payments.
async fn begin(client: &Client, numbers: std::ops::Range<u32>) -> Vec<String> {
    let mut begun = Vec::new();
    for number in numbers {
        let body = charge(700, "pm_card_visa");
        let asked = client.post("/v1/charges", &body).key(&format!("c-{number}")).without_waiting();
        begun.push(asked.expect(202).await.id());
    }
    begun
}

/// As `GET /v1/ops/breakers` shows the one account of the client's tenant.
async fn circuit(client: &Client) -> String {
    let seen = client.see("/v1/ops/breakers").await;
    let circuits = seen["data"].as_array().unwrap();
    assert_eq!(circuits.len(), 1, "{seen}");
    assert_eq!(circuits[0]["provider"], "stripe");
    assert_eq!(circuits[0]["account"], format!("acct_{}", client.secret.trim_start_matches("sk_")));
    circuits[0]["state"].as_str().unwrap().to_owned()
}

async fn circuit_becomes(client: &Client, state: &str) {
    until(&format!("the circuit is {state}"), async || (circuit(client).await == state).then_some(())).await;
}

/// How many jobs are in this state.
async fn jobs(stage: &Stage, state: &str) -> i64 {
    let figures = stage.store().figures(SystemClock.now()).await.unwrap();
    figures.jobs.iter().filter(|jobs| jobs.words == [state]).map(|jobs| jobs.count).sum()
}

async fn job(stage: &Stage, payment: &str) -> domain::rows::Job {
    let id = JobId::from(domain::AttemptId::from(PaymentId(Uuid::parse_str(payment).unwrap())));
    stage.store().job(tenant_id("one"), id).await.unwrap().unwrap()
}

async fn all_are_captured(stage: &Stage, client: &Client, payments: &[String]) -> Books {
    for payment in payments {
        client.payment_becomes(payment, "captured").await;
    }
    let books = stage.quiet().await;
    for payment in payments {
        assert_eq!(books.stands(payment), ("succeeded", 700, 700, 0));
    }
    books
}

async fn nothing_is_sent_behind_an_open_circuit(engine: Engine) {
    let hour = Duration::from_hours(1);
    let mut stage = Stage::with(engine, |settings| {
        let breaker = &mut settings.guard.breaker;
        (breaker.calls_min, breaker.open_base, breaker.open_cap) = (4, hour, hour);
    })
    .await;
    stage.provider.faults(json!({ "unavailable": 1.0 })).await;
    let mut payments = begin(&stage.one, 0..4).await;
    circuit_becomes(&stage.one, "open").await;
    until("what it came too late for is put off", async || (jobs(&stage, "ready").await == 4).then_some(()))
        .await;
    let sent = stage.provider.books().await.calls().len();
    assert!(sent >= 4, "{sent}");

    let waiting = begin(&stage.one, 4..24).await;
    until("all of them wait", async || (jobs(&stage, "ready").await == 24).then_some(())).await;
    assert_eq!(stage.provider.books().await.calls().len(), sent);
    for payment in &waiting {
        let job = job(&stage, payment).await;
        assert_eq!(job.attempts, 0, "nobody was asked, so nothing was tried: {job:?}");
    }
    assert_eq!(circuit(&stage.two).await, "closed", "each account has its own");

    stage.provider.faults(json!({})).await;
    stage.stop_service().await;
    stage.start_service().await;
    payments.extend(waiting);
    all_are_captured(&stage, &stage.one, &payments).await;
    stage.end().await;
}

async fn probes_find_a_provider_well_again(engine: Engine) {
    let stage = Stage::with(engine, |settings| settings.guard.breaker.calls_min = 4).await;
    stage.provider.faults(json!({ "unavailable": 1.0 })).await;
    let payments = begin(&stage.one, 0..30).await;
    circuit_becomes(&stage.one, "open").await;
    let sent = stage.provider.books().await.calls().len();
    until("it is probed", async || (stage.provider.books().await.calls().len() > sent).then_some(())).await;
    circuit_becomes(&stage.one, "open").await;
    stage.provider.faults(json!({})).await;
    all_are_captured(&stage, &stage.one, &payments).await;
    assert_eq!(circuit(&stage.one).await, "closed");
    stage.end().await;
}

async fn a_retry_without_a_token_is_made_later_and_none_is_lost(engine: Engine) {
    const CHARGES: u32 = 50;
    let mut stage = Stage::with(engine, |settings| {
        settings.guard.breaker.calls_min = breaker::Settings::CALLS_MIN_MAX;
        settings.guard.budget.floor_per_second = 0.0;
        settings.guard.budget.ttl = Duration::from_mins(5);
        settings.pace.cap = Span::millis(50);
    })
    .await;
    stage.provider.faults(json!({ "unavailable": 1.0 })).await;
    let payments = begin(&stage.one, 0..CHARGES).await;
    until("each came to the gate again and again", async || {
        for payment in &payments {
            if job(&stage, payment).await.token < 5 {
                return None;
            }
        }
        Some(())
    })
    .await;
    let sent = stage.provider.books().await.calls().len() as u32;
    assert_eq!(sent, CHARGES + CHARGES / 10, "a tenth of the requests, and not one more");

    stage.provider.faults(json!({})).await;
    stage.stop_service().await;
    stage.change(|settings| settings.guard.budget.floor_per_second = 1_000.0);
    stage.start_service().await;
    all_are_captured(&stage, &stage.one, &payments).await;
    stage.end().await;
}

async fn an_account_that_hangs_leaves_room_for_others(engine: Engine) {
    let mut hangs = None;
    let stage = Stage::with(engine, |settings| {
        settings.concurrency = 4;
        let base_url = &mut settings.accounts[0].stripe.base_url;
        let sandbox = base_url.trim_start_matches("http://").parse().unwrap();
        let proxy = Proxy::start(sandbox, Plan::Always(Fault::Blackhole)).unwrap();
        *base_url = proxy.url();
        hangs = Some(proxy);
    })
    .await;
    let stuck = begin(&stage.one, 0..8).await;
    until("it has its share of the workers, and no more", async || {
        (jobs(&stage, "running").await == 2 && jobs(&stage, "ready").await == 6).then_some(())
    })
    .await;
    for number in 0..5 {
        let asked = stage.two.post("/v1/charges", &charge(700, "pm_card_visa")).key(&format!("c-{number}"));
        asked.expect(201).await;
    }
    assert_eq!(
        (jobs(&stage, "running").await, stage.one.payment(&stuck[0]).await["state"].as_str()),
        (2, Some("created"))
    );

    hangs.as_ref().unwrap().heal();
    all_are_captured(&stage, &stage.one, &stuck).await;
    stage.end().await;
}
