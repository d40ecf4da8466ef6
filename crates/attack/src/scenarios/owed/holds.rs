//! Holds and their ends.

use std::time::Duration;

use futures_util::future::try_join_all;
use serde_json::{Value, json};
use server::ports::clock::SystemClock;
use store::Clock as _;

use crate::operation_request::{PAYS, PRICE_MINOR};
use crate::{Deployment, Error, ExpectedEffect, OperationRequest, ScenarioContext, Target};
use testkit::program::Catalogue;

const HOLD_SECONDS: u32 = 4;
/// Longer than until the departure.
const LONG_SECONDS: u32 = 3_600;
const DEPARTS_IN_MS: i64 = 5_000;
/// Long after the hold's end; nobody looks by then but who is asked to by its end.
const SETTLED_WITHIN: Duration = Duration::from_secs(30);

fn id(ask: &OperationRequest, answer: &crate::OperationAnswer) -> Result<String, Error> {
    let made = answer.id().filter(|_| answer.is_success());
    made.ok_or_else(|| Error::Unexpected { operation: ask.operation.clone(), told: answer.words() })
}

/// The answer said that the money is taken; nothing else ever says it, until somebody asks.
pub(super) async fn are_paid(
    context: &ScenarioContext,
    deployment: &Deployment,
    count: usize,
) -> Result<(), Error> {
    let one = |number: usize| async move {
        let mut caller = context.caller(&deployment.shop, number)?;
        let name = context.operation(format!("paid-{number}"));
        let hold = OperationRequest::hold(&name, &deployment.shop.catalogue, 0, HOLD_SECONDS);
        let booking = id(&hold, &caller.retry_until_definite(&hold).await?)?;
        let pay = OperationRequest::pay(&format!("{name}-pay"), &booking, PRICE_MINOR, PAYS);
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

/// Held for far longer than the slot is there to be sold.
pub(super) async fn depart(
    context: &ScenarioContext,
    deployment: &Deployment,
    count: usize,
) -> Result<(), Error> {
    let departs_ms = SystemClock.now().0 / 1_000 + DEPARTS_IN_MS;
    let slot = departing(context, deployment, departs_ms).await?;
    let shop = &Target { catalogue: slot, ..deployment.shop.clone() };
    let one = |number: usize| async move {
        let mut caller = context.caller(shop, number)?;
        let hold = OperationRequest::hold(
            &context.operation(format!("departs-{number}")),
            &shop.catalogue,
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
        let pay = OperationRequest::pay(&format!("{}-pay", hold.operation), &booking, PRICE_MINOR, PAYS);
        let late = caller.retry_until_definite(&pay.that_may_be_refused()).await?;
        context.findings.always("no_hold_outlives_its_departure", late.status == 409, || {
            format!("{}: it has departed, and a payment is answered {}", hold.operation, late.words())
        });
        context.findings.reached("departed_unpaid");
        Ok::<_, Error>(())
    };
    try_join_all((0..count).map(one)).await.map(drop)
}

/// A slot of what is sold that departs at this moment.
async fn departing(
    context: &ScenarioContext,
    deployment: &Deployment,
    departs_ms: i64,
) -> Result<Catalogue, Error> {
    let catalogue = &deployment.shop.catalogue;
    let starts_at = jiff::Timestamp::from_millisecond(departs_ms);
    let starts_at = starts_at.map_err(|error| Error::Unreadable("a moment".to_owned(), error.to_string()))?;
    let slots = json!({ "slots": [{ "starts_at": starts_at.to_string(), "capacity": 1_000 }] });
    let path = format!("/v1/products/{}/slots", catalogue.product);
    let ask = OperationRequest::new(&context.operation("departing"), &path, &slots, ExpectedEffect::Nothing);
    let opened = context.caller(&deployment.shop, 0)?.retry_until_definite(&ask).await?;
    match &opened.body["data"][0]["id"] {
        Value::String(slot) => Ok(Catalogue { slots: vec![slot.clone()], ..catalogue.clone() }),
        _ => Err(Error::Unexpected { operation: ask.operation, told: opened.words() }),
    }
}
