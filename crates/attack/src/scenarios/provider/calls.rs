//! The provider's own log of calls, and our processes' counters of calls that they did not make.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::{Deployment, Error, ScenarioContext};
use check::RecordedCall;

/// The program's default retry budget.
const RATIO: f64 = 0.1;
const FLOOR_PER_SECOND: f64 = 1.0;
/// The minimum is saved up for this long.
const SAVED_S: f64 = 10.0;
/// Far longer than a worker needs to call.
const MET_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Every call so far.
pub async fn all(deployment: &Deployment) -> Result<Vec<RecordedCall>, Error> {
    Ok(deployment.books().await?.map(|books| books.calls).unwrap_or_default())
}

/// Waits until one of the calls since then has this outcome. A run without it ends as *not reached*.
pub async fn wait_for(deployment: &Deployment, since: usize, outcome: &str) -> Result<(), Error> {
    let until = Instant::now() + MET_WITHIN;
    while Instant::now() < until
        && !all(deployment).await?.iter().skip(since).any(|call| call.outcome == outcome)
    {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// The number of all calls in the log.
pub async fn reached(context: &ScenarioContext, deployment: &Deployment) -> Result<(), Error> {
    for call in all(deployment).await? {
        match call.outcome.as_str() {
            "committed_then_500" => context.findings.reached("committed_then_500"),
            "committed_then_dropped" => context.findings.reached("committed_then_dropped"),
            "kept_500" => context.findings.reached("kept_500"),
            "committed_then_kept_500" => context.findings.reached("committed_then_kept_500"),
            "dropped_before" => context.findings.reached("dropped_before"),
            _ => {}
        }
    }
    Ok(())
}

/// The number of first calls.
pub fn different(calls: &[RecordedCall]) -> usize {
    let named = |call: &RecordedCall| {
        let RecordedCall { method, path, idempotency_key, .. } = call;
        (method.clone(), path.clone(), idempotency_key.clone())
    };
    calls.iter().map(named).collect::<BTreeSet<_>>().len()
}

/// Calls while the provider was down.
pub struct OutageWindow {
    calls: usize,
    /// First calls.
    fresh: usize,
    seconds: f64,
}

impl OutageWindow {
    pub fn of(calls: &[RecordedCall]) -> OutageWindow {
        let (first, last) = (calls.first().map_or(0, |call| call.at), calls.last().map_or(0, |call| call.at));
        OutageWindow { calls: calls.len(), fresh: different(calls), seconds: (last - first) as f64 / 1_000.0 }
    }

    /// At most a tenth more than the first calls, and the minimum of each process that calls.
    pub fn judge_budget(&self, context: &ScenarioContext, processes: usize) {
        let OutageWindow { calls, fresh, seconds } = *self;
        let floor = FLOOR_PER_SECOND * (seconds + SAVED_S) * processes as f64;
        // A part of a token may be left over in each process.
        let allowed = fresh as f64 * (1.0 + RATIO) + floor + processes as f64;
        context.findings.always("retries_stay_in_their_budget", calls as f64 <= allowed, || {
            format!("{calls} calls in {seconds:.1} s of which {fresh} were fresh; {allowed:.0} are allowed")
        });
        if calls > fresh {
            context.findings.reached("retried_while_it_was_down");
        }
        context.findings.figure("calls while it was down", calls as f64);
        context.findings.figure("fresh calls while it was down", fresh as f64);
        context
            .findings
            .figure("traffic while it was down, per requested call", calls as f64 / fresh.max(1) as f64);
    }
}

/// A call that got a Retry-After must not come sooner.
pub fn judge_retry_after(context: &ScenarioContext, calls: &[RecordedCall], wanted: Duration) {
    let mut refused: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for call in calls {
        let Some(key) = call.idempotency_key.as_deref() else { continue };
        let name = (call.path.as_str(), key);
        if let Some(before) = refused.remove(&name) {
            let paused = Duration::from_millis((call.at - before).max(0).unsigned_abs());
            context.findings.always("comes_back_no_sooner_than_told", paused >= wanted, || {
                format!("{} came back after {paused:?}; its Retry-After was {wanted:?}", call.path)
            });
        }
        if call.outcome == "429 rate_limit" {
            refused.insert(name, call.at);
            context.findings.reached("told_to_come_back_later");
        }
    }
}

/// Runs that our own gate postponed, for this reason, in all processes.
pub async fn turned_away(deployment: &Deployment, why: &str) -> Result<f64, Error> {
    sum(deployment, "surehold_turned_away_total", &[("why", why)]).await
}

/// Calls whose answer was lost.
pub async fn lost_answers(deployment: &Deployment) -> Result<f64, Error> {
    sum(deployment, "surehold_provider_calls_total", &[("answer", "unknown")]).await
}

async fn sum(deployment: &Deployment, metric: &str, labels: &[(&str, &str)]) -> Result<f64, Error> {
    let mut sum = 0.0;
    for worker in deployment.workers() {
        sum += deployment.scrape(&worker).await?.sum(metric, labels).unwrap_or(0.0);
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_fresh_once() {
        let call = |at: i64, key: &str| RecordedCall {
            at,
            method: "POST".to_owned(),
            path: "/v1/payment_intents".to_owned(),
            idempotency_key: Some(key.to_owned()),
            object: None,
            outcome: "503 unavailable".to_owned(),
        };
        let calls = [call(1_000, "a"), call(1_500, "b"), call(2_000, "a"), call(4_000, "a")];
        let window = OutageWindow::of(&calls);
        assert_eq!((window.calls, window.fresh), (4, 2));
        assert!((window.seconds - 3.0).abs() < 1e-9);
        assert_eq!(OutageWindow::of(&[]).calls, 0);
    }
}
