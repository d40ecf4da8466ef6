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

use crate::deployment::ACCOUNTS;
use crate::judge::past_healing;
use crate::operation_request::PAYS;
use crate::orders::{self, Order, OrderOutcome};
use crate::{
    Deployment, Error, Need, OperationRequest, PendingWork, ReplyKind, RetryingClient, Scenario,
    ScenarioContext, Tuning, judge,
};
use check::RecordedCall;

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
    run: |context| Box::pin(run(context)),
};

const CLIENTS: usize = 16;
const ORDERS_MIN: usize = 20;
/// Enough that retries without a budget could not be mistaken for retries with one.
const ASKED_MIN: usize = 60;
const ASKED_MAX: usize = 400;
const SHED: usize = 16;
/// Payments of which two parts go back.
const REFUNDED: usize = 12;
/// Jobs that a process works on at once.
const CONCURRENCY: usize = 8;
const CALL_TIMEOUT_MS: u64 = 800;
const RETRY_AFTER_S: u64 = 1;
/// Far beyond what an order takes, and short of a client's patience: who never gets on says so before it.
const DEADLINE_SECONDS: u64 = 60;
/// How long an outage without a circuit lasts: many times the pause before a retry.
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

async fn run(context: ScenarioContext) -> Result<(), Error> {
    let mut random = context.random("orders");
    let share = |part: usize, min: usize, max: usize| (context.operations() / part).clamp(min, max);
    let lies = orders::orders(&context, share(4, ORDERS_MIN, usize::MAX), &mut random);
    let late = orders::orders(&context, share(8, ORDERS_MIN, usize::MAX), &mut random);
    let late =
        late.into_iter().map(|order| Order { name: format!("{}-late", order.name), ..order }).collect();
    let asked = share(4, ASKED_MIN, ASKED_MAX);
    let budgeted = charges(&context, "down", asked, &mut random);
    let spared = charges(&context, "open", asked, &mut random);
    let shed = charges(&context, "shed", SHED, &mut random);

    let mut deployment = context.deploy(&without_walls()).await?;
    let mut outcomes = lies_to_us(&context, &mut deployment, lies).await?;
    outcomes.extend(answers_late(&context, &mut deployment, late).await?);
    outcomes.extend(forgets(&context, &mut deployment).await?);
    deployment.rest().await?;

    deployment.retune(&behind_the_budget()).await?;
    is_down(&context, &mut deployment, &budgeted).await?;
    deployment.retune(&circuit::tuning(tuning().with("limits", "wait_ms", 200))).await?;
    circuit::opens_and_closes(&context, &mut deployment, &spared, &mut random).await?;
    sheds(&context, &mut deployment, &shed).await?;

    deployment.set_faults(json!({})).await?;
    deployment.all_alive()?;
    calls::reached(&context, &deployment).await?;
    judge(&context, &deployment).await?;
    orders::judge_bookings(&context, &deployment, &outcomes).await?;
    nobody_has_to_look(&context, &deployment).await
}

fn charges(
    context: &ScenarioContext,
    part: &str,
    count: usize,
    random: &mut StdRng,
) -> Vec<OperationRequest> {
    let charge = |number| {
        let operation = context.operation(format!("{part}-{number}"));
        OperationRequest::charge(&operation, random.random_range(100..=9_999), PAYS)
    };
    (0..count).map(charge).collect()
}

async fn lies_to_us(
    context: &ScenarioContext,
    deployment: &mut Deployment,
    orders: Vec<Order>,
) -> Result<Vec<OrderOutcome>, Error> {
    let faults = json!({
        "seed": context.draw("lies"), "commit_then_500": 0.2, "commit_then_drop": 0.2, "drop_before": 0.15,
        "kept_500": 0.1, "commit_then_kept_500": 0.1,
    });
    deployment.set_faults(faults).await?;
    let outcomes =
        orders::serve(context, &deployment.shop, CLIENTS, orders, &PendingWork::as_planned()).await?;
    deployment.set_faults(json!({})).await?;
    Ok(outcomes)
}

/// Half of the answers come after we have hung up.
async fn answers_late(
    context: &ScenarioContext,
    deployment: &mut Deployment,
    orders: Vec<Order>,
) -> Result<Vec<OrderOutcome>, Error> {
    let before = calls::unheard(deployment).await?;
    let faults = json!({ "seed": context.draw("late"), "answer_delay_ms": [0, 2 * CALL_TIMEOUT_MS] });
    deployment.set_faults(faults).await?;
    let outcomes =
        orders::serve(context, &deployment.shop, CLIENTS, orders, &PendingWork::as_planned()).await?;
    // Nothing else is wrong here: an answer that was not heard came too late.
    if calls::unheard(deployment).await? > before {
        context.findings.reached("answered_late");
    }
    deployment.set_faults(json!({})).await?;
    Ok(outcomes)
}

/// Each refund is carried out before its answer is lost, so whoever looks finds it; whoever says it again makes
/// another one.
async fn forgets(context: &ScenarioContext, deployment: &mut Deployment) -> Result<Vec<OrderOutcome>, Error> {
    let order = |number: usize| Order {
        name: context.operation(format!("forgets-{number}")),
        books: number.is_multiple_of(2),
        captures_minor: None,
        refunds_minor: vec![300, 200],
        declined: false,
        may_be_declined: false,
    };
    let before = calls::all(deployment).await?.len();
    let faults = json!({
        "seed": context.draw("forgets"), "commit_then_500": 0.2, "commit_then_drop": 0.2, "forget_keys": true,
        // Or a webhook tells what the answer did not.
        "webhook_drop": 1,
    });
    deployment.set_faults(faults).await?;
    let orders = (0..REFUNDED).map(order).collect();
    let outcomes =
        orders::serve(context, &deployment.shop, CLIENTS, orders, &PendingWork::as_planned()).await?;
    let unheard =
        |call: &&RecordedCall| call.path == "/v1/refunds" && call.outcome.starts_with("committed_then");
    let refunds = calls::all(deployment).await?[before..].iter().filter(unheard).count();
    context.findings.reached_times("refunded_and_forgot", refunds as u64);
    deployment.set_faults(json!({})).await?;
    past_healing(context, deployment).await?;
    Ok(outcomes)
}

/// 503 to everything for a while, and nothing but the budget that holds the retries.
async fn is_down(
    context: &ScenarioContext,
    deployment: &mut Deployment,
    asks: &[OperationRequest],
) -> Result<(), Error> {
    let before = calls::all(deployment).await?.len();
    deployment.set_faults(json!({ "unavailable": 1 })).await?;
    let lasting = context.timeline.begin("down", "provider");
    each_once(context, deployment, asks, "charges while the provider is down").await?;
    tokio::time::sleep(OUTAGE).await;
    let denied = calls::turned_away(deployment, "spent").await?;
    let window = calls::OutageWindow::of(&calls::all(deployment).await?[before..]);
    deployment.set_faults(json!({})).await?;
    context.timeline.end(lasting);
    window.judge_budget(context, deployment.workers().len());
    if denied > 0.0 {
        context.findings.reached("a_retry_was_denied");
    }
    context.findings.figure("retries denied while it was down", denied);
    all_answered(context, deployment, asks).await
}

/// The provider turns a part of the calls away.
async fn sheds(
    context: &ScenarioContext,
    deployment: &mut Deployment,
    asks: &[OperationRequest],
) -> Result<(), Error> {
    let before = calls::all(deployment).await?.len();
    let faults =
        json!({ "seed": context.draw("sheds"), "rate_limited": 0.3, "retry_after_s": RETRY_AFTER_S });
    deployment.set_faults(faults).await?;
    all_answered(context, deployment, asks).await?;
    calls::judge_told(context, &calls::all(deployment).await?[before..], Duration::from_secs(RETRY_AFTER_S));
    deployment.set_faults(json!({})).await
}

/// Says each once, whatever is heard: with the provider down mostly "not yet".
async fn each_once(
    context: &ScenarioContext,
    deployment: &Deployment,
    asks: &[OperationRequest],
    words: &str,
) -> Result<(), Error> {
    context.progress.counts(words, asks.len());
    let mut asking = JoinSet::new();
    for (number, asks) in asks.chunks(asks.len().div_ceil(CLIENTS).max(1)).enumerate() {
        let (mut caller, asks, context) =
            (context.caller(&deployment.shop, number)?, asks.to_vec(), context.clone());
        asking.spawn(async move {
            for ask in asks {
                until_taken(&mut caller, &ask).await?;
                context.progress.advance();
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
async fn until_taken(caller: &mut RetryingClient, ask: &OperationRequest) -> Result<(), Error> {
    const TRIES_MAX: usize = 20;
    for _ in 0..TRIES_MAX {
        if caller.send_once(ask).await?.reply_kind() != ReplyKind::Unavailable {
            return Ok(());
        }
    }
    Err(Error::NoAnswer { operation: ask.operation.clone(), told: "turned away again and again".to_owned() })
}

async fn all_answered(
    context: &ScenarioContext,
    deployment: &Deployment,
    asks: &[OperationRequest],
) -> Result<(), Error> {
    context.progress.counts("until each is answered", asks.len());
    let mut asking = JoinSet::new();
    for (number, asks) in asks.chunks(asks.len().div_ceil(CLIENTS).max(1)).enumerate() {
        let (mut caller, asks, context) =
            (context.caller(&deployment.shop, number)?, asks.to_vec(), context.clone());
        asking.spawn(async move {
            for ask in asks {
                caller.retry_until_definite(&ask).await?;
                context.progress.advance();
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
async fn nobody_has_to_look(context: &ScenarioContext, deployment: &Deployment) -> Result<(), Error> {
    let mut caller = context.caller(&deployment.shop, 0)?;
    let cases = caller.get("/v1/ops/review_cases", deployment.shop.ops_key.as_deref()).await?;
    let open = cases["data"].as_array().map_or(0, Vec::len);
    context.findings.always("nobody_has_to_look", open == 0, || format!("{open} review cases: {cases}"));
    Ok(())
}
