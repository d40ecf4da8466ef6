//! What no webhook and no list of events reports: only a comparison of the provider's books with ours finds it.
//!
//! | part | what happens at the provider | what must hold after a reconciliation |
//! |---|---|---|
//! | charges that wait for 3-D Secure at Stripe, or for a Pix at Mercado Pago or at a bank | the customer approves or pays | each is captured, by evidence |
//! | captured charges at Stripe and Mercado Pago | a person refunds a part | each has the refund, to the minor unit |
//! | all of them | the provider keeps its fee | each shows the fee of the provider's own books |
//!
//! Every webhook is lost, the list of events is not read, and nobody else fetches in time. The servers are
//! killed while the reconciliation runs, and it goes on.

use std::time::Duration;

use futures_util::future::try_join_all;
use outbound::HttpConnection;
use serde_json::{Value, json};

use super::by_hand::Person;
use crate::methods::{MERCADO_PAGO, MERCADO_PAGO_PIX, PIX_AT_BANK, PaymentMethod, STRIPE, STRIPE_ASKING};
use crate::operation_request::PRICE_MINOR;
use crate::{
    Deployment, Error, Need, OperationAnswer, OperationRequest, RetryingClient, Scenario, ScenarioContext,
    Tuning, judge,
};

pub const SCENARIO: Scenario = Scenario {
    number: 19,
    name: "reconciliation",
    promise: "A reconciliation finds what no webhook reported, also if its server is killed, and applies it once.",
    needs: &[Need::Deployment],
    always: &[
        "what_nobody_reported_is_found",
        "what_the_provider_kept_is_recorded",
        "a_run_survives_its_server",
    ],
    sometimes: &[
        "paid_unreported_at_stripe",
        "paid_unreported_at_mercado_pago",
        "paid_unreported_at_a_bank",
        "refunded_unreported_at_stripe",
        "refunded_unreported_at_mercado_pago",
        "killed_during_a_run",
    ],
    run: |context| Box::pin(run(context)),
};

/// What the customer completes, unreported. A bank's charges are not listed, so they are fetched by their ids.
const PAID: [(&PaymentMethod, &str); 3] = [
    (&STRIPE_ASKING, "paid_unreported_at_stripe"),
    (&MERCADO_PAGO_PIX, "paid_unreported_at_mercado_pago"),
    (&PIX_AT_BANK, "paid_unreported_at_a_bank"),
];
/// What a person refunds in part at the provider, unreported.
const REFUNDED: [(&PaymentMethod, &str); 2] =
    [(&STRIPE, "refunded_unreported_at_stripe"), (&MERCADO_PAGO, "refunded_unreported_at_mercado_pago")];
const OPERATIONS_A_PAYMENT: usize = 10;
const PAYMENTS_MIN: usize = 3;
const PAYMENTS_MAX: usize = 60;
const PART_MINOR: i64 = 700;
const ENDED_WITHIN: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Stripe lists whole seconds: the objects of the last second are listed once it is over.
const SECOND_OVER: Duration = Duration::from_millis(1_100);

async fn run(context: ScenarioContext) -> Result<(), Error> {
    let count = (context.operations() / OPERATIONS_A_PAYMENT).clamp(PAYMENTS_MIN, PAYMENTS_MAX);
    let silent = Tuning::default()
        .with("workers", "evidence_after_ms", 900_000)
        .with("workers", "events_every_ms", 3_600_000)
        .with("workers", "lease_ms", 1_000);
    let mut deployment = context.deploy(&silent).await?;
    deployment.set_faults(json!({ "webhook_drop": 1 })).await?;
    context.progress.counts("unreported at the provider", (PAID.len() + REFUNDED.len()) * count);
    let expected = {
        let (deployment, context) = (&deployment, &context);
        let numbers =
            |methods: usize| (0..methods).flat_map(|method| (0..count).map(move |number| (method, number)));
        let (paid, refunded) = tokio::try_join!(
            try_join_all(numbers(PAID.len()).map(|(method, number)| paid(
                context,
                deployment,
                PAID[method],
                number
            ))),
            try_join_all(numbers(REFUNDED.len()).map(|(method, number)| refunded(
                context,
                deployment,
                REFUNDED[method],
                number
            ))),
        )?;
        paid.into_iter().chain(refunded).collect::<Vec<_>>()
    };
    tokio::time::sleep(SECOND_OVER).await;
    deployment.set_faults(json!({ "webhook_drop": 1, "delay_ms": [100, 200] })).await?;
    for (number, method) in [&STRIPE, &MERCADO_PAGO, &PIX_AT_BANK].into_iter().enumerate() {
        reconcile(&context, &mut deployment, method.provider, number == 0).await?;
    }
    let mut caller = context.caller(&deployment.target, 0);
    let books = deployment.books().await?.unwrap_or_default();
    for Unreported { path, captured, refunded } in expected {
        let seen = caller.get(&path, None).await?;
        let kept = books.charges.iter().find(|charge| seen["provider_reference"] == *charge.id);
        let kept = kept.map_or(0, |charge| charge.fee_minor);
        // A bank shows no fees.
        let is_shown = kept > 0 || seen["provider"] == PIX_AT_BANK.provider;
        let recorded = is_shown && seen["provider_fee"]["minor"].as_i64().unwrap_or(0) == kept;
        let what = || format!("the provider kept {kept}, {path}: {seen}");
        context.findings.always("what_the_provider_kept_is_recorded", recorded, what);
        let found = seen["captured"]["minor"] == captured
            && seen["refunded"]["minor"] == refunded
            && seen["confirmed_by_provider"] == true;
        context.findings.always("what_nobody_reported_is_found", found, || format!("{path}: {seen}"));
    }
    deployment.set_faults(json!({})).await?;
    deployment.retune(&Tuning::default()).await?;
    deployment.all_alive()?;
    judge(&context, &deployment).await.map(drop)
}

/// A payment, and what it must have after the reconciliation.
struct Unreported {
    path: String,
    captured: i64,
    refunded: i64,
}

/// The answer to an order that was accepted, with the payment's id and the provider's.
async fn made(
    caller: &mut RetryingClient,
    request: &OperationRequest,
) -> Result<(OperationAnswer, String, String), Error> {
    let made = caller.retry_until_definite(request).await?;
    let object = made.body["provider_reference"].as_str().map(str::to_owned);
    let both = made.id().zip(object).filter(|_| made.is_success());
    let unexpected = || Error::Unexpected { operation: request.operation.clone(), outcome: made.summary() };
    let (payment, object) = both.ok_or_else(unexpected)?;
    Ok((made, payment, object))
}

async fn paid(
    context: &ScenarioContext,
    deployment: &Deployment,
    (method, state): (&PaymentMethod, &'static str),
    number: usize,
) -> Result<Unreported, Error> {
    let mut caller = context.caller(&deployment.target, number);
    let operation = context.operation(format!("{state}-{number}"));
    let (answer, payment, object) =
        made(&mut caller, &OperationRequest::charge(&operation, PRICE_MINOR, method)).await?;
    if method.waits_for_customer() {
        method.customer_pays(&deployment.target, &answer).await?;
    } else {
        let mut bank = HttpConnection::new(deployment.sandbox_url()?);
        let path = format!("/sandbox/authenticate/{object}");
        let approved = bank.post(&path, &[], json!({ "approve": true }).to_string()).await?;
        if !approved.status.is_success() {
            return Err(Error::Unexpected { operation, outcome: approved.status.to_string() });
        }
    }
    context.findings.reached(state);
    context.progress.advance();
    Ok(Unreported { path: format!("/v1/payments/{payment}"), captured: PRICE_MINOR, refunded: 0 })
}

async fn refunded(
    context: &ScenarioContext,
    deployment: &Deployment,
    (method, state): (&'static PaymentMethod, &'static str),
    number: usize,
) -> Result<Unreported, Error> {
    let mut caller = context.caller(&deployment.target, number);
    let operation = context.operation(format!("{state}-{number}"));
    let (_, payment, object) =
        made(&mut caller, &OperationRequest::charge(&operation, PRICE_MINOR, method)).await?;
    let mut person = Person::of(context, deployment)?.at(method);
    person.refunds(&format!("{operation}-hand"), &operation, &object, PART_MINOR).await?;
    context.findings.reached(state);
    context.progress.advance();
    Ok(Unreported { path: format!("/v1/payments/{payment}"), captured: PRICE_MINOR, refunded: PART_MINOR })
}

/// Starts a run, kills a server that may work on it if that is wanted, and waits for its end.
async fn reconcile(
    context: &ScenarioContext,
    deployment: &mut Deployment,
    provider: &str,
    kills: bool,
) -> Result<(), Error> {
    let run = started(deployment, provider).await?;
    let mut killed = !kills;
    let until = tokio::time::Instant::now() + ENDED_WITHIN;
    let mut seen = Value::Null;
    while tokio::time::Instant::now() < until && !has_ended(&seen) {
        seen = shown(deployment, &run).await;
        if !killed && seen["state"] == "running" && seen["pages"].as_i64() > Some(0) {
            for name in deployment.workers() {
                deployment.kill(&name).await?;
                deployment.start_again(&name).await?;
            }
            context.findings.reached("killed_during_a_run");
            killed = true;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let finished = seen["state"] == "finished";
    context.findings.always("a_run_survives_its_server", finished, || format!("{run}: {seen}"));
    Ok(())
}

/// The run, once it has ended or the time is over.
pub(super) async fn ended(deployment: &Deployment, run: &str) -> Value {
    let until = tokio::time::Instant::now() + ENDED_WITHIN;
    loop {
        let seen = shown(deployment, run).await;
        if has_ended(&seen) || tokio::time::Instant::now() > until {
            return seen;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn has_ended(run: &Value) -> bool {
    run["state"] == "finished" || run["state"] == "failed"
}

/// The run as a server shows it; null if no server answers.
async fn shown(deployment: &Deployment, run: &str) -> Value {
    let mut ours = HttpConnection::new(deployment.target.base_urls.first().map_or("", String::as_str));
    let ops = format!("Bearer {}", deployment.target.ops_key.as_deref().unwrap_or_default());
    let path = format!("/v1/ops/reconciliations/{run}");
    let answered = ours.get(&path, &[("authorization", &ops)]).await.ok();
    answered.and_then(|response| response.json().ok()).unwrap_or_default()
}

pub(super) async fn started(deployment: &Deployment, provider: &str) -> Result<String, Error> {
    const PATH: &str = "/v1/ops/reconciliations";
    let mut ours = HttpConnection::new(deployment.target.base_urls.first().map_or("", String::as_str));
    let ops = format!("Bearer {}", deployment.target.ops_key.as_deref().unwrap_or_default());
    let headers = [("authorization", ops.as_str()), ("content-type", "application/json")];
    let request = json!({ "provider": provider, "who": "the attack" }).to_string();
    let response = ours.post(PATH, &headers, request).await?;
    let body: Value =
        response.json().map_err(|error| Error::Unreadable(PATH.to_owned(), error.to_string()))?;
    body["id"].as_str().map(str::to_owned).ok_or_else(|| Error::Unexpected {
        operation: PATH.to_owned(),
        outcome: format!("{}: {}", response.status, response.text()),
    })
}
