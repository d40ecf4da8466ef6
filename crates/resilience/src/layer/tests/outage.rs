//! An outage: a dependency is down for minutes under steady load, and every caller would try three
//! times. The calls that reach it must be at most 1.1 times the requests, plus the floor.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::{SAFE, TestError, TestPolicy};
use crate::{Backoff, Layer, SharedBreaker, SharedBudget, SharedRng, Start, breaker, budget};

const REQUESTS_PER_SECOND: u64 = 50;
const OUTAGE_SECONDS: u64 = 300;
const REQUESTS: u64 = REQUESTS_PER_SECOND * OUTAGE_SECONDS;

/// Sends a steady load to a dependency that fails every call. Returns how many calls it received.
async fn outage(layer: Layer<TestPolicy>) -> u64 {
    let seen = Arc::new(AtomicU64::new(0));
    let counted = seen.clone();
    let down = service_fn(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            Err::<u32, _>(TestError::Failed)
        }
    });
    let service = layer.layer(down);
    let mut callers = JoinSet::new();
    let mut beat = tokio::time::interval(Duration::from_millis(1_000 / REQUESTS_PER_SECOND));
    for _ in 0..REQUESTS {
        beat.tick().await;
        callers.spawn(service.clone().oneshot(SAFE));
    }
    callers.join_all().await;
    seen.load(Ordering::Relaxed)
}

fn layer() -> Layer<TestPolicy> {
    let backoff = Backoff { base: Duration::from_millis(50), cap: Duration::from_secs(20) };
    Layer::new(TestPolicy).attempts_max(3).backoff(backoff).rng(SharedRng::seeded(5))
}

/// Shows why the budget is needed, and that the load below would reveal its absence.
#[tokio::test(start_paused = true)]
async fn without_a_budget_an_outage_triples_the_traffic() {
    assert_eq!(outage(layer()).await, 3 * REQUESTS);
}

#[tokio::test(start_paused = true)]
async fn with_a_budget_an_outage_adds_a_tenth_and_the_floor() {
    let settings = budget::Settings::default();
    let start = Start::now();
    let seen = outage(layer().budget(SharedBudget::new("test", settings))).await;
    let floor = settings.floor_per_second * (start.elapsed().as_secs_f64() + settings.ttl.as_secs_f64());
    let bound = 1.1 * REQUESTS as f64 + floor;
    assert!(seen as f64 <= bound, "{seen} calls for {REQUESTS} requests; at most {bound}");
    // The budget must also be used: a layer that never retries would satisfy the bound above.
    assert!(seen as f64 >= 1.08 * REQUESTS as f64, "{seen} calls for {REQUESTS} requests");
}

#[tokio::test(start_paused = true)]
async fn a_breaker_stops_nearly_all_calls_in_an_outage() {
    let breaker = SharedBreaker::new(breaker::Settings::default());
    let budget = SharedBudget::new("test", budget::Settings::default());
    let seen = outage(layer().budget(budget).breaker(breaker)).await;
    assert!(seen < REQUESTS / 50, "{seen} calls went out while the circuit was expected to be open");
}
