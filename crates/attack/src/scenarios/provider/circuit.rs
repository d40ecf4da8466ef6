//! The circuit of each process: it opens, lets a few probes through, opens again, and finally
//! closes.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use serde_json::json;

use super::{CONCURRENCY, calls, charges, each_once};
use crate::methods::MERCADO_PAGO;
use crate::{Deployment, Error, OperationRequest, ScenarioContext, Tuning};

const CALLS_MIN: usize = 20;
const PROBES: usize = 3;
const OPEN_MS: u64 = 500;
const OPEN_MAX_MS: u64 = 1_000;
/// The time for every circuit to open and open again, and to close.
const TURNED_WITHIN: Duration = Duration::from_mins(1);
const POLL_EVERY: Duration = Duration::from_millis(50);
/// Further charges while the circuits are observed: a circuit without traffic does not change.
const MORE: usize = 8;

const CLOSED: f64 = 0.0;

/// Circuits that open and probe within seconds, as the only protection.
pub fn tuning(tuning: Tuning) -> Tuning {
    tuning
        .with("retry_budget", "floor_per_second", 200)
        .with("breaker", "calls_min", CALLS_MIN)
        .with("breaker", "probes", PROBES)
        .with("breaker", "open_ms", OPEN_MS)
        .with("breaker", "open_ms_max", OPEN_MAX_MS)
}

pub async fn opens_and_closes(
    context: &ScenarioContext,
    deployment: &mut Deployment,
    requests: &[OperationRequest],
    random: &mut StdRng,
) -> Result<(), Error> {
    let workers = deployment.workers();
    let before = calls::all(deployment).await?.len();
    deployment.set_faults(json!({ "unavailable": 1 })).await?;
    let lasting = context.timeline.begin("down", "provider");
    each_once(context, deployment, requests, "charges while circuits open").await?;
    let mut more = Vec::new();
    let begun = Instant::now();
    // Counted before the openings: the openings that come later allow the calls in between.
    let mut made = made_since(deployment, before).await?;
    let mut openings = openings(deployment, &workers).await?;
    // If the calls exceed the limit now, further waiting changes nothing.
    while openings.iter().any(|openings| *openings < 2)
        && made <= allowed(&openings)
        && begun.elapsed() < TURNED_WITHIN
    {
        let requests = charges(context, &MERCADO_PAGO, &format!("more-{}", more.len()), MORE, random);
        each_once(context, deployment, &requests, "until each circuit has opened again").await?;
        more.extend(requests);
        tokio::time::sleep(POLL_EVERY).await;
        made = made_since(deployment, before).await?;
        openings = self::openings(deployment, &workers).await?;
    }
    deployment.set_faults(json!({})).await?;
    context.timeline.end(lasting);
    for openings in &openings {
        context.findings.reached_times("circuit_opened", u64::from(*openings > 0));
        context.findings.reached_times("circuit_opened_again", u64::from(*openings > 1));
    }
    let allowed = allowed(&openings);
    context.findings.always("an_open_circuit_spares_the_provider", made <= allowed, || {
        format!("{made} different calls, and {allowed} are allowed; circuits opened {openings:?} times")
    });
    context.findings.figure("calls behind circuits while it was down", made as f64);
    context.findings.figure("charges requested behind circuits", (requests.len() + more.len()) as f64);
    closes(context, deployment, &workers, random).await?;
    super::all_answered(context, deployment, requests).await?;
    super::all_answered(context, deployment, &more).await
}

/// Counts different calls, however often each was made: so does a circuit.
async fn made_since(deployment: &Deployment, before: usize) -> Result<usize, Error> {
    Ok(calls::different(&calls::all(deployment).await?[before..]))
}

/// The calls that detect the outage, the calls under way at that moment, and the probes.
fn allowed(openings: &[usize]) -> usize {
    openings.iter().map(|openings| CALLS_MIN + CONCURRENCY + PROBES * (*openings + 1)).sum()
}

/// The provider is back: a little traffic lets each circuit notice.
async fn closes(
    context: &ScenarioContext,
    deployment: &Deployment,
    workers: &[String],
    random: &mut StdRng,
) -> Result<(), Error> {
    let mut more = Vec::new();
    let begun = Instant::now();
    let mut open = not_closed(deployment, workers).await?;
    while !open.is_empty() && begun.elapsed() < TURNED_WITHIN {
        let requests = charges(context, &MERCADO_PAGO, &format!("back-{}", more.len()), MORE, random);
        each_once(context, deployment, &requests, "until each circuit has closed").await?;
        more.extend(requests);
        tokio::time::sleep(POLL_EVERY).await;
        open = not_closed(deployment, workers).await?;
    }
    for worker in workers {
        context.findings.always("circuits_close_again", !open.contains(worker), || {
            format!(
                "the provider was back for {:?}, and the circuit of {worker} is not closed",
                begun.elapsed()
            )
        });
    }
    context.findings.reached_times("circuit_closed", (workers.len() - open.len()) as u64);
    super::all_answered(context, deployment, &more).await
}

async fn openings(deployment: &Deployment, workers: &[String]) -> Result<Vec<usize>, Error> {
    let mut openings = Vec::new();
    for worker in workers {
        let scrape = deployment.scrape(worker).await?;
        openings.push(scrape.total("surehold_breaker_openings_total").unwrap_or(0.0) as usize);
    }
    Ok(openings)
}

async fn not_closed(deployment: &Deployment, workers: &[String]) -> Result<Vec<String>, Error> {
    let mut open = Vec::new();
    for worker in workers {
        let state = deployment.scrape(worker).await?.total("surehold_breaker_state").unwrap_or(CLOSED);
        if state > CLOSED {
            open.push(worker.clone());
        }
    }
    Ok(open)
}
