//! A provider that works, and does not say so; that answers late; that is down; that sheds.
//!
//! | part | the provider | what must be |
//! |---|---|---|
//! | lies | commits and answers 500, commits and hangs up, hangs up before it does anything; keeps a 500 under the key, having committed or not | applied once |
//! | late | answers after we have given up waiting, or just before | applied once |
//! | forgets | carries a refund out, does not say so, and has forgotten its key when it is asked again | looked up, and made once |
//! | down, and the circuit cannot open | 503 to everything | calls are the fresh ones, a tenth of them more, and the floor |
//! | down | 503 to everything | circuits open, probe, and close when it is back |
//! | sheds | 429 with `Retry-After` | nobody comes back sooner |
//!
//! Calls are counted in the provider's own log. Between the parts the processes are restarted with other
//! settings, so that one wall stands where another would hide it.

mod calls;
mod circuit;

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::json;
use tokio::task::JoinSet;

use crate::attack::ask::PAYS;
use crate::attack::deployment::ACCOUNTS;
use crate::attack::judge::past_healing;
use crate::attack::orders::{self, Order, Outcome};
use crate::attack::{Arena, Ask, Caller, Deployment, Error, Heard, Need, Scenario, Tuning, Work, judge};
use crate::oracle::Call;

pub const SCENARIO: Scenario = Scenario {
    number: 10,
    name: "provider",
    promise: "Whatever the provider does or leaves unsaid, each operation is applied once; while it is down it is called a tenth more often than it is asked for, or not at all, and nobody's money waits for a person afterwards.",
    needs: &[Need::Deployment],
    always: &[
        "paid_bookings_are_confirmed",
        "retries_stay_in_their_budget",
        "an_open_circuit_spares_the_provider",
        "circuits_close_again",
        "comes_back_no_sooner_than_told",
        "nobody_has_to_look",
    ],
    sometimes: &[
        "committed_then_500",
        "committed_then_dropped",
        "dropped_before",
        "kept_500",
        "committed_then_kept_500",
        "answered_late",
        "refunded_and_forgot",
        "retried_while_it_was_down",
        "a_retry_was_denied",
        "circuit_opened",
        "circuit_opened_again",
        "circuit_closed",
        "told_to_come_back_later",
    ],
    run: |arena| Box::pin(run(arena)),
};

const CLIENTS: usize = 16;
const ORDERS_MIN: usize = 20;
/// Enough that retries without a budget could not be mistaken for retries with one.
const ASKED_MIN: usize = 60;
const ASKED_MAX: usize = 400;
const SHED: usize = 16;
/// Payments of which two parts go back.
const REFUNDED: usize = 12;
/// Of a process: so many jobs are driven at once.
const CONCURRENCY: usize = 8;
const CALL_TIMEOUT_MS: u64 = 800;
const RETRY_AFTER_S: u64 = 1;
/// Far beyond what an order takes, and short of a client's patience: who never gets on says so before it.
const DEADLINE_SECONDS: u64 = 60;
/// Of an outage without a circuit: many times the pause before a retry.
const OUTAGE: Duration = Duration::from_secs(4);

/// Processes under load that are quick to give an answer up, and to say that they do not know yet.
fn tuning() -> Tuning {
    Tuning::default()
        .with(ACCOUNTS, "connect_timeout_ms", 300)
        .with(ACCOUNTS, "call_timeout_ms", CALL_TIMEOUT_MS)
        .with("workers", "concurrency", CONCURRENCY)
}

/// No circuit opens, and retries are as good as free: what is tested is what they do.
fn without_walls() -> Tuning {
    tuning().with("breaker", "calls_min", 10_000).with("retry_budget", "floor_per_second", 200).with(
        "workers",
        "operation_deadline_seconds",
        DEADLINE_SECONDS,
    )
}

/// The budget is the only wall. Its settings are those that the program has by itself.
fn behind_the_budget() -> Tuning {
    tuning().with("breaker", "calls_min", 10_000).with("limits", "wait_ms", 200)
}

async fn run(arena: Arena) -> Result<(), Error> {
    let mut random = arena.random("orders");
    let share = |part: usize, min: usize, max: usize| (arena.operations() / part).clamp(min, max);
    let lies = orders::orders(&arena, share(4, ORDERS_MIN, usize::MAX), &mut random);
    let late = orders::orders(&arena, share(8, ORDERS_MIN, usize::MAX), &mut random);
    let late =
        late.into_iter().map(|order| Order { name: format!("{}-late", order.name), ..order }).collect();
    let asked = share(4, ASKED_MIN, ASKED_MAX);
    let budgeted = charges(&arena, "down", asked, &mut random);
    let spared = charges(&arena, "open", asked, &mut random);
    let shed = charges(&arena, "shed", SHED, &mut random);

    let mut town = arena.deploy(&without_walls()).await?;
    let mut outcomes = lies_to_us(&arena, &mut town, lies).await?;
    outcomes.extend(answers_late(&arena, &mut town, late).await?);
    outcomes.extend(forgets(&arena, &mut town).await?);
    town.rest().await?;

    town.retune(&behind_the_budget()).await?;
    is_down(&arena, &mut town, &budgeted).await?;
    town.retune(&circuit::tuning(tuning().with("limits", "wait_ms", 200))).await?;
    circuit::opens_and_closes(&arena, &mut town, &spared, &mut random).await?;
    sheds(&arena, &mut town, &shed).await?;

    town.set_faults(json!({})).await?;
    town.all_alive()?;
    calls::reached(&arena, &town).await?;
    judge(&arena, &town).await?;
    orders::judge_bookings(&arena, &town, &outcomes).await?;
    nobody_has_to_look(&arena, &town).await
}

fn charges(arena: &Arena, part: &str, count: usize, random: &mut StdRng) -> Vec<Ask> {
    let charge = |number| {
        let operation = arena.operation(format!("{part}-{number}"));
        Ask::charge(&operation, random.random_range(100..=9_999), PAYS)
    };
    (0..count).map(charge).collect()
}

async fn lies_to_us(arena: &Arena, town: &mut Deployment, orders: Vec<Order>) -> Result<Vec<Outcome>, Error> {
    let faults = json!({
        "seed": arena.draw("lies"), "commit_then_500": 0.2, "commit_then_drop": 0.2, "drop_before": 0.15,
        "kept_500": 0.1, "commit_then_kept_500": 0.1,
    });
    town.set_faults(faults).await?;
    let outcomes = orders::serve(arena, &town.shop, CLIENTS, orders, &Work::as_planned()).await?;
    town.set_faults(json!({})).await?;
    Ok(outcomes)
}

/// Half of the answers come after we have hung up.
async fn answers_late(
    arena: &Arena,
    town: &mut Deployment,
    orders: Vec<Order>,
) -> Result<Vec<Outcome>, Error> {
    let before = calls::unheard(town).await?;
    let faults = json!({ "seed": arena.draw("late"), "answer_delay_ms": [0, 2 * CALL_TIMEOUT_MS] });
    town.set_faults(faults).await?;
    let outcomes = orders::serve(arena, &town.shop, CLIENTS, orders, &Work::as_planned()).await?;
    // Nothing else is wrong here: an answer that was not heard came too late.
    if calls::unheard(town).await? > before {
        arena.findings.reached("answered_late");
    }
    town.set_faults(json!({})).await?;
    Ok(outcomes)
}

/// Each refund is carried out before its answer is lost, so whoever looks finds it; whoever says it again makes
/// another one.
async fn forgets(arena: &Arena, town: &mut Deployment) -> Result<Vec<Outcome>, Error> {
    let order = |number: usize| Order {
        name: arena.operation(format!("forgets-{number}")),
        books: number.is_multiple_of(2),
        captures_minor: None,
        refunds_minor: vec![300, 200],
        declined: false,
        may_be_declined: false,
    };
    let before = calls::all(town).await?.len();
    let faults = json!({
        "seed": arena.draw("forgets"), "commit_then_500": 0.2, "commit_then_drop": 0.2, "forget_keys": true,
        // Or a webhook tells what the answer did not.
        "webhook_drop": 1,
    });
    town.set_faults(faults).await?;
    let orders = (0..REFUNDED).map(order).collect();
    let outcomes = orders::serve(arena, &town.shop, CLIENTS, orders, &Work::as_planned()).await?;
    let unheard = |call: &&Call| call.path == "/v1/refunds" && call.outcome.starts_with("committed_then");
    let refunds = calls::all(town).await?[before..].iter().filter(unheard).count();
    arena.findings.reached_times("refunded_and_forgot", refunds as u64);
    town.set_faults(json!({})).await?;
    past_healing(arena, town).await?;
    Ok(outcomes)
}

/// 503 to everything for a while, and nothing but the budget that holds the retries.
async fn is_down(arena: &Arena, town: &mut Deployment, asks: &[Ask]) -> Result<(), Error> {
    let before = calls::all(town).await?.len();
    town.set_faults(json!({ "unavailable": 1 })).await?;
    let lasting = arena.timeline.begin("down", "provider");
    each_once(arena, town, asks, "charges while the provider is down").await?;
    tokio::time::sleep(OUTAGE).await;
    let denied = calls::turned_away(town, "spent").await?;
    let window = calls::Window::of(&calls::all(town).await?[before..]);
    town.set_faults(json!({})).await?;
    arena.timeline.end(lasting);
    window.judge_budget(arena, town.workers().len());
    if denied > 0.0 {
        arena.findings.reached("a_retry_was_denied");
    }
    arena.findings.figure("retries denied while it was down", denied);
    all_answered(arena, town, asks).await
}

/// The provider turns a part of the calls away.
async fn sheds(arena: &Arena, town: &mut Deployment, asks: &[Ask]) -> Result<(), Error> {
    let before = calls::all(town).await?.len();
    let faults = json!({ "seed": arena.draw("sheds"), "rate_limited": 0.3, "retry_after_s": RETRY_AFTER_S });
    town.set_faults(faults).await?;
    all_answered(arena, town, asks).await?;
    calls::judge_told(arena, &calls::all(town).await?[before..], Duration::from_secs(RETRY_AFTER_S));
    town.set_faults(json!({})).await
}

/// Says each once, whatever is heard: with the provider down mostly "not yet".
async fn each_once(arena: &Arena, town: &Deployment, asks: &[Ask], words: &str) -> Result<(), Error> {
    arena.progress.counts(words, asks.len());
    let mut asking = JoinSet::new();
    for (number, asks) in asks.chunks(asks.len().div_ceil(CLIENTS).max(1)).enumerate() {
        let (mut caller, asks, arena) = (arena.caller(&town.shop, number)?, asks.to_vec(), arena.clone());
        asking.spawn(async move {
            for ask in asks {
                until_taken(&mut caller, &ask).await?;
                arena.progress.advance();
            }
            Ok::<_, Error>(())
        });
    }
    while let Some(asked) = asking.join_next().await {
        asked.map_err(std::io::Error::other)??;
    }
    Ok(())
}

/// One that was turned away at our own door was not taken.
async fn until_taken(caller: &mut Caller, ask: &Ask) -> Result<(), Error> {
    const TRIES_MAX: usize = 20;
    for _ in 0..TRIES_MAX {
        if caller.once(ask).await?.heard() != Heard::Unavailable {
            return Ok(());
        }
    }
    Err(Error::NoAnswer { operation: ask.operation.clone(), told: "turned away again and again".to_owned() })
}

async fn all_answered(arena: &Arena, town: &Deployment, asks: &[Ask]) -> Result<(), Error> {
    arena.progress.counts("until each is answered", asks.len());
    let mut asking = JoinSet::new();
    for (number, asks) in asks.chunks(asks.len().div_ceil(CLIENTS).max(1)).enumerate() {
        let (mut caller, asks, arena) = (arena.caller(&town.shop, number)?, asks.to_vec(), arena.clone());
        asking.spawn(async move {
            for ask in asks {
                caller.insist(&ask).await?;
                arena.progress.advance();
            }
            Ok::<_, Error>(())
        });
    }
    while let Some(asked) = asking.join_next().await {
        asked.map_err(std::io::Error::other)??;
    }
    Ok(())
}

/// What was unknown has become known by itself.
async fn nobody_has_to_look(arena: &Arena, town: &Deployment) -> Result<(), Error> {
    let mut caller = arena.caller(&town.shop, 0)?;
    let cases = caller.get("/v1/ops/review_cases", town.shop.ops_key.as_deref()).await?;
    let open = cases["data"].as_array().map_or(0, Vec::len);
    arena.findings.always("nobody_has_to_look", open == 0, || format!("{open} review cases: {cases}"));
    Ok(())
}
