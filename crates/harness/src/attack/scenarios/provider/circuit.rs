//! The circuit of each process: it opens, lets a few probes through, opens again, and closes at last.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use serde_json::json;

use super::{CONCURRENCY, calls, charges, each_once};
use crate::attack::{Arena, Ask, Deployment, Error, Tuning};

const CALLS_MIN: usize = 20;
const PROBES: usize = 3;
const OPEN_MS: u64 = 500;
const OPEN_MAX_MS: u64 = 1_000;
/// For every circuit to have opened, and opened again; and to have closed.
const TURNED_WITHIN: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// While the circuits are looked at, some more are asked for: a circuit without traffic does not move.
const MORE: usize = 8;

const CLOSED: f64 = 0.0;

/// Circuits that open and probe within seconds, and are the only wall.
pub fn tuning(tuning: Tuning) -> Tuning {
    tuning
        .with("retry_budget", "floor_per_second", 200)
        .with("breaker", "calls_min", CALLS_MIN)
        .with("breaker", "probes", PROBES)
        .with("breaker", "open_ms", OPEN_MS)
        .with("breaker", "open_ms_max", OPEN_MAX_MS)
}

pub async fn opens_and_closes(
    arena: &Arena,
    town: &mut Deployment,
    asks: &[Ask],
    random: &mut StdRng,
) -> Result<(), Error> {
    let workers = town.workers();
    let before = calls::all(town).await?.len();
    town.set_faults(json!({ "unavailable": 1 })).await?;
    let lasting = arena.timeline.begin("down", "provider");
    each_once(arena, town, asks, "charges while circuits open").await?;
    let mut more = Vec::new();
    let begun = Instant::now();
    // Counted before the openings: what came in between is allowed by the later ones.
    let mut made = made_since(town, before).await?;
    let mut openings = openings(town, &workers).await?;
    // A provider that is not spared will not be, however long one waits.
    while openings.iter().any(|openings| *openings < 2)
        && made <= allowed(&openings)
        && begun.elapsed() < TURNED_WITHIN
    {
        let asks = charges(arena, &format!("more-{}", more.len()), MORE, random);
        each_once(arena, town, &asks, "until each circuit has opened again").await?;
        more.extend(asks);
        tokio::time::sleep(LOOK_EVERY).await;
        made = made_since(town, before).await?;
        openings = self::openings(town, &workers).await?;
    }
    town.set_faults(json!({})).await?;
    arena.timeline.end(lasting);
    for openings in &openings {
        arena.findings.reached_times("circuit_opened", u64::from(*openings > 0));
        arena.findings.reached_times("circuit_opened_again", u64::from(*openings > 1));
    }
    let allowed = allowed(&openings);
    arena.findings.always("an_open_circuit_spares_the_provider", made <= allowed, || {
        format!("{made} different calls, and {allowed} are allowed; circuits opened {openings:?} times")
    });
    arena.findings.figure("calls behind circuits while it was down", made as f64);
    arena.findings.figure("charges asked for behind circuits", (asks.len() + more.len()) as f64);
    closes(arena, town, &workers, random).await?;
    super::all_answered(arena, town, asks).await?;
    super::all_answered(arena, town, &more).await
}

/// Different calls: a circuit counts what calls are about, however often each is made.
async fn made_since(town: &Deployment, before: usize) -> Result<usize, Error> {
    Ok(calls::different(&calls::all(town).await?[before..]))
}

/// What it takes to see the outage, what was under way at that moment, and the probes.
fn allowed(openings: &[usize]) -> usize {
    openings.iter().map(|openings| CALLS_MIN + CONCURRENCY + PROBES * (*openings + 1)).sum()
}

/// The provider is back: with a little traffic each circuit finds out.
async fn closes(
    arena: &Arena,
    town: &Deployment,
    workers: &[String],
    random: &mut StdRng,
) -> Result<(), Error> {
    let mut more = Vec::new();
    let begun = Instant::now();
    let mut open = not_closed(town, workers).await?;
    while !open.is_empty() && begun.elapsed() < TURNED_WITHIN {
        let asks = charges(arena, &format!("back-{}", more.len()), MORE, random);
        each_once(arena, town, &asks, "until each circuit has closed").await?;
        more.extend(asks);
        tokio::time::sleep(LOOK_EVERY).await;
        open = not_closed(town, workers).await?;
    }
    for worker in workers {
        arena.findings.always("circuits_close_again", !open.contains(worker), || {
            format!(
                "the provider was back for {:?}, and the circuit of {worker} is not closed",
                begun.elapsed()
            )
        });
    }
    arena.findings.reached_times("circuit_closed", (workers.len() - open.len()) as u64);
    super::all_answered(arena, town, &more).await
}

async fn openings(town: &Deployment, workers: &[String]) -> Result<Vec<usize>, Error> {
    let mut openings = Vec::new();
    for worker in workers {
        let scrape = town.scrape(worker).await?;
        openings.push(scrape.total("surehold_breaker_openings_total").unwrap_or(0.0) as usize);
    }
    Ok(openings)
}

async fn not_closed(town: &Deployment, workers: &[String]) -> Result<Vec<String>, Error> {
    let mut open = Vec::new();
    for worker in workers {
        let state = town.scrape(worker).await?.total("surehold_breaker_state").unwrap_or(CLOSED);
        if state > CLOSED {
            open.push(worker.clone());
        }
    }
    Ok(open)
}
