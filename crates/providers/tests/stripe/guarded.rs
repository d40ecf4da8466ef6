//! What the teller says again, and when it stops asking.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use domain::provider::{CallOutcome, Observation};
use providers::{Guard, Provider, guard, stripe::Stripe};
use resilience::{Health, Observer, Retry, breaker, budget};

use crate::{
    order,
    server::{Behaviour, Server, answer},
    settings,
};

/// Remembers why calls were said again.
#[derive(Default)]
struct Reasons(Mutex<Vec<&'static str>>);

impl Observer for Reasons {
    fn retrying(&self, retry: &Retry) {
        self.0.lock().unwrap().push(retry.reason);
    }
}

fn intent() -> Behaviour {
    let body = serde_json::json!({
        "id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 2000, "currency": "eur",
        "amount_received": 2000, "amount_capturable": 0, "client_secret": "pi_1_secret", "metadata": {},
    });
    Behaviour::Answer(answer(200, "", &body.to_string()))
}

fn failing(headers: &str) -> Behaviour {
    Behaviour::Answer(answer(500, headers, "{}"))
}

fn outcome_name(heard: &CallOutcome<Observation>) -> &'static str {
    match heard {
        CallOutcome::Object(_) => "object",
        CallOutcome::Refused { .. } => "refused",
        CallOutcome::NotSent { asked: true, .. } => "not sent",
        CallOutcome::NotSent { asked: false, .. } => "not asked",
        CallOutcome::Unknown { .. } => "unknown",
    }
}

#[derive(Clone, Copy, Debug)]
enum Call {
    Look,
    Move,
}

async fn check(call: Call, script: Vec<Behaviour>, expected: &str, requests: usize, reasons: &[&str]) {
    let told_of = format!("{call:?} {script:?}");
    let server = Server::start(script).await;
    let heard_of = Arc::new(Reasons::default());
    let guard = Guard::new("test", &guard::Settings::default(), None, heard_of.clone());
    let teller = Stripe::guarded(settings(server.base_url.clone()), &guard).unwrap();
    let heard = match call {
        Call::Look => teller.fetch("pi_1").await,
        Call::Move => teller.confirm(&order(1), "pi_1").await,
    };
    assert_eq!(outcome_name(&heard), expected, "{told_of}: {heard:?}");
    let asked = server.requests();
    assert_eq!(asked.len(), requests, "{told_of}");
    assert!(asked.windows(2).all(|two| two[0] == two[1]), "the same call is the same bytes: {asked:?}");
    assert_eq!(*heard_of.0.lock().unwrap(), reasons, "{told_of}");
}

#[tokio::test]
async fn a_look_up_is_said_twice_and_what_may_move_money_once() {
    let stall = || Behaviour::AnswerAndStall(Vec::new());
    check(Call::Look, vec![failing(""), intent()], "object", 2, &["server_error"]).await;
    check(Call::Look, vec![Behaviour::Reset, intent()], "object", 2, &["connection_broke"]).await;
    check(Call::Look, vec![stall(), intent()], "object", 2, &["timed_out"]).await;
    check(Call::Look, vec![failing("")], "unknown", 2, &["server_error"]).await;
    check(Call::Look, vec![failing("retry-after: 3600\r\n"), intent()], "unknown", 1, &[]).await;
    let busy = Behaviour::Answer(answer(429, "", "{}"));
    check(Call::Look, vec![busy, intent()], "not sent", 1, &[]).await;
    let gone = Behaviour::Answer(answer(404, "", r#"{"error":{"type":"invalid_request_error"}}"#));
    check(Call::Look, vec![gone, intent()], "refused", 1, &[]).await;

    check(Call::Move, vec![intent()], "object", 1, &[]).await;
    check(Call::Move, vec![failing(""), intent()], "unknown", 1, &[]).await;
    check(Call::Move, vec![Behaviour::Reset, intent()], "unknown", 1, &[]).await;
    check(Call::Move, vec![stall(), intent()], "unknown", 1, &[]).await;
}

#[tokio::test]
async fn what_was_never_written_is_said_again_whatever_it_is() {
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let reasons = Arc::new(Reasons::default());
    let guard = Guard::new("test", &guard::Settings::default(), None, reasons.clone());
    let teller = Stripe::guarded(settings(nobody), &guard).unwrap();
    assert_eq!(outcome_name(&teller.confirm(&order(1), "pi_1").await), "not sent");
    assert_eq!(*reasons.0.lock().unwrap(), ["not_sent"]);
}

#[tokio::test]
async fn second_tries_withdraw_from_the_budget_and_deposit_nothing() {
    let server = Server::start(vec![failing("")]).await;
    let settings_of_guard = guard::Settings {
        budget: budget::Settings { ratio: 1.0, floor_per_second: 0.0, ..Default::default() },
        ..Default::default()
    };
    let guard = Guard::new("test", &settings_of_guard, None, Arc::new(Reasons::default()));
    let teller = Stripe::guarded(settings(server.base_url.clone()), &guard).unwrap();
    teller.fetch("pi_1").await;
    assert_eq!(server.requests().len(), 1);
    guard.budget.deposit();
    teller.fetch("pi_1").await;
    teller.fetch("pi_1").await;
    assert_eq!(server.requests().len(), 1 + 2 + 1);
}

#[tokio::test]
async fn an_open_circuit_asks_nobody_until_probes_find_it_well() {
    let minute = Duration::from_mins(1);
    let breaker =
        breaker::Settings { calls_min: 4, open_base: minute, open_cap: minute, ..Default::default() };
    let budget = budget::Settings { ratio: 0.0, floor_per_second: 0.0, ..Default::default() };
    let guard = Guard::new("test", &guard::Settings { breaker, budget }, None, Arc::new(Reasons::default()));
    let busy = Behaviour::Answer(answer(429, "", "{}"));
    let mut script = vec![busy.clone(), busy.clone(), busy.clone(), busy];
    script.extend(vec![failing(""); 4]);
    script.push(intent());
    let server = Server::start(script).await;
    let teller = Stripe::guarded(settings(server.base_url.clone()), &guard).unwrap();
    for _ in 0..4 {
        assert_eq!(outcome_name(&teller.fetch("pi_1").await), "not sent");
    }
    assert_eq!(guard.breaker.snapshot().calls, 0, "what was turned away for its number says nothing");
    for number in 1..=4 {
        assert_eq!(outcome_name(&teller.confirm(&order(1), &format!("pi_{number}")).await), "unknown");
    }
    assert_eq!(guard.breaker.state(), breaker::BreakerState::Open);
    let CallOutcome::NotSent { retry_after_seconds: Some(wait), asked: false, .. } =
        teller.confirm(&order(1), "pi_1").await
    else {
        panic!("it asked")
    };
    assert!((48..=72).contains(&wait), "{wait} s");
    let sought = teller.refunds_of("pi_1").await;
    assert!(
        matches!(sought, CallOutcome::NotSent { retry_after_seconds: Some(_), asked: false, .. }),
        "{sought:?}"
    );
    assert_eq!(server.requests().len(), 8);

    // Real time stands still from here on; no call is under way.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(wait.unsigned_abs())).await;
    tokio::time::resume();
    assert_eq!(guard.breaker.state(), breaker::BreakerState::HalfOpen);
    for _ in 0..3 {
        assert_eq!(outcome_name(&teller.fetch("pi_1").await), "object");
    }
    assert_eq!(guard.breaker.state(), breaker::BreakerState::Closed);
}

/// One payment that Stripe cannot cope with, and one whose error it keeps, are no outage.
#[tokio::test]
async fn a_payments_trouble_is_its_own() {
    let breaker = breaker::Settings { calls_min: 4, ..Default::default() };
    let budget = budget::Settings { ratio: 0.0, floor_per_second: 0.0, ..Default::default() };
    let guard = Guard::new("test", &guard::Settings { breaker, budget }, None, Arc::new(Reasons::default()));
    let mut script = vec![failing(""); 20];
    script.extend(vec![failing("idempotent-replayed: true\r\n"); 20]);
    let server = Server::start(script).await;
    let teller = Stripe::guarded(settings(server.base_url.clone()), &guard).unwrap();
    for _ in 0..20 {
        assert_eq!(outcome_name(&teller.confirm(&order(1), "pi_1").await), "unknown");
    }
    assert_eq!(guard.breaker.snapshot().calls, 1);
    for number in 0..20 {
        assert_eq!(outcome_name(&teller.confirm(&order(1), &format!("pi_{number}")).await), "unknown");
    }
    assert_eq!(guard.breaker.snapshot().calls, 1, "what is kept is of an earlier call");
    assert_eq!(guard.breaker.state(), breaker::BreakerState::Closed);
}

/// The circuit has room for one page of two.
#[tokio::test]
async fn a_search_that_is_cut_short_has_asked() {
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
    let server = Server::start(vec![Behaviour::Answer(answer(200, "", &page.to_string()))]).await;
    let teller = Stripe::guarded(settings(server.base_url.clone()), &guard).unwrap();
    let sought = teller.refunds_of("pi_1").await;
    assert!(matches!(sought, CallOutcome::NotSent { asked: true, .. }), "{sought:?}");
    assert_eq!(server.requests().len(), 1);
}
