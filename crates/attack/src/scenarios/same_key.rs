//! Two or more simultaneous requests with one key, many times: one of them is worked on.
//!
//! | round | the request | why |
//! |---|---|---|
//! | charges | a charge, which waits for the provider | the others meet it in flight |
//! | holds | a seat, which is one transaction | the others meet its commit |
//!
//! The requests of a round are in the journal and have their connections first, and are then sent
//! together, over all servers. A client without a definite answer retries.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;

use rand::RngExt as _;
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    Error, OperationRequest, ReplyKind, RequestResult, RetryingClient, Scenario, ScenarioContext, Target,
    Tuning, at_once, judge,
};

pub const SCENARIO: Scenario = Scenario {
    number: 2,
    name: "same-key",
    promise: "Exactly one of several simultaneous requests with one key is worked on; each of the others is refused for now, or gets its reply.",
    needs: &[],
    always: &["one_is_worked_on", "the_others_wait_or_get_the_reply"],
    sometimes: &["met_in_flight", "got_the_reply"],
    run: |context| Box::pin(run(context)),
};

/// The most requests of one round.
const AT_ONCE_MAX: usize = 8;
/// Operations for each round.
const OPERATIONS_A_ROUND: usize = 5;
const ROUNDS_MIN: usize = 20;
/// Rounds at the same time, each with its own clients.
const LANES: usize = 4;

/// The random choices for a round.
struct Round {
    at_once: usize,
    charges: bool,
    minor: i64,
}

async fn run(context: ScenarioContext) -> Result<(), Error> {
    let mut random = context.random("rounds");
    let count = (context.operations() / OPERATIONS_A_ROUND).max(ROUNDS_MIN);
    let mut round = |number: usize| Round {
        // The first rounds are the smallest and the largest.
        at_once: if number < 2 { [2, AT_ONCE_MAX][number] } else { random.random_range(2..=AT_ONCE_MAX) },
        charges: number < 2 || random.random_bool(0.7),
        minor: random.random_range(100..=9_999),
    };
    let rounds: Vec<Round> = (0..count).map(&mut round).collect();

    let mut deployment = context.deploy(&Tuning::default()).await?;
    // Slow enough that the others meet the first in flight.
    if deployment.location().is_some() {
        deployment.set_faults(json!({ "delay_ms": [5, 40] })).await?;
    }
    let requests: Vec<OperationRequest> = rounds
        .iter()
        .enumerate()
        .map(|(number, round)| request(&context, &deployment.target, number, round))
        .collect();
    context.progress.counts("rounds of simultaneous requests", count);
    all_rounds(
        &context,
        &deployment.target,
        rounds.iter().map(|round| round.at_once).zip(requests.clone()).collect(),
    )
    .await?;
    let mut caller = context.caller(&deployment.target, 0);
    for request in &requests {
        caller.retry_until_definite(request).await?;
    }
    deployment.all_alive()?;
    judge(&context, &deployment).await?;
    Ok(())
}

fn request(context: &ScenarioContext, target: &Target, number: usize, round: &Round) -> OperationRequest {
    let operation = context.operation(number);
    if round.charges {
        OperationRequest::charge(&operation, round.minor, context.card(number))
    } else {
        OperationRequest::hold(&operation, &target.catalogue, 0, 3_600)
    }
}

/// Sends each request this many times at once.
async fn all_rounds(
    context: &ScenarioContext,
    target: &Target,
    rounds: VecDeque<(usize, OperationRequest)>,
) -> Result<(), Error> {
    let waiting = Arc::new(Mutex::new(rounds));
    let mut lanes = JoinSet::new();
    for lane in 0..LANES {
        let number = |caller| lane * AT_ONCE_MAX + caller;
        let mut callers: Vec<RetryingClient> =
            (0..AT_ONCE_MAX).map(|caller| context.caller(target, number(caller))).collect();
        let (context, waiting) = (context.clone(), waiting.clone());
        lanes.spawn(async move {
            loop {
                let next = waiting.lock().pop_front();
                let Some((at_once, request)) = next else { return Ok::<_, Error>(()) };
                round(&context, &mut callers[..at_once], &request).await?;
                context.progress.advance();
            }
        });
    }
    while let Some(lane) = lanes.join_next().await {
        lane.map_err(std::io::Error::other)??;
    }
    Ok(())
}

async fn round(
    context: &ScenarioContext,
    callers: &mut [RetryingClient],
    request: &OperationRequest,
) -> Result<(), Error> {
    let requests = vec![request.clone(); callers.len()];
    let results = at_once(callers, &requests).await?;
    let count = |wanted: ReplyKind| results.iter().filter(|result| result.reply_kind() == wanted).count();
    // A 202 comes from the request that was worked on too, before its end.
    let worked_on = count(ReplyKind::New) + count(ReplyKind::Accepted);
    // The answer of the request that was worked on may be lost, or be a refusal for now.
    let unknown = count(ReplyKind::Lost) + count(ReplyKind::Unavailable);
    let summary = || {
        let results: Vec<String> = results.iter().map(RequestResult::summary).collect();
        format!("{}: {}", request.operation, results.join("; "))
    };
    let one = worked_on == 1 || (worked_on == 0 && unknown > 0);
    context.findings.always("one_is_worked_on", one, summary);
    let others =
        results.iter().filter(|result| !matches!(result.reply_kind(), ReplyKind::New | ReplyKind::Accepted));
    let fine = others.clone().all(|result| {
        matches!(
            result.reply_kind(),
            ReplyKind::InFlight | ReplyKind::Replay | ReplyKind::Lost | ReplyKind::Unavailable
        )
    });
    context.findings.always("the_others_wait_or_get_the_reply", fine, summary);
    context.findings.reached_times("met_in_flight", count(ReplyKind::InFlight) as u64);
    context.findings.reached_times("got_the_reply", count(ReplyKind::Replay) as u64);
    for (caller, result) in callers.iter_mut().zip(&results) {
        if !result.reply_kind().is_definite() && caller.retry_until_definite(request).await?.replayed {
            context.findings.reached("got_the_reply");
        }
    }
    Ok(())
}
