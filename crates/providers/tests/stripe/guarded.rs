//! Which calls the adapter retries, and when it stops calling.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;

use domain::provider::{CallOutcome, Observation};
use providers::{Guard, Provider, guard, stripe::Stripe};
use resilience::{Health, Observer, Retry, breaker, budget};
use testkit::scripted_server::{ScriptedServer, ServerStep, answer};

use crate::{order, settings};

/// Records the reasons of retries.
#[derive(Default)]
struct Reasons(Mutex<Vec<&'static str>>);

impl Observer for Reasons {
    fn retrying(&self, retry: &Retry) {
        self.0.lock().push(retry.reason);
    }
}

fn intent() -> ServerStep {
    let body = serde_json::json!({
        "id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 2000, "currency": "eur",
        "amount_received": 2000, "amount_capturable": 0, "client_secret": "pi_1_secret", "metadata": {},
    });
    ServerStep::Answer(answer(200, "", &body.to_string()))
}

fn failing(headers: &str) -> ServerStep {
    ServerStep::Answer(answer(500, headers, "{}"))
}

fn outcome_name(outcome: &CallOutcome<Observation>) -> &'static str {
    match outcome {
        CallOutcome::Object(_) => "object",
        CallOutcome::Refused { .. } => "refused",
        CallOutcome::NotSent { reached_provider: true, .. } => "not sent",
        CallOutcome::NotSent { reached_provider: false, .. } => "not asked",
        CallOutcome::Unknown { .. } => "unknown",
    }
}

#[derive(Clone, Copy, Debug)]
enum Call {
    Read,
    Move,
}

async fn check(call: Call, script: Vec<ServerStep>, expected: &str, requests: usize, reasons: &[&str]) {
    let context = format!("{call:?} {script:?}");
    let server = ScriptedServer::start(script).await;
    let observed = Arc::new(Reasons::default());
    let guard = Guard::new("test", &guard::Settings::default(), None, observed.clone());
    let stripe = Stripe::guarded(settings(server.base_url.clone()), &guard).unwrap();
    let outcome = match call {
        Call::Read => stripe.fetch("pi_1").await,
        Call::Move => stripe.confirm(&order(1), "pi_1").await,
    };
    assert_eq!(outcome_name(&outcome), expected, "{context}: {outcome:?}");
    let requested = server.requests();
    assert_eq!(requested.len(), requests, "{context}");
    assert!(
        requested.windows(2).all(|two| two[0] == two[1]),
        "the same call is the same bytes: {requested:?}"
    );
    assert_eq!(*observed.0.lock(), reasons, "{context}");
}

#[tokio::test]
async fn reads_are_retried_and_calls_that_may_move_money_are_not() {
    let stall = || ServerStep::AnswerAndStall(Vec::new());
    check(Call::Read, vec![failing(""), intent()], "object", 2, &["server_error"]).await;
    check(Call::Read, vec![ServerStep::Reset, intent()], "object", 2, &["connection_broke"]).await;
    check(Call::Read, vec![stall(), intent()], "object", 2, &["timed_out"]).await;
    check(Call::Read, vec![failing("")], "unknown", 2, &["server_error"]).await;
    check(Call::Read, vec![failing("retry-after: 3600\r\n"), intent()], "unknown", 1, &[]).await;
    let busy = ServerStep::Answer(answer(429, "", "{}"));
    check(Call::Read, vec![busy, intent()], "not sent", 1, &[]).await;
    let gone = ServerStep::Answer(answer(404, "", r#"{"error":{"type":"invalid_request_error"}}"#));
    check(Call::Read, vec![gone, intent()], "refused", 1, &[]).await;

    check(Call::Move, vec![intent()], "object", 1, &[]).await;
    check(Call::Move, vec![failing(""), intent()], "unknown", 1, &[]).await;
    check(Call::Move, vec![ServerStep::Reset, intent()], "unknown", 1, &[]).await;
    check(Call::Move, vec![stall(), intent()], "unknown", 1, &[]).await;
}

#[tokio::test]
async fn a_call_that_was_never_written_is_retried_whatever_it_is() {
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let reasons = Arc::new(Reasons::default());
    let guard = Guard::new("test", &guard::Settings::default(), None, reasons.clone());
    let stripe = Stripe::guarded(settings(nobody), &guard).unwrap();
    assert_eq!(outcome_name(&stripe.confirm(&order(1), "pi_1").await), "not sent");
    assert_eq!(*reasons.0.lock(), ["not_sent"]);
}

#[tokio::test]
async fn second_tries_withdraw_from_the_budget_and_deposit_nothing() {
    let server = ScriptedServer::start(vec![failing("")]).await;
    let settings_of_guard = guard::Settings {
        budget: budget::Settings { ratio: 1.0, floor_per_second: 0.0, ..Default::default() },
        ..Default::default()
    };
    let guard = Guard::new("test", &settings_of_guard, None, Arc::new(Reasons::default()));
    let stripe = Stripe::guarded(settings(server.base_url.clone()), &guard).unwrap();
    stripe.fetch("pi_1").await;
    assert_eq!(server.requests().len(), 1);
    guard.budget.deposit();
    stripe.fetch("pi_1").await;
    stripe.fetch("pi_1").await;
    assert_eq!(server.requests().len(), 1 + 2 + 1);
}

#[tokio::test]
async fn an_open_circuit_makes_no_calls_until_its_probes_succeed() {
    let minute = Duration::from_mins(1);
    let breaker =
        breaker::Settings { calls_min: 4, open_base: minute, open_cap: minute, ..Default::default() };
    let budget = budget::Settings { ratio: 0.0, floor_per_second: 0.0, ..Default::default() };
    let guard = Guard::new("test", &guard::Settings { breaker, budget }, None, Arc::new(Reasons::default()));
    let busy = ServerStep::Answer(answer(429, "", "{}"));
    let mut script = vec![busy.clone(), busy.clone(), busy.clone(), busy];
    script.extend(vec![failing(""); 4]);
    script.push(intent());
    let server = ScriptedServer::start(script).await;
    let stripe = Stripe::guarded(settings(server.base_url.clone()), &guard).unwrap();
    for _ in 0..4 {
        assert_eq!(outcome_name(&stripe.fetch("pi_1").await), "not sent");
    }
    assert_eq!(guard.breaker.snapshot().calls, 0, "a rate-limited call is not counted");
    for number in 1..=4 {
        assert_eq!(outcome_name(&stripe.confirm(&order(1), &format!("pi_{number}")).await), "unknown");
    }
    assert_eq!(guard.breaker.state(), breaker::BreakerState::Open);
    let CallOutcome::NotSent { retry_after_seconds: Some(wait), reached_provider: false, .. } =
        stripe.confirm(&order(1), "pi_1").await
    else {
        panic!("Stripe was called")
    };
    assert!((48..=72).contains(&wait), "{wait} s");
    let found = stripe.refunds_of("pi_1").await;
    assert!(
        matches!(found, CallOutcome::NotSent { retry_after_seconds: Some(_), reached_provider: false, .. }),
        "{found:?}"
    );
    assert_eq!(server.requests().len(), 8);

    // Real time is paused from here on; no call is in flight.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(wait.unsigned_abs())).await;
    tokio::time::resume();
    assert_eq!(guard.breaker.state(), breaker::BreakerState::HalfOpen);
    for _ in 0..3 {
        assert_eq!(outcome_name(&stripe.fetch("pi_1").await), "object");
    }
    assert_eq!(guard.breaker.state(), breaker::BreakerState::Closed);
}

/// A payment that Stripe cannot process, and one whose error it stores, are no outage.
#[tokio::test]
async fn failures_of_one_payment_do_not_open_the_circuit() {
    let breaker = breaker::Settings { calls_min: 4, ..Default::default() };
    let budget = budget::Settings { ratio: 0.0, floor_per_second: 0.0, ..Default::default() };
    let guard = Guard::new("test", &guard::Settings { breaker, budget }, None, Arc::new(Reasons::default()));
    let mut script = vec![failing(""); 20];
    script.extend(vec![failing("idempotent-replayed: true\r\n"); 20]);
    let server = ScriptedServer::start(script).await;
    let stripe = Stripe::guarded(settings(server.base_url.clone()), &guard).unwrap();
    for _ in 0..20 {
        assert_eq!(outcome_name(&stripe.confirm(&order(1), "pi_1").await), "unknown");
    }
    assert_eq!(guard.breaker.snapshot().calls, 1);
    for number in 0..20 {
        assert_eq!(outcome_name(&stripe.confirm(&order(1), &format!("pi_{number}")).await), "unknown");
    }
    assert_eq!(guard.breaker.snapshot().calls, 1, "a stored error belongs to an earlier call");
    assert_eq!(guard.breaker.state(), breaker::BreakerState::Closed);
}

/// The circuit has a permit for one page of two.
#[tokio::test]
async fn a_list_that_is_cut_short_has_called_stripe() {
    let breaker = breaker::Settings { calls_min: 1, ..Default::default() };
    let settings_of_guard = guard::Settings { breaker, ..Default::default() };
    let guard = Guard::new("test", &settings_of_guard, None, Arc::new(Reasons::default()));
    guard.breaker.admit().unwrap().end(Health::Bad);
    tokio::time::pause();
    tokio::time::advance(Duration::from_mins(1)).await;
    tokio::time::resume();
    let _others = [guard.breaker.admit().unwrap(), guard.breaker.admit().unwrap()];
    let page = serde_json::json!({
        "has_more": true,
        "data": [{
            "id": "re_1", "object": "refund", "status": "pending", "amount": 1, "currency": "eur",
            "payment_intent": "pi_1", "metadata": {},
        }],
    });
    let server = ScriptedServer::start(vec![ServerStep::Answer(answer(200, "", &page.to_string()))]).await;
    let stripe = Stripe::guarded(settings(server.base_url.clone()), &guard).unwrap();
    let found = stripe.refunds_of("pi_1").await;
    assert!(matches!(found, CallOutcome::NotSent { reached_provider: true, .. }), "{found:?}");
    assert_eq!(server.requests().len(), 1);
}
