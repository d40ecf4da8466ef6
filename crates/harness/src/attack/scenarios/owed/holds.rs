//! Holds and their ends.

use std::time::Duration;

use futures_util::future::try_join_all;
use serde_json::{Value, json};
use server::clock::SystemClock;
use store::Clock as _;

use crate::attack::ask::{PAYS, PRICE_MINOR};
use crate::attack::{Arena, Ask, Deployment, Error, Shop, Wants};
use crate::program::Catalogue;

const HOLD_SECONDS: u32 = 4;
/// Longer than until the departure.
const LONG_SECONDS: u32 = 3_600;
const DEPARTS_IN_MS: i64 = 5_000;
/// Long after the hold's end; nobody looks by then but who is asked to by its end.
const SETTLED_WITHIN: Duration = Duration::from_secs(30);

fn id(ask: &Ask, answer: &crate::attack::Answer) -> Result<String, Error> {
    let made = answer.id().filter(|_| answer.is_success());
    made.ok_or_else(|| Error::Unexpected { operation: ask.operation.clone(), told: answer.words() })
}

/// The answer said that the money is taken; nothing else ever says it, until somebody asks.
pub(super) async fn are_paid(arena: &Arena, town: &Deployment, count: usize) -> Result<(), Error> {
    let one = |number: usize| async move {
        let mut caller = arena.caller(&town.shop, number)?;
        let name = arena.operation(format!("paid-{number}"));
        let hold = Ask::hold(&name, &town.shop.catalogue, 0, HOLD_SECONDS);
        let booking = id(&hold, &caller.insist(&hold).await?)?;
        let pay = Ask::pay(&format!("{name}-pay"), &booking, PRICE_MINOR, PAYS);
        let paid = caller.insist(&pay).await?;
        if paid.body["confirmed_by_provider"] == false {
            arena.findings.reached("paid_and_never_told");
        }
        let path = format!("/v1/bookings/{booking}");
        let seen = caller.until(&path, SETTLED_WITHIN, |seen| seen["state"] != "held").await?;
        arena.findings.always("a_paid_hold_does_not_lapse", seen["state"] == "confirmed", || {
            format!("{}: its money is taken, and its booking is {}", pay.operation, seen["state"])
        });
        Ok::<_, Error>(())
    };
    try_join_all((0..count).map(one)).await.map(drop)
}

/// Held for far longer than the slot is there to be sold.
pub(super) async fn depart(arena: &Arena, town: &Deployment, count: usize) -> Result<(), Error> {
    let departs_ms = SystemClock.now().0 / 1_000 + DEPARTS_IN_MS;
    let slot = departing(arena, town, departs_ms).await?;
    let shop = &Shop { catalogue: slot, ..town.shop.clone() };
    let one = |number: usize| async move {
        let mut caller = arena.caller(shop, number)?;
        let hold = Ask::hold(&arena.operation(format!("departs-{number}")), &shop.catalogue, 0, LONG_SECONDS);
        let held = caller.insist(&hold).await?;
        let booking = id(&hold, &held)?;
        let ends_at = held.body["hold_expires_at"].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok());
        let in_time = ends_at.is_some_and(|at| at.as_millisecond() <= departs_ms);
        arena.findings.always("no_hold_outlives_its_departure", in_time, || {
            format!("{}: held until {}, and it departs before", hold.operation, held.body["hold_expires_at"])
        });
        let left_ms = departs_ms - SystemClock.now().0 / 1_000 + 500;
        tokio::time::sleep(Duration::from_millis(left_ms.max(0).unsigned_abs())).await;
        let pay = Ask::pay(&format!("{}-pay", hold.operation), &booking, PRICE_MINOR, PAYS);
        let late = caller.insist(&pay.that_may_be_refused()).await?;
        arena.findings.always("no_hold_outlives_its_departure", late.status == 409, || {
            format!("{}: it has departed, and a payment is answered {}", hold.operation, late.words())
        });
        arena.findings.reached("departed_unpaid");
        Ok::<_, Error>(())
    };
    try_join_all((0..count).map(one)).await.map(drop)
}

/// A slot of what is sold that departs at this moment.
async fn departing(arena: &Arena, town: &Deployment, departs_ms: i64) -> Result<Catalogue, Error> {
    let catalogue = &town.shop.catalogue;
    let starts_at = jiff::Timestamp::from_millisecond(departs_ms);
    let starts_at = starts_at.map_err(|error| Error::Unreadable("a moment".to_owned(), error.to_string()))?;
    let slots = json!({ "slots": [{ "starts_at": starts_at.to_string(), "capacity": 1_000 }] });
    let path = format!("/v1/products/{}/slots", catalogue.product);
    let ask = Ask::new(&arena.operation("departing"), &path, &slots, Wants::Nothing);
    let opened = arena.caller(&town.shop, 0)?.insist(&ask).await?;
    match &opened.body["data"][0]["id"] {
        Value::String(slot) => Ok(Catalogue { slots: vec![slot.clone()], ..catalogue.clone() }),
        _ => Err(Error::Unexpected { operation: ask.operation, told: opened.words() }),
    }
}
