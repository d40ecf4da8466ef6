//! A provider that is down, or hangs: nothing more is sent to it than it can bear, nothing is lost, and the
//! other accounts go on.

use std::time::Duration;

use domain::time::Span;
use domain::{JobId, PaymentId};
use resilience::breaker;
use serde_json::json;
use server::clock::SystemClock;
use store::Clock as _;
use testkit::proxy::{Fault, Plan, Proxy};
use uuid::Uuid;

use crate::ask::{Client, charge, until, with};
use crate::books::Books;
use crate::database;
use crate::stage::{Engine, Stage};
use crate::tenants::tenant_id;

both![
    nothing_is_sent_behind_an_open_circuit,
    what_waits_behind_an_open_circuit_ends_at_its_deadline,
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

/// Everything that is under way, and whatever waits for its time, becomes so much older.
async fn an_hour_passes(stage: &Stage) {
    let hour = "3600000000";
    let older = format!(
        "update attempts set created_at = created_at - {hour}, deadline_at = deadline_at - {hour}; \
         update jobs set due_at = due_at - {hour} where state = 'ready';"
    );
    database::sql(stage.location(), &older, &older).await;
}

async fn what_waits_behind_an_open_circuit_ends_at_its_deadline(engine: Engine) {
    const ASKED: usize = 5;
    let hour = Duration::from_hours(1);
    let mut stage = Stage::with(engine, |settings| {
        let breaker = &mut settings.guard.breaker;
        (breaker.calls_min, breaker.open_base, breaker.open_cap) = (4, hour, hour);
    })
    .await;
    // Sent, and without an end: the customer is asked.
    let mut asked = Vec::new();
    for number in 0..ASKED {
        let body = charge(700, "pm_card_authenticationRequired");
        let body = with(body, json!({ "return_url": "https://shop.example/done" }));
        let key = format!("asked-{number}");
        asked.push(stage.one.post("/v1/charges", &body).key(&key).expect(201).await.id());
    }
    stage.provider.faults(json!({ "unavailable": 1.0 })).await;
    let mut never_sent = begin(&stage.one, 0..12).await;
    circuit_becomes(&stage.one, "open").await;
    never_sent.extend(begin(&stage.one, 12..24).await);
    let waiting = (ASKED + never_sent.len()) as i64;
    until("all of them wait", async || (jobs(&stage, "ready").await == waiting).then_some(())).await;
    let sent = stage.provider.books().await.calls().len();

    an_hour_passes(&stage).await;
    for payment in &never_sent {
        let failed = stage.one.payment_becomes(payment, "failed").await;
        assert_eq!(failed["failure"]["code"], "provider_unreachable");
    }
    for number in 0..24 {
        let again = stage.one.post("/v1/charges", &charge(700, "pm_card_visa")).key(&format!("c-{number}"));
        assert!(again.refused(424, "not_sent_to_provider").await.is_replay());
    }
    until("a person is told of the others", async || (stage.reviews().await.len() == ASKED).then_some(()))
        .await;
    assert_eq!(stage.provider.books().await.calls().len(), sent, "nobody was asked");
    assert_eq!(circuit(&stage.one).await, "open");

    stage.provider.faults(json!({})).await;
    stage.stop_service().await;
    stage.start_service().await;
    for payment in &asked {
        stage.one.payment_becomes(payment, "cancelled").await;
    }
    // What became of them closed their cases.
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
        settings.concurrency.critical = 4;
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
