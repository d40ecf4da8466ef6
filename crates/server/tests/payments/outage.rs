//! A provider that is down, or hangs: it gets no more calls than its circuit allows, nothing is
//! lost, and the other accounts go on.

use std::time::Duration;
use testkit::{Engine, ONE, SandboxBooks, TestClient, TestService, charge, until, with};

use domain::time::Span;
use domain::{JobId, PaymentId};
use resilience::breaker;
use serde_json::json;
use server::ports::clock::SystemClock;
use store::Clock as _;
use testkit::proxy::{Fault, Plan, Proxy};
use uuid::Uuid;

testkit::on_both_engines![
    nothing_is_sent_behind_an_open_circuit,
    what_waits_behind_an_open_circuit_ends_at_its_deadline,
    probes_find_a_provider_well_again,
    a_retry_without_a_token_is_made_later_and_none_is_lost,
    an_account_that_hangs_leaves_room_for_others,
];

/// Charges that no client waits for; returns their payments.
async fn begin(client: &TestClient, numbers: std::ops::Range<u32>) -> Vec<String> {
    let mut begun = Vec::new();
    for number in numbers {
        let body = charge(700, "pm_card_visa");
        let request = client.post("/v1/charges", &body).key(&format!("c-{number}")).without_waiting();
        begun.push(request.expect(202).await.id());
    }
    begun
}

/// The state in `GET /v1/ops/breakers` of the only account of the client's tenant.
async fn circuit(client: &TestClient) -> String {
    let seen = client.see("/v1/ops/breakers").await;
    let circuits = seen["data"].as_array().unwrap();
    assert_eq!(circuits.len(), 1, "{seen}");
    assert_eq!(circuits[0]["provider"], "stripe");
    assert_eq!(circuits[0]["account"], format!("acct_{}", client.secret.trim_start_matches("sk_")));
    circuits[0]["state"].as_str().unwrap().to_owned()
}

async fn circuit_becomes(client: &TestClient, state: &str) {
    until(&format!("the circuit is {state}"), async || (circuit(client).await == state).then_some(())).await;
}

async fn jobs(service: &TestService, state: &str) -> i64 {
    let figures = service.store().figures(SystemClock.now()).await.unwrap();
    figures.jobs.iter().filter(|jobs| jobs.labels == [state]).map(|jobs| jobs.count).sum()
}

async fn job(service: &TestService, payment: &str) -> domain::rows::Job {
    let id = JobId::from(domain::AttemptId::from(PaymentId(Uuid::parse_str(payment).unwrap())));
    service.store().job(ONE.id(), id).await.unwrap().unwrap()
}

async fn all_are_captured(service: &TestService, client: &TestClient, payments: &[String]) -> SandboxBooks {
    for payment in payments {
        client.payment_becomes(payment, "captured").await;
    }
    let books = service.quiet().await;
    for payment in payments {
        assert_eq!(books.stands(payment), ("succeeded", 700, 700, 0));
    }
    books
}

async fn nothing_is_sent_behind_an_open_circuit(engine: Engine) {
    let hour = Duration::from_hours(1);
    let mut service = TestService::with(engine, |settings| {
        let breaker = &mut settings.guard.breaker;
        (breaker.calls_min, breaker.open_base, breaker.open_cap) = (4, hour, hour);
    })
    .await;
    service.provider.faults(json!({ "unavailable": 1.0 })).await;
    let mut payments = begin(&service.one, 0..4).await;
    circuit_becomes(&service.one, "open").await;
    until("what it came too late for is put off", async || {
        (jobs(&service, "ready").await == 4).then_some(())
    })
    .await;
    let sent = service.provider.books().await.calls().len();
    assert!(sent >= 4, "{sent}");

    let waiting = begin(&service.one, 4..24).await;
    until("all of them wait", async || (jobs(&service, "ready").await == 24).then_some(())).await;
    assert_eq!(service.provider.books().await.calls().len(), sent);
    for payment in &waiting {
        let job = job(&service, payment).await;
        assert_eq!(job.attempts, 0, "the provider was not called, so nothing was tried: {job:?}");
    }
    assert_eq!(circuit(&service.two).await, "closed", "each account has its own");

    service.provider.faults(json!({})).await;
    service.stop_service().await;
    // On a busy machine some calls may be late: they must not close the way for another hour.
    service.change(|settings| settings.guard.breaker.open_base = Duration::from_millis(100));
    service.start_service().await;
    payments.extend(waiting);
    all_are_captured(&service, &service.one, &payments).await;
    service.end().await;
}

/// Makes everything in progress, and everything that waits, an hour older.
async fn an_hour_passes(service: &TestService) {
    let hour = "3600000000";
    let older = format!(
        "update attempts set created_at = created_at - {hour}, deadline_at = deadline_at - {hour}; \
         update jobs set due_at = due_at - {hour} where state = 'ready';"
    );
    service.database.execute(&older).await;
}

async fn what_waits_behind_an_open_circuit_ends_at_its_deadline(engine: Engine) {
    const PENDING: usize = 5;
    let hour = Duration::from_hours(1);
    let mut service = TestService::with(engine, |settings| {
        let breaker = &mut settings.guard.breaker;
        (breaker.calls_min, breaker.open_base, breaker.open_cap) = (4, hour, hour);
    })
    .await;
    // Sent, and without an outcome: the customer must act.
    let mut pending = Vec::new();
    for number in 0..PENDING {
        let body = charge(700, "pm_card_authenticationRequired");
        let body = with(body, json!({ "return_url": "https://shop.example/done" }));
        let key = format!("pending-{number}");
        pending.push(service.one.post("/v1/charges", &body).key(&key).expect(201).await.id());
    }
    service.provider.faults(json!({ "unavailable": 1.0 })).await;
    let mut never_sent = begin(&service.one, 0..12).await;
    circuit_becomes(&service.one, "open").await;
    never_sent.extend(begin(&service.one, 12..24).await);
    let waiting = (PENDING + never_sent.len()) as i64;
    until("all of them wait", async || (jobs(&service, "ready").await == waiting).then_some(())).await;
    let sent = service.provider.books().await.calls().len();

    an_hour_passes(&service).await;
    for payment in &never_sent {
        let failed = service.one.payment_becomes(payment, "failed").await;
        assert_eq!(failed["failure"]["code"], "provider_unreachable");
    }
    for number in 0..24 {
        let again = service.one.post("/v1/charges", &charge(700, "pm_card_visa")).key(&format!("c-{number}"));
        assert!(again.refused(424, "not_sent_to_provider").await.is_replay());
    }
    until("the others have review cases", async || (service.reviews().await.len() == PENDING).then_some(()))
        .await;
    assert_eq!(service.provider.books().await.calls().len(), sent, "the provider was not called");
    assert_eq!(circuit(&service.one).await, "open");

    service.provider.faults(json!({})).await;
    service.stop_service().await;
    service.start_service().await;
    for payment in &pending {
        service.one.payment_becomes(payment, "cancelled").await;
    }
    // Their outcomes closed their cases.
    service.end().await;
}

async fn probes_find_a_provider_well_again(engine: Engine) {
    let service = TestService::with(engine, |settings| settings.guard.breaker.calls_min = 4).await;
    service.provider.faults(json!({ "unavailable": 1.0 })).await;
    let payments = begin(&service.one, 0..30).await;
    circuit_becomes(&service.one, "open").await;
    let sent = service.provider.books().await.calls().len();
    until("it is probed", async || (service.provider.books().await.calls().len() > sent).then_some(())).await;
    circuit_becomes(&service.one, "open").await;
    service.provider.faults(json!({})).await;
    all_are_captured(&service, &service.one, &payments).await;
    assert_eq!(circuit(&service.one).await, "closed");
    service.end().await;
}

async fn a_retry_without_a_token_is_made_later_and_none_is_lost(engine: Engine) {
    const CHARGES: u32 = 50;
    let mut service = TestService::with(engine, |settings| {
        settings.guard.breaker.calls_min = breaker::Settings::CALLS_MIN_MAX;
        settings.guard.budget.floor_per_second = 0.0;
        settings.guard.budget.ttl = Duration::from_mins(5);
        settings.pace.cap = Span::millis(50);
    })
    .await;
    service.provider.faults(json!({ "unavailable": 1.0 })).await;
    let payments = begin(&service.one, 0..CHARGES).await;
    until("each came to the gate again and again", async || {
        for payment in &payments {
            if job(&service, payment).await.token < 5 {
                return None;
            }
        }
        Some(())
    })
    .await;
    let sent = service.provider.books().await.calls().len() as u32;
    assert_eq!(sent, CHARGES + CHARGES / 10, "a tenth of the requests, and not one more");

    service.provider.faults(json!({})).await;
    service.stop_service().await;
    service.change(|settings| settings.guard.budget.floor_per_second = 1_000.0);
    service.start_service().await;
    all_are_captured(&service, &service.one, &payments).await;
    service.end().await;
}

async fn an_account_that_hangs_leaves_room_for_others(engine: Engine) {
    let mut hangs = None;
    let service = TestService::with(engine, |settings| {
        settings.concurrency.critical = 4;
        let base_url = &mut settings.accounts[0].settings.wire.base_url;
        let sandbox = base_url.trim_start_matches("http://").parse().unwrap();
        let proxy = Proxy::start(sandbox, Plan::Always(Fault::Blackhole)).unwrap();
        *base_url = proxy.url();
        hangs = Some(proxy);
    })
    .await;
    let stuck = begin(&service.one, 0..8).await;
    until("it has its share of the workers, and no more", async || {
        (jobs(&service, "running").await == 2 && jobs(&service, "ready").await == 6).then_some(())
    })
    .await;
    for number in 0..5 {
        let request =
            service.two.post("/v1/charges", &charge(700, "pm_card_visa")).key(&format!("c-{number}"));
        request.expect(201).await;
    }
    assert_eq!(
        (jobs(&service, "running").await, service.one.payment(&stuck[0]).await["state"].as_str()),
        (2, Some("created"))
    );

    hangs.as_ref().unwrap().heal();
    all_are_captured(&service, &service.one, &stuck).await;
    service.end().await;
}
