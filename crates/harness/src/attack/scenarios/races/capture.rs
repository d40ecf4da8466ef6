//! The capture and the cancellation of one authorisation, at the same moment.

use std::time::Duration;

use futures_util::future::try_join_all;
use rand::RngExt as _;

use crate::attack::ask::PRICE_MINOR;
use crate::attack::{Arena, Ask, Deployment, Error, staggered};

/// How much later the second of the two comes, in most races.
const LAG_MAX: Duration = Duration::from_millis(30);
/// In the first races one of them is quicker for certain.
const LAG_CERTAIN: Duration = Duration::from_millis(300);

/// What is drawn for a race.
struct Race {
    number: usize,
    minor: i64,
    capture_lag: Duration,
    void_lag: Duration,
}

pub(super) async fn race(arena: &Arena, town: &Deployment, count: usize) -> Result<(), Error> {
    let mut random = arena.random("capture");
    let mut race = |number| {
        let drawn = random.random_range(Duration::ZERO..LAG_MAX);
        let lag = if number < 2 { LAG_CERTAIN } else { drawn };
        let (capture_lag, void_lag) =
            if number % 2 == 0 { (lag, Duration::ZERO) } else { (Duration::ZERO, lag) };
        Race { number, minor: random.random_range(1..=PRICE_MINOR), capture_lag, void_lag }
    };
    let races: Vec<Race> = (0..count).map(&mut race).collect();
    arena.progress.counts("cancel against capture", count);
    for races in races.chunks(super::AT_ONCE) {
        try_join_all(races.iter().map(|race| one(arena, town, race))).await?;
    }
    Ok(())
}

async fn one(arena: &Arena, town: &Deployment, race: &Race) -> Result<(), Error> {
    let mut callers = [arena.caller(&town.shop, race.number)?, arena.caller(&town.shop, race.number + 1)?];
    let reserved = Ask::authorize(&arena.operation(format!("reserved-{}", race.number)), PRICE_MINOR);
    let answer = callers[0].insist(&reserved).await?;
    let Some(payment) = answer.id().filter(|_| answer.is_success()) else {
        return Err(Error::Unexpected { operation: reserved.operation, told: answer.words() });
    };
    let capture = format!("{}-capture", reserved.operation);
    let capture = Ask::capture(&capture, &payment, &reserved.operation, race.minor);
    let void = Ask::void(&format!("{}-void", reserved.operation), &payment, &reserved.operation);
    let asks = [capture, void];
    staggered(&mut callers, &asks, &[race.capture_lag, race.void_lag]).await?;
    let captured = callers[0].insist(&asks[0]).await?;
    let cancelled = callers[1].insist(&asks[1]).await?;
    let state = callers[0].get(&format!("/v1/payments/{payment}"), None).await?["state"].clone();
    let expected = if captured.is_success() { "captured" } else { "cancelled" };
    let right = captured.is_success() != cancelled.is_success() && state == expected;
    arena.findings.always("captured_or_cancelled_never_both", right, || {
        let (captured, cancelled) = (captured.words(), cancelled.words());
        format!("payment {payment} is {state}; capture: {captured}, cancellation: {cancelled}")
    });
    let who = if captured.is_success() { "capture_was_quicker" } else { "cancellation_was_quicker" };
    arena.findings.reached(who);
    arena.progress.advance();
    Ok(())
}
