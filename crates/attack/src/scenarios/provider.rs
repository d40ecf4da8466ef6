//! A provider that acts without an answer, that is late, that is down, and that sheds load.
//!
//! | part | the provider | what must hold |
//! |---|---|---|
//! | lies | commits and answers 500, commits and hangs up, hangs up before it acts; stores a 500 under the key, with or without a commit; each by chance, and each for certain | applied once |
//! | late | answers just after our timeout, or just before | applied once |
//! | loses answers | makes a refund whose only protection is its key, and loses the answer | applied once |
//! | forgets | makes a refund, loses the answer, and has forgotten the key at the next call | fetched, and made once |
//! | down, and the circuit cannot open | 503 to everything | the calls are the first calls, a tenth more, and the minimum |
//! | down | 503 to everything | circuits open, probe, and close when it is back |
//! | sheds | 429 with `Retry-After` | no call comes sooner |
//!
//! Calls are counted in the provider's own log. Between the parts the processes are restarted with
//! other settings, so that each protection is tested without the others.

mod calls;
mod circuit;

use std::time::Duration;

use futures_util::future::BoxFuture;
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::json;
use tokio::task::JoinSet;

use crate::deployment::ACCOUNTS;
use crate::judge::irreparable;
use crate::methods::{MERCADO_PAGO, PaymentMethod, STRIPE};
use crate::orders::{self, Order, OrderOutcome};
use crate::{
    Deployment, Error, Need, OperationRequest, PendingWork, ReplyKind, RetryingClient, Scenario,
    ScenarioContext, Tuning, judge,
};
use check::RecordedCall;

pub const SCENARIO: Scenario = Scenario {
    number: 10,
    name: "provider",
    promise: "Whatever the provider does or does not answer, each operation is applied once; while it is down it gets at most a tenth more calls than there are operations, or none, and no money waits for a person afterwards.",
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
        "refunded_and_lost",
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
/// Enough that retries without a budget differ clearly from retries with one.
const CHARGES_MIN: usize = 60;
const CHARGES_MAX: usize = 400;
const SHED: usize = 16;
/// The lies that each run must have seen: the fault, and the outcome of its call in the provider's log.
const LIES: [(&str, &str); 5] = [
    ("commit_then_500", "committed_then_500"),
    ("commit_then_drop", "committed_then_dropped"),
    ("drop_before", "dropped_before"),
    ("kept_500", "kept_500"),
    ("commit_then_kept_500", "committed_then_kept_500"),
];
const CHARGES_A_LIE: usize = 2;
/// Payments with two partial refunds each.
const REFUNDED: usize = 12;
/// Jobs that a process runs at once.
const CONCURRENCY: usize = 8;
const CALL_TIMEOUT_MS: u64 = 800;
const RETRY_AFTER_S: u64 = 1;
/// Far longer than an order takes, and shorter than a client's time limit.
const DEADLINE_SECONDS: u64 = 60;
/// The duration of an outage without a circuit: many times the pause before a retry.
const OUTAGE: Duration = Duration::from_secs(4);

/// Processes that answer early under load, with an outcome that is not known yet.
fn tuning() -> Tuning {
    Tuning::default()
        .with(ACCOUNTS, "connect_timeout_ms", 300)
        .with(ACCOUNTS, "call_timeout_ms", CALL_TIMEOUT_MS)
        .with("workers", "concurrency", CONCURRENCY)
}

/// No circuit opens, and retries are practically unlimited: this part tests their effects.
fn without_walls() -> Tuning {
    tuning().with("breaker", "calls_min", 10_000).with("retry_budget", "floor_per_second", 200).with(
        "workers",
        "operation_deadline_seconds",
        DEADLINE_SECONDS,
    )
}

/// The budget is the only protection, with the program's default settings.
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
    let count = share(4, CHARGES_MIN, CHARGES_MAX);
    let budgeted = charges(&context, &STRIPE, "down", count, &mut random);
    let spared = charges(&context, &MERCADO_PAGO, "open", count, &mut random);
    let shed = charges(&context, &STRIPE, "shed", SHED, &mut random);
    let certain = charges(&context, &STRIPE, "lie", LIES.len() * CHARGES_A_LIE, &mut random);

    let mut deployment = context.deploy(&without_walls()).await?;
    let mut outcomes = lies_to_us(&context, &mut deployment, lies).await?;
    tells_each_lie(&context, &mut deployment, &certain).await?;
    outcomes.extend(answers_late(&context, &mut deployment, late).await?);
    outcomes.extend(refunds(&context, &mut deployment, &MERCADO_PAGO).await?);
    outcomes.extend(refunds(&context, &mut deployment, &STRIPE).await?);
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
    no_review_cases(&context, &deployment).await
}

fn charges(
    context: &ScenarioContext,
    method: &PaymentMethod,
    part: &str,
    count: usize,
    random: &mut StdRng,
) -> Vec<OperationRequest> {
    let charge = |number| {
        let operation = context.operation(format!("{part}-{number}"));
        OperationRequest::charge(&operation, random.random_range(100..=9_999), method)
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
        "kept_500": 0.1, "commit_then_kept_500": 0.1, "kept_by_stripe_only": true,
    });
    deployment.set_faults(faults).await?;
    let outcomes =
        orders::serve(context, &deployment.target, CLIENTS, orders, &PendingWork::as_planned()).await?;
    deployment.set_faults(json!({})).await?;
    Ok(outcomes)
}

/// Every call of some charges meets the fault, until the first has met it. So no state is left to chance.
async fn tells_each_lie(
    context: &ScenarioContext,
    deployment: &mut Deployment,
    requests: &[OperationRequest],
) -> Result<(), Error> {
    for ((fault, outcome), requests) in LIES.into_iter().zip(requests.chunks(CHARGES_A_LIE)) {
        let before = calls::all(deployment).await?.len();
        deployment.set_faults(json!({ fault: 1 })).await?;
        each_once(context, deployment, requests, "charges that each meet a lie").await?;
        calls::wait_for(deployment, before, outcome).await?;
        deployment.set_faults(json!({})).await?;
        all_answered(context, deployment, requests).await?;
    }
    Ok(())
}

/// Half of the answers come after our timeout.
async fn answers_late(
    context: &ScenarioContext,
    deployment: &mut Deployment,
    orders: Vec<Order>,
) -> Result<Vec<OrderOutcome>, Error> {
    let before = calls::lost_answers(deployment).await?;
    let faults = json!({ "seed": context.draw("late"), "answer_delay_ms": [0, 2 * CALL_TIMEOUT_MS] });
    deployment.set_faults(faults).await?;
    let outcomes =
        orders::serve(context, &deployment.target, CLIENTS, orders, &PendingWork::as_planned()).await?;
    // The provider has no other fault here: an answer that was lost came too late.
    if calls::lost_answers(deployment).await? > before {
        context.findings.reached("answered_late");
    }
    deployment.set_faults(json!({})).await?;
    Ok(outcomes)
}

/// Each refund is made before its answer is lost. Where refunds carry our reference, a fetch finds it: the
/// provider forgets the keys, so a second call would make another one. Elsewhere the key protects.
async fn refunds(
    context: &ScenarioContext,
    deployment: &mut Deployment,
    method: &'static PaymentMethod,
) -> Result<Vec<OrderOutcome>, Error> {
    let carry_reference = method.provider == STRIPE.provider;
    let order = |number: usize| Order {
        name: context.operation(format!("forgets-{}-{number}", method.provider)),
        method,
        seats: usize::from(number.is_multiple_of(2)),
        captures_minor: None,
        refunds_minor: vec![300, 200],
        declined: false,
        may_be_declined: false,
    };
    let before = calls::all(deployment).await?.len();
    let faults = json!({
        "seed": context.draw("forgets"), "commit_then_500": 0.2, "commit_then_drop": 0.2, "forget_keys": carry_reference,
        // A webhook may report what the answer did not.
        "webhook_drop": 1,
    });
    deployment.set_faults(faults).await?;
    let orders = (0..REFUNDED).map(order).collect();
    let outcomes =
        orders::serve(context, &deployment.target, CLIENTS, orders, &PendingWork::as_planned()).await?;
    let lost =
        |call: &&RecordedCall| call.path.ends_with("/refunds") && call.outcome.starts_with("committed_then");
    let refunds = calls::all(deployment).await?[before..].iter().filter(lost).count();
    let reached = if carry_reference { "refunded_and_forgot" } else { "refunded_and_lost" };
    context.findings.reached_times(reached, refunds as u64);
    deployment.set_faults(json!({})).await?;
    irreparable(context, deployment).await?;
    Ok(outcomes)
}

/// 503 to everything for a while, with the budget as the only limit of retries.
async fn is_down(
    context: &ScenarioContext,
    deployment: &mut Deployment,
    requests: &[OperationRequest],
) -> Result<(), Error> {
    let before = calls::all(deployment).await?.len();
    deployment.set_faults(json!({ "unavailable": 1 })).await?;
    let lasting = context.timeline.begin("down", "provider");
    each_once(context, deployment, requests, "charges while the provider is down").await?;
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
    all_answered(context, deployment, requests).await
}

/// The provider refuses a part of the calls.
async fn sheds(
    context: &ScenarioContext,
    deployment: &mut Deployment,
    requests: &[OperationRequest],
) -> Result<(), Error> {
    let before = calls::all(deployment).await?.len();
    let faults =
        json!({ "seed": context.draw("sheds"), "rate_limited": 0.3, "retry_after_s": RETRY_AFTER_S });
    deployment.set_faults(faults).await?;
    all_answered(context, deployment, requests).await?;
    calls::judge_retry_after(
        context,
        &calls::all(deployment).await?[before..],
        Duration::from_secs(RETRY_AFTER_S),
    );
    deployment.set_faults(json!({})).await
}

/// Sends each request once, whatever the answer: with the provider down it is mostly "not yet".
async fn each_once(
    context: &ScenarioContext,
    deployment: &Deployment,
    requests: &[OperationRequest],
    text: &str,
) -> Result<(), Error> {
    by_all_clients(context, deployment, requests, text, |caller, request| {
        Box::pin(until_taken(caller, request))
    })
    .await
}

/// A request that our own server refused was not accepted, so it is sent again.
async fn until_taken(caller: &mut RetryingClient, request: &OperationRequest) -> Result<(), Error> {
    const TRIES_MAX: usize = 20;
    for _ in 0..TRIES_MAX {
        if caller.send_once(request).await?.reply_kind() != ReplyKind::Unavailable {
            return Ok(());
        }
    }
    Err(Error::NoAnswer { operation: request.operation.clone(), outcome: "refused each time".to_owned() })
}

async fn all_answered(
    context: &ScenarioContext,
    deployment: &Deployment,
    requests: &[OperationRequest],
) -> Result<(), Error> {
    by_all_clients(context, deployment, requests, "until each is answered", |caller, request| {
        Box::pin(async move { caller.retry_until_definite(request).await.map(drop) })
    })
    .await
}

/// How a client sends one request.
type SendRequest =
    for<'a> fn(&'a mut RetryingClient, &'a OperationRequest) -> BoxFuture<'a, Result<(), Error>>;

/// Divides the requests among the clients, each of which sends one after the other.
async fn by_all_clients(
    context: &ScenarioContext,
    deployment: &Deployment,
    requests: &[OperationRequest],
    text: &str,
    send: SendRequest,
) -> Result<(), Error> {
    context.progress.counts(text, requests.len());
    let mut sending = JoinSet::new();
    for (number, requests) in requests.chunks(requests.len().div_ceil(CLIENTS).max(1)).enumerate() {
        let (mut caller, requests, context) =
            (context.caller(&deployment.target, number), requests.to_vec(), context.clone());
        sending.spawn(async move {
            for request in requests {
                send(&mut caller, &request).await?;
                context.progress.advance();
            }
            Ok::<_, Error>(())
        });
    }
    while let Some(sent) = sending.join_next().await {
        sent.map_err(std::io::Error::other)??;
    }
    Ok(())
}

/// No review case is open: each unknown outcome was resolved without a person.
async fn no_review_cases(context: &ScenarioContext, deployment: &Deployment) -> Result<(), Error> {
    let mut caller = context.caller(&deployment.target, 0);
    let cases = caller.get("/v1/ops/review_cases", deployment.target.ops_key.as_deref()).await?;
    let open = cases["data"].as_array().map_or(0, Vec::len);
    context.findings.always("nobody_has_to_look", open == 0, || format!("{open} review cases: {cases}"));
    Ok(())
}
