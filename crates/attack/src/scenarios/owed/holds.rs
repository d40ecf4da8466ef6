//! Holds and their ends.

use std::time::Duration;

use futures_util::future::try_join_all;
use serde_json::{Value, json};
use server::ports::clock::SystemClock;
use store::Clock as _;

use crate::methods::STRIPE;
use crate::operation_request::PRICE_MINOR;
use crate::{Deployment, Error, ExpectedEffect, OperationRequest, ScenarioContext, Target};
use testkit::program::Catalogue;

const HOLD_SECONDS: u32 = 4;
/// Later than the departure.
const LONG_SECONDS: u32 = 3_600;
const DEPARTS_IN_MS: i64 = 5_000;
/// Long after the end of the hold: only a fetch because of that end comes in time.
const SETTLED_WITHIN: Duration = Duration::from_secs(30);

fn id(request: &OperationRequest, answer: &crate::OperationAnswer) -> Result<String, Error> {
    let made = answer.id().filter(|_| answer.is_success());
    made.ok_or_else(|| Error::Unexpected { operation: request.operation.clone(), outcome: answer.summary() })
}

/// The answer shows the captured money. Without a fetch, nothing else shows it.
pub(super) async fn are_paid(
    context: &ScenarioContext,
    deployment: &Deployment,
    count: usize,
) -> Result<(), Error> {
    let one = |number: usize| async move {
        let mut caller = context.caller(&deployment.target, number);
        let name = context.operation(format!("paid-{number}"));
        let method = context.card(number);
        let hold = OperationRequest::hold(&name, deployment.target.catalogue_for(method), 0, HOLD_SECONDS);
        let booking = id(&hold, &caller.retry_until_definite(&hold).await?)?;
        let pay = OperationRequest::pay(&format!("{name}-pay"), &booking, PRICE_MINOR, method);
        let paid = caller.retry_until_definite(&pay).await?;
        if paid.body["confirmed_by_provider"] == false {
            context.findings.reached("paid_and_never_told");
        }
        let path = format!("/v1/bookings/{booking}");
        let seen = caller.until(&path, SETTLED_WITHIN, |seen| seen["state"] != "held").await?;
        context.findings.always("a_paid_hold_does_not_lapse", seen["state"] == "confirmed", || {
            format!("{}: its money is taken, and its booking is {}", pay.operation, seen["state"])
        });
        Ok::<_, Error>(())
    };
    try_join_all((0..count).map(one)).await.map(drop)
}

/// Holds for far longer than the slot is for sale.
pub(super) async fn depart(
    context: &ScenarioContext,
    deployment: &Deployment,
    count: usize,
) -> Result<(), Error> {
    let departs_ms = SystemClock.now().0 / 1_000 + DEPARTS_IN_MS;
    let slot = departing(context, deployment, departs_ms).await?;
    let target = &Target { catalogue: slot, ..deployment.target.clone() };
    let one = |number: usize| async move {
        let mut caller = context.caller(target, number);
        let hold = OperationRequest::hold(
            &context.operation(format!("departs-{number}")),
            &target.catalogue,
            0,
            LONG_SECONDS,
        );
        let held = caller.retry_until_definite(&hold).await?;
        let booking = id(&hold, &held)?;
        let ends_at = held.body["hold_expires_at"].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok());
        let in_time = ends_at.is_some_and(|at| at.as_millisecond() <= departs_ms);
        context.findings.always("no_hold_outlives_its_departure", in_time, || {
            format!("{}: held until {}, and it departs before", hold.operation, held.body["hold_expires_at"])
        });
        let left_ms = departs_ms - SystemClock.now().0 / 1_000 + 500;
        tokio::time::sleep(Duration::from_millis(left_ms.max(0).unsigned_abs())).await;
        let pay = OperationRequest::pay(&format!("{}-pay", hold.operation), &booking, PRICE_MINOR, &STRIPE);
        let late = caller.retry_until_definite(&pay.that_may_be_refused()).await?;
        context.findings.always("no_hold_outlives_its_departure", late.status == 409, || {
            format!("{}: it has departed, and a payment is answered {}", hold.operation, late.summary())
        });
        context.findings.reached("departed_unpaid");
        Ok::<_, Error>(())
    };
    try_join_all((0..count).map(one)).await.map(drop)
}

/// A slot of the product that departs at this time.
async fn departing(
    context: &ScenarioContext,
    deployment: &Deployment,
    departs_ms: i64,
) -> Result<Catalogue, Error> {
    let catalogue = &deployment.target.catalogue;
    let starts_at = jiff::Timestamp::from_millisecond(departs_ms);
    let starts_at = starts_at.map_err(|error| Error::Unreadable("a moment".to_owned(), error.to_string()))?;
    let slots = json!({ "slots": [{ "starts_at": starts_at.to_string(), "capacity": 1_000 }] });
    let path = format!("/v1/products/{}/slots", catalogue.product);
    let request =
        OperationRequest::new(&context.operation("departing"), &path, &slots, ExpectedEffect::Nothing);
    let opened = context.caller(&deployment.target, 0).retry_until_definite(&request).await?;
    match &opened.body["data"][0]["id"] {
        Value::String(slot) => Ok(Catalogue { slots: vec![slot.clone()], ..catalogue.clone() }),
        _ => Err(Error::Unexpected { operation: request.operation, outcome: opened.summary() }),
    }
}
