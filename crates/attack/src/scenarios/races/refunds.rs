//! Simultaneous refunds of one payment that together exceed the capture.

use futures_util::future::try_join_all;
use rand::RngExt as _;

use crate::operation_request::PRICE_MINOR;
use crate::{Deployment, Error, OperationRequest, ScenarioContext, at_once};
use check::{RecordedCall, money};

/// The provider's error for a refund of more than it has.
const TOO_MUCH: [&str; 2] = ["amount_too_large", "charge_already_refunded"];
/// Refunds at the same moment.
const REFUNDS: usize = 4;

/// The random choices for a race.
struct Race {
    number: usize,
    /// The capture covers this many of them, and never all.
    fit: i64,
    minor: i64,
}

pub(super) async fn race(
    context: &ScenarioContext,
    deployment: &Deployment,
    count: usize,
) -> Result<(), Error> {
    let mut random = context.random("refunds");
    let mut race = |number| {
        let fit = random.random_range(1..REFUNDS as i64);
        let minor = random.random_range(PRICE_MINOR / (fit + 1) + 1..=PRICE_MINOR / fit);
        Race { number, fit, minor }
    };
    let races: Vec<Race> = (0..count).map(&mut race).collect();
    context.progress.counts("refunds past what was captured", count);
    for races in races.chunks(super::AT_ONCE) {
        try_join_all(races.iter().map(|race| one(context, deployment, race))).await?;
    }
    no_call_exceeds_the_capture(context, deployment).await
}

/// The provider would refuse such a refund. Our own check must refuse it first, without a call.
async fn no_call_exceeds_the_capture(
    context: &ScenarioContext,
    deployment: &Deployment,
) -> Result<(), Error> {
    let Some(books) = deployment.books().await? else { return Ok(()) };
    let too_much = |call: &&RecordedCall| {
        TOO_MUCH.iter().any(|code| call.outcome.ends_with(code)) && call.path.ends_with("/refunds")
    };
    let calls = books.calls.iter().filter(too_much).count();
    context.findings.always("refunds_stay_within_what_was_captured", calls == 0, || {
        format!("the provider got {calls} calls for more than was captured")
    });
    Ok(())
}

async fn one(context: &ScenarioContext, deployment: &Deployment, race: &Race) -> Result<(), Error> {
    let Race { number, fit, minor } = *race;
    let callers = (0..REFUNDS).map(|caller| context.caller(&deployment.target, number + caller));
    let mut callers = callers.collect::<Vec<_>>();
    let method = context.card(number);
    let paid = OperationRequest::charge(&context.operation(format!("paid-{number}")), PRICE_MINOR, method);
    let answer = callers[0].retry_until_definite(&paid).await?;
    let Some(payment) = answer.id().filter(|_| answer.is_success()) else {
        return Err(Error::Unexpected { operation: paid.operation, outcome: answer.summary() });
    };
    let refund = |at: usize| {
        OperationRequest::refund(
            &format!("{}-back-{at}", paid.operation),
            &payment,
            &paid.operation,
            &method.money(minor),
        )
    };
    let requests: Vec<OperationRequest> = (0..REFUNDS).map(refund).collect();
    at_once(&mut callers, &requests).await?;
    let mut made = 0;
    for (caller, request) in callers.iter_mut().zip(&requests) {
        let answer = caller.retry_until_definite(request).await?;
        made += i64::from(answer.is_success());
        context.findings.reached(if answer.is_success() {
            "a_refund_was_made"
        } else {
            "a_refund_was_refused"
        });
    }
    let seen = callers[0].get(&format!("/v1/payments/{payment}"), None).await?;
    let refunded = seen["refunded"]["minor"].as_i64().unwrap_or(i64::MAX);
    let right = made == fit && refunded == fit * minor;
    context.findings.always("refunds_stay_within_what_was_captured", right, || {
        format!(
            "payment {payment} of {}: of {REFUNDS} refunds of {} there is room for {fit}; {made} were accepted, \
             and {} went back",
            money(PRICE_MINOR, method.currency),
            money(minor, method.currency),
            money(refunded, method.currency)
        )
    });
    context.progress.advance();
    Ok(())
}
