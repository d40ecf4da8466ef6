//! What Stripe's replies say about the provider's health.

use std::{sync::Arc, time::Duration};

use domain::provider::{CallOutcome, Observation};
use providers::{Guard, Provider, guard, stripe::Stripe};
use resilience::{Health, NoObserver, breaker, budget};
use testkit::scripted_server::{ScriptedServer, ServerStep, answer};

use crate::{order, settings};

fn failing(headers: &str) -> ServerStep {
    ServerStep::Answer(answer(500, headers, "{}"))
}

fn is_unknown(outcome: &CallOutcome<Observation>) -> bool {
    matches!(outcome, CallOutcome::Unknown { .. })
}

/// A payment that Stripe cannot process, and one whose error it stores, are no outage.
#[tokio::test]
async fn failures_of_one_payment_do_not_open_the_circuit() {
    let breaker = breaker::Settings { calls_min: 4, ..Default::default() };
    let budget = budget::Settings { ratio: 0.0, floor_per_second: 0.0, ..Default::default() };
    let guard = Guard::new("test", &guard::Settings { breaker, budget }, None, Arc::new(NoObserver));
    let mut script = vec![failing(""); 20];
    script.extend(vec![failing("idempotent-replayed: true\r\n"); 20]);
    let server = ScriptedServer::start(script).await;
    let stripe = Stripe::guarded(settings(server.base_url.clone()), &guard).unwrap();
    for _ in 0..20 {
        assert!(is_unknown(&stripe.confirm(&order(1), "pi_1").await));
    }
    assert_eq!(guard.breaker.snapshot().calls, 1);
    for number in 0..20 {
        assert!(is_unknown(&stripe.confirm(&order(1), &format!("pi_{number}")).await));
    }
    assert_eq!(guard.breaker.snapshot().calls, 1, "a stored error belongs to an earlier call");
    assert_eq!(guard.breaker.state(), breaker::BreakerState::Closed);
}

/// The circuit has a permit for one page of two.
#[tokio::test]
async fn a_list_that_is_cut_short_has_called_stripe() {
    let breaker = breaker::Settings { calls_min: 1, ..Default::default() };
    let settings_of_guard = guard::Settings { breaker, ..Default::default() };
    let guard = Guard::new("test", &settings_of_guard, None, Arc::new(NoObserver));
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
