//! A provider that is out of reach for longer than it keeps idempotency keys.
//!
//! | operation | what the provider did | what must not happen |
//! |---|---|---|
//! | a charge in one step | took the money; the answer comes too late | the same call again: it would take the money again |
//! | a refund that carries our reference | sent the money back; the answer comes too late | the same call again |
//!
//! The workers are killed while the calls are under way, and are started again once the keys are forgotten.
//! The provider's search shows the payments only some time later: finding nothing proves nothing.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use serde_json::json;

use crate::deployment::ACCOUNTS;
use crate::judge::irreparable;
use crate::methods::{MERCADO_PAGO, STRIPE};
use crate::operation_request::PRICE_MINOR;
use crate::{
    Deployment, Error, Need, OperationRequest, ReplyKind, RetryingClient, Scenario, ScenarioContext, Tuning,
    judge,
};

pub const SCENARIO: Scenario = Scenario {
    number: 18,
    name: "forgotten-keys",
    promise: "However long a provider is out of reach, and whatever it has forgotten meanwhile, no money moves twice.",
    needs: &[Need::Deployment],
    always: &["nobody_has_to_look"],
    sometimes: &["charged_and_out_of_reach", "refunded_and_out_of_reach", "keys_were_forgotten"],
    run: |context| Box::pin(run(context)),
};

/// Operations for one payment of each kind.
const OPERATIONS_A_PAYMENT: usize = 10;
const PAYMENTS_MIN: usize = 4;
const PAYMENTS_MAX: usize = 20;
const REFUNDED_MINOR: i64 = 700;
/// As short as the time limits of one call allow.
const RETENTION_SECONDS: u64 = 2;
const CALL_TIMEOUT_MS: u64 = 1_500;
/// No call under way gets its answer.
const ANSWER_LATE_MS: u64 = 60_000;
const OUT_OF_REACH: Duration = Duration::from_secs(RETENTION_SECONDS + 1);
/// The search shows what is older than this: longer than the provider was out of reach.
const SEARCH_LAG_MS: u64 = 5_000;
const MADE_WITHIN: Duration = Duration::from_secs(30);
const POLL_EVERY: Duration = Duration::from_millis(100);

fn tuning() -> Tuning {
    Tuning::default()
        .with(ACCOUNTS, "connect_timeout_ms", 500)
        .with(ACCOUNTS, "call_timeout_ms", CALL_TIMEOUT_MS)
        .with(ACCOUNTS, "operation_timeout_ms", CALL_TIMEOUT_MS)
        .with(ACCOUNTS, "key_retention_seconds", RETENTION_SECONDS)
        .with("limits", "wait_ms", 200)
        .with("breaker", "calls_min", 10_000)
        .with("retry_budget", "floor_per_second", 200)
}

async fn run(context: ScenarioContext) -> Result<(), Error> {
    let count = (context.operations() / OPERATIONS_A_PAYMENT).clamp(PAYMENTS_MIN, PAYMENTS_MAX);
    let mut deployment = context.deploy(&tuning()).await?;
    let refunds = refunds(&context, &deployment, count).await?;
    let charge = |number| {
        let operation = context.operation(format!("charge-{number}"));
        OperationRequest::charge(&operation, PRICE_MINOR, &MERCADO_PAGO)
    };
    let charges: Vec<OperationRequest> = (0..count).map(charge).collect();

    let late = [ANSWER_LATE_MS, ANSWER_LATE_MS];
    deployment.set_faults(json!({ "answer_delay_ms": late, "webhook_drop": 1 })).await?;
    let requests: Vec<OperationRequest> = refunds.into_iter().chain(charges).collect();
    context.progress.counts("calls without an answer", requests.len());
    try_join_all(requests.iter().enumerate().map(|(number, request)| {
        let mut caller = context.caller(&deployment.target, number);
        async move { is_accepted(&mut caller, request).await }
    }))
    .await?;
    all_are_made(&context, &deployment, count).await?;

    let workers = deployment.workers();
    for worker in &workers {
        deployment.kill(worker).await?;
    }
    deployment.set_faults(json!({ "unavailable": 1, "webhook_drop": 1 })).await?;
    tokio::time::sleep(OUT_OF_REACH).await;
    let back = json!({
        "key_retention_s": RETENTION_SECONDS, "search_lag_ms": SEARCH_LAG_MS, "webhook_drop": 1,
    });
    deployment.set_faults(back).await?;
    context.findings.reached("keys_were_forgotten");
    for worker in &workers {
        deployment.start_again(worker).await?;
    }
    context.progress.counts("until each is answered", requests.len());
    try_join_all(requests.iter().enumerate().map(|(number, request)| {
        let mut caller = context.caller(&deployment.target, number);
        async move { caller.retry_until_definite(request).await }
    }))
    .await?;
    irreparable(&context, &deployment).await?;
    deployment.all_alive()?;
    judge(&context, &deployment).await?;
    let mut caller = context.caller(&deployment.target, 0);
    let cases = caller.get("/v1/ops/review_cases", deployment.target.ops_key.as_deref()).await?;
    let none = cases["data"].as_array().is_some_and(Vec::is_empty);
    context.findings.always("nobody_has_to_look", none, || cases.to_string());
    Ok(())
}

/// Sends a request until our server has it. Its outcome is not known yet.
async fn is_accepted(caller: &mut RetryingClient, request: &OperationRequest) -> Result<(), Error> {
    let begun = Instant::now();
    while begun.elapsed() < MADE_WITHIN {
        let kind = caller.send_once(request).await?.reply_kind();
        if !matches!(kind, ReplyKind::Lost | ReplyKind::Unavailable) {
            return Ok(());
        }
    }
    Err(Error::NoAnswer { operation: request.operation.clone(), outcome: "refused each time".to_owned() })
}

/// Refunds of payments that are settled.
async fn refunds(
    context: &ScenarioContext,
    deployment: &Deployment,
    count: usize,
) -> Result<Vec<OperationRequest>, Error> {
    let refund = |number| async move {
        let mut caller = context.caller(&deployment.target, number);
        let of = context.operation(format!("refunded-{number}"));
        let paid = caller.retry_until_definite(&OperationRequest::charge(&of, PRICE_MINOR, &STRIPE)).await?;
        let Some(payment) = paid.id().filter(|_| paid.is_success()) else {
            return Err(Error::Unexpected { operation: of, outcome: paid.summary() });
        };
        let path = format!("/v1/payments/{payment}");
        caller.until(&path, MADE_WITHIN, |seen| seen["confirmed_by_provider"] == true).await?;
        let amount = STRIPE.money(REFUNDED_MINOR);
        Ok(OperationRequest::refund(&format!("{of}-back"), &payment, &of, &amount))
    };
    try_join_all((0..count).map(refund)).await
}

/// Waits until the provider has done what it was called for.
async fn all_are_made(context: &ScenarioContext, deployment: &Deployment, count: usize) -> Result<(), Error> {
    let begun = Instant::now();
    loop {
        let Some(books) = deployment.books().await? else { return Ok(()) };
        let of_one_step =
            |charge: &&check::Charge| charge.provider == MERCADO_PAGO.provider && charge.moved();
        let (charged, refunded) = (books.charges.iter().filter(of_one_step).count(), books.refunds.len());
        if (charged >= count && refunded >= count) || begun.elapsed() > MADE_WITHIN {
            context.findings.reached_times("charged_and_out_of_reach", charged as u64);
            context.findings.reached_times("refunded_and_out_of_reach", refunded as u64);
            return Ok(());
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
}
