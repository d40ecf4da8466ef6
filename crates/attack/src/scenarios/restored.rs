//! The database goes back to an earlier moment, and the provider's books do not.
//!
//! | what was done after the backup | its client | what must hold after a reconciliation |
//! |---|---|---|
//! | charges, payments of bookings, with and without their holds | repeats it before the reconciliation, under the provider's own key | the same payment, charged once |
//! | the same | repeats it afterwards, when the provider has forgotten its keys | the same payment, charged once |
//! | the same | never comes back | an open difference, which names its object and its reference |
//! | refunds | repeats them, before or afterwards, or never comes back | each is in our books, and was made once |
//! | captures, cancelled authorisations | repeats them before, or never comes back | our payment is as the provider's |
//! | completed bookings, whose shares are paid out | completes them again | one transfer for each share |
//!
//! Each webhook after the backup is lost, and the list of events is not read, so only the reconciliation
//! knows what the provider did.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::try_join_all;
use serde_json::{Value, json};

use super::payout::{SCOPES, asks, share};
use super::reconciliation::{ended, started};
use crate::journal::Journal;
use crate::methods::{MERCADO_PAGO, PaymentMethod, STRIPE};
use crate::operation_request::PRICE_MINOR;
use crate::{Deployment, Error, Need, OperationAnswer, OperationRequest, RetryingClient};
use crate::{Scenario, ScenarioContext, Tuning, judge};

pub const SCENARIO: Scenario = Scenario {
    number: 22,
    name: "restored",
    promise: "If the database is restored from a backup while the provider's books went on, nothing is charged, refunded or paid out twice, and what is lost is found.",
    needs: &[Need::Deployment],
    always: &[
        "a_repeated_request_is_the_same_operation",
        "what_was_lost_is_found",
        "nothing_else_differs",
        "a_lost_share_is_paid_once",
    ],
    sometimes: &["repeated_before_it_was_found", "repeated_after_it_was_found", "never_repeated"],
    run: |context| Box::pin(run(context)),
};

/// Operations for one turn of each kind.
const OPERATIONS_A_TURN: usize = 50;
const TURNS_MIN: usize = 1;
const TURNS_MAX: usize = 6;
const HOLD_SECONDS: u32 = 3_600;
const PART_MINOR: i64 = 700;
const SETTLED_WITHIN: Duration = Duration::from_secs(30);
/// Stripe lists whole seconds, and the sandbox forgets keys that are older than one.
const SECOND_OVER: Duration = Duration::from_millis(1_100);

/// What a client does after the backup.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Charge(&'static PaymentMethod),
    /// A hold, and its payment.
    Book,
    /// The payment of a hold that the backup has.
    PayHold,
    Refund,
    Capture,
    Void,
    /// Completes a booking, whose share is then paid out.
    Complete,
}

/// When its client repeats what it has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Return {
    Before,
    Afterwards,
    Never,
}

/// A capture or void that the reconciliation has applied is refused when it is repeated, and a share that was
/// paid out for a booking that is never completed again is at the provider only: see the runbook.
const KINDS: [(Kind, &[Return]); 8] = {
    use Return::{Afterwards, Before, Never};
    const EACH: &[Return] = &[Before, Afterwards, Never];
    [
        (Kind::Charge(&STRIPE), EACH),
        (Kind::Charge(&MERCADO_PAGO), EACH),
        (Kind::Book, EACH),
        (Kind::PayHold, EACH),
        (Kind::Refund, EACH),
        (Kind::Capture, &[Before, Never]),
        (Kind::Void, &[Before, Never]),
        (Kind::Complete, &[Before, Afterwards]),
    ]
};

/// A client, and what it had before the backup.
struct Customer {
    kind: Kind,
    returns: Return,
    name: String,
    /// The booking or the payment that the backup has.
    had: String,
    /// What it did after the backup, in order.
    done: Vec<(OperationRequest, OperationAnswer)>,
}

async fn run(context: ScenarioContext) -> Result<(), Error> {
    let turns = (context.operations() / OPERATIONS_A_TURN).clamp(TURNS_MIN, TURNS_MAX);
    let tuning = Tuning::default().with("workers", "events_every_ms", 3_600_000);
    let mut deployment = context.deploy(&tuning).await?;
    deployment.target.api_key = deployment.installation()?.key(SCOPES, false).await?;
    share(&context, &deployment).await?;
    let mut customers = customers(&context, turns);
    context.progress.counts("before the backup", customers.len());
    try_join_all(customers.iter_mut().map(|customer| prepare(&context, &deployment, customer))).await?;
    let backup = deployment.back_up().await?;

    deployment.set_faults(json!({ "webhook_drop": 1 })).await?;
    context.progress.counts("after the backup", customers.len());
    let lost = Journal::create(&context.directory.join("lost.journal"), context.timeline.clone())?;
    try_join_all(customers.iter_mut().map(|customer| act(&context, &deployment, &lost, customer))).await?;
    shares_are_paid(&context, &deployment, &customers).await?;
    deployment.restore(&backup).await?;
    tokio::time::sleep(SECOND_OVER).await;

    repeat(&context, &deployment, &customers, Return::Before).await?;
    reconcile(&context, &deployment).await?;
    let gone = lost_is_found(&context, &deployment, &customers).await?;
    deployment.set_faults(json!({ "webhook_drop": 1, "key_retention_s": 1 })).await?;
    repeat(&context, &deployment, &customers, Return::Afterwards).await?;
    shares_are_paid(&context, &deployment, &customers).await?;
    reconcile(&context, &deployment).await?;
    let open = differences(&context, &deployment).await?;
    context.findings.always("nothing_else_differs", open.keys().eq(&gone), || {
        format!("open: {open:?}; lost, and never repeated: {gone:?}")
    });
    nobody_else_has_to_look(&context, &deployment).await?;
    deployment.lost = gone;
    deployment.all_alive()?;
    judge(&context, &deployment).await.map(drop)
}

async fn nobody_else_has_to_look(context: &ScenarioContext, deployment: &Deployment) -> Result<(), Error> {
    let mut caller = context.caller(&deployment.target, 0);
    let cases = caller.get("/v1/ops/review_cases", deployment.target.ops_key.as_deref()).await?;
    let none = cases["data"].as_array().is_some_and(Vec::is_empty);
    context.findings.always("nothing_else_differs", none, || cases.to_string());
    Ok(())
}

/// Part of the names of its operations.
fn label(kind: Kind, returns: Return) -> String {
    let kind = match kind {
        Kind::Charge(method) => format!("charge-{}", method.provider),
        other => format!("{other:?}"),
    };
    format!("{kind}-{returns:?}").to_lowercase().replace('_', "-")
}

fn customers(context: &ScenarioContext, turns: usize) -> Vec<Customer> {
    let mut customers = Vec::new();
    for (turn, (kind, returns)) in (0..turns).flat_map(|turn| KINDS.map(|of| (turn, of))) {
        for returns in returns {
            let name = context.operation(format!("{}-{turn}", label(kind, *returns)));
            customers.push(Customer { kind, returns: *returns, name, had: String::new(), done: Vec::new() });
        }
    }
    customers
}

async fn done(caller: &mut RetryingClient, request: &OperationRequest) -> Result<OperationAnswer, Error> {
    let answer = caller.retry_until_definite(request).await?;
    let unexpected = || Error::Unexpected { operation: request.operation.clone(), outcome: answer.summary() };
    if answer.is_success() { Ok(answer) } else { Err(unexpected()) }
}

/// Makes what the backup has, and waits until it is settled.
async fn prepare(
    context: &ScenarioContext,
    deployment: &Deployment,
    customer: &mut Customer,
) -> Result<(), Error> {
    let mut caller = context.caller(&deployment.target, 0);
    let base = format!("{}-base", customer.name);
    let hold =
        || OperationRequest::hold(&format!("{base}-hold"), &deployment.target.catalogue, 0, HOLD_SECONDS);
    let request = match customer.kind {
        Kind::Charge(_) | Kind::Book => return Ok(()),
        Kind::PayHold | Kind::Complete => hold(),
        Kind::Refund => OperationRequest::charge(&base, PRICE_MINOR, &STRIPE),
        Kind::Capture | Kind::Void => OperationRequest::authorize(&base, PRICE_MINOR, &STRIPE),
    };
    customer.had = done(&mut caller, &request).await?.id().unwrap_or_default();
    match customer.kind {
        Kind::Complete => {
            let pay = OperationRequest::pay(&base, &customer.had, PRICE_MINOR, &STRIPE);
            done(&mut caller, &pay).await?;
            let path = format!("/v1/bookings/{}", customer.had);
            caller.until(&path, SETTLED_WITHIN, |seen| seen["paid"]["minor"] == PRICE_MINOR).await?;
        }
        Kind::PayHold => {}
        _ => {
            let path = format!("/v1/payments/{}", customer.had);
            caller.until(&path, SETTLED_WITHIN, |seen| seen["confirmed_by_provider"] == true).await?;
        }
    }
    context.progress.advance();
    Ok(())
}

/// Does what the backup will lack. The answers to what is repeated are lost with it, and stand in a journal of
/// their own.
async fn act(
    context: &ScenarioContext,
    deployment: &Deployment,
    lost: &Journal,
    customer: &mut Customer,
) -> Result<(), Error> {
    let journal = if customer.returns == Return::Never { &context.journal } else { lost };
    let random = context.random(&customer.name);
    let mut caller = RetryingClient::new(&deployment.target, journal, &context.timeline, 0, random);
    let Customer { name, had, .. } = &*customer;
    let base = format!("{name}-base");
    let request = match customer.kind {
        Kind::Charge(method) => OperationRequest::charge(name, PRICE_MINOR, method),
        Kind::Book => {
            let catalogue = &deployment.target.catalogue;
            OperationRequest::hold(&format!("{name}-hold"), catalogue, 0, HOLD_SECONDS)
        }
        Kind::PayHold => OperationRequest::pay(name, had, PRICE_MINOR, &STRIPE),
        Kind::Refund => OperationRequest::refund(name, had, &base, &STRIPE.money(PART_MINOR)),
        Kind::Capture => OperationRequest::capture(name, had, &base, &STRIPE.money(PRICE_MINOR)),
        Kind::Void => OperationRequest::void(name, had, &base),
        Kind::Complete => asks(name.clone(), &format!("/v1/bookings/{had}/complete"), &json!({})),
    };
    let answer = done(&mut caller, &request).await?;
    let pay = matches!(customer.kind, Kind::Book)
        .then(|| OperationRequest::pay(name, &answer.id().unwrap_or_default(), PRICE_MINOR, &STRIPE));
    customer.done.push((request, answer));
    if let Some(pay) = pay {
        let answer = done(&mut caller, &pay).await?;
        customer.done.push((pay, answer));
    }
    if customer.returns == Return::Never {
        context.findings.reached("never_repeated");
    }
    context.progress.advance();
    Ok(())
}

/// Each request is the same operation again, whatever the database knows of it.
async fn repeat(
    context: &ScenarioContext,
    deployment: &Deployment,
    customers: &[Customer],
    returns: Return,
) -> Result<(), Error> {
    let back = customers.iter().filter(|customer| customer.returns == returns);
    try_join_all(back.map(|customer| async move {
        let mut caller = context.caller(&deployment.target, 0);
        for (request, first) in &customer.done {
            let answer = caller.retry_until_definite(request).await?;
            let same = answer.is_success() && answer.id() == first.id();
            context.findings.always("a_repeated_request_is_the_same_operation", same, || {
                let (first, again) = (first.id().unwrap_or_default(), answer.id().unwrap_or_default());
                format!("{}: {first} and then {} {again}", request.operation, answer.summary())
            });
            context.findings.reached(match returns {
                Return::Before => "repeated_before_it_was_found",
                _ => "repeated_after_it_was_found",
            });
        }
        Ok::<_, Error>(())
    }))
    .await
    .map(drop)
}

/// Compares each account, from a day ago on.
async fn reconcile(context: &ScenarioContext, deployment: &Deployment) -> Result<(), Error> {
    for provider in [STRIPE.provider, MERCADO_PAGO.provider] {
        let run = started(deployment, provider).await?;
        let seen = ended(deployment, &run).await;
        let finished = seen["state"] == "finished";
        context.findings.always("what_was_lost_is_found", finished, || seen.to_string());
    }
    Ok(())
}

/// The open differences, by their objects.
async fn differences(
    context: &ScenarioContext,
    deployment: &Deployment,
) -> Result<BTreeMap<String, Value>, Error> {
    let mut caller = context.caller(&deployment.target, 0);
    let ops = deployment.target.ops_key.as_deref();
    let page = caller.get("/v1/ops/differences?state=open&limit=200", ops).await?;
    let rows = page["data"].as_array().cloned().unwrap_or_default();
    Ok(rows.into_iter().map(|row| (row["object"].as_str().unwrap_or_default().to_owned(), row)).collect())
}

/// What clients that never come back have at the provider is in our books, or an open difference. Returns the
/// objects of those.
async fn lost_is_found(
    context: &ScenarioContext,
    deployment: &Deployment,
    customers: &[Customer],
) -> Result<BTreeSet<String>, Error> {
    let open = differences(context, deployment).await?;
    let mut caller = context.caller(&deployment.target, 0);
    let mut gone = BTreeSet::new();
    for customer in customers.iter().filter(|customer| customer.returns == Return::Never) {
        let Some((_, answer)) = customer.done.last() else { continue };
        let (found, seen) = match customer.kind {
            Kind::Charge(_) | Kind::Book | Kind::PayHold => {
                let object = answer.body["provider_reference"].as_str().unwrap_or_default();
                let row = open.get(object).cloned().unwrap_or_default();
                gone.insert(object.to_owned());
                let named = row["payment_id"].as_str().map(str::to_owned) == answer.id();
                (row["kind"] == "payment_unknown_here" && named, row)
            }
            kind => {
                let seen = caller.get(&format!("/v1/payments/{}", customer.had), None).await?;
                let found = match kind {
                    Kind::Refund => seen["refunded"]["minor"] == PART_MINOR,
                    Kind::Capture => seen["captured"]["minor"] == PRICE_MINOR,
                    // Our books do not know that its client requested it.
                    _ => seen["state"] == "lapsed",
                };
                (found, seen)
            }
        };
        context.findings.always("what_was_lost_is_found", found, || format!("{}: {seen}", customer.name));
    }
    Ok(gone)
}

/// One transfer for each completed booking, in the provider's books.
async fn shares_are_paid(
    context: &ScenarioContext,
    deployment: &Deployment,
    customers: &[Customer],
) -> Result<(), Error> {
    let mut caller = context.caller(&deployment.target, 0);
    for Customer { had, name, kind, .. } in customers {
        if !matches!(kind, Kind::Complete) {
            continue;
        }
        let path = format!("/v1/payouts?booking_id={had}");
        let paid = |seen: &Value| seen["data"][0]["state"] == "paid";
        let seen = caller.until(&path, SETTLED_WITHIN, paid).await?;
        let books = deployment.books().await?.unwrap_or_default();
        let made = books.transfers.iter().filter(|made| made.metadata.get("booking") == Some(had)).count();
        context.findings.always("a_lost_share_is_paid_once", paid(&seen) && made == 1, || {
            format!("{name}: {made} transfers, and here {seen}")
        });
    }
    Ok(())
}
