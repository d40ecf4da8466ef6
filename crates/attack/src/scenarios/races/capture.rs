//! The capture and the cancellation of one authorisation, at the same moment.

use std::time::Duration;

use futures_util::future::try_join_all;
use rand::RngExt as _;

use crate::operation_request::PRICE_MINOR;
use crate::{Deployment, Error, OperationRequest, ScenarioContext, staggered};

/// How much later the second operation comes, in most races.
const LAG_MAX: Duration = Duration::from_millis(30);
/// In the first races one operation is certain to be faster.
const LAG_CERTAIN: Duration = Duration::from_millis(300);

/// The random choices for a race.
struct Race {
    number: usize,
    minor: i64,
    capture_lag: Duration,
    void_lag: Duration,
}

pub(super) async fn race(
    context: &ScenarioContext,
    deployment: &Deployment,
    count: usize,
) -> Result<(), Error> {
    let mut random = context.random("capture");
    let mut race = |number| {
        let drawn = random.random_range(Duration::ZERO..LAG_MAX);
        let lag = if number < 2 { LAG_CERTAIN } else { drawn };
        let (capture_lag, void_lag) =
            if number % 2 == 0 { (lag, Duration::ZERO) } else { (Duration::ZERO, lag) };
        Race { number, minor: random.random_range(1..=PRICE_MINOR), capture_lag, void_lag }
    };
    let races: Vec<Race> = (0..count).map(&mut race).collect();
    context.progress.counts("cancel against capture", count);
    for races in races.chunks(super::AT_ONCE) {
        try_join_all(races.iter().map(|race| one(context, deployment, race))).await?;
    }
    Ok(())
}

async fn one(context: &ScenarioContext, deployment: &Deployment, race: &Race) -> Result<(), Error> {
    let mut callers = [
        context.caller(&deployment.target, race.number),
        context.caller(&deployment.target, race.number + 1),
    ];
    let method = context.card(race.number);
    let reserved = OperationRequest::authorize(
        &context.operation(format!("reserved-{}", race.number)),
        PRICE_MINOR,
        method,
    );
    let answer = callers[0].retry_until_definite(&reserved).await?;
    let Some(payment) = answer.id().filter(|_| answer.is_success()) else {
        return Err(Error::Unexpected { operation: reserved.operation, outcome: answer.summary() });
    };
    let capture = format!("{}-capture", reserved.operation);
    let capture =
        OperationRequest::capture(&capture, &payment, &reserved.operation, &method.money(race.minor));
    let void = OperationRequest::void(&format!("{}-void", reserved.operation), &payment, &reserved.operation);
    let requests = [capture, void];
    staggered(&mut callers, &requests, &[race.capture_lag, race.void_lag]).await?;
    let captured = callers[0].retry_until_definite(&requests[0]).await?;
    let cancelled = callers[1].retry_until_definite(&requests[1]).await?;
    let state = callers[0].get(&format!("/v1/payments/{payment}"), None).await?["state"].clone();
    let expected = if captured.is_success() { "captured" } else { "cancelled" };
    let right = captured.is_success() != cancelled.is_success() && state == expected;
    context.findings.always("captured_or_cancelled_never_both", right, || {
        let (captured, cancelled) = (captured.summary(), cancelled.summary());
        format!("payment {payment} is {state}; capture: {captured}, cancellation: {cancelled}")
    });
    let who = if captured.is_success() { "capture_was_quicker" } else { "cancellation_was_quicker" };
    context.findings.reached(who);
    context.progress.advance();
    Ok(())
}
