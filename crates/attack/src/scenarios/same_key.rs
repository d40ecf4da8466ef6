//! Two or more requests with one key at the same moment, many times: one is worked on.
//!
//! | round | what is asked | why |
//! |---|---|---|
//! | charges | a charge, whose work takes the provider's time | the others meet it in flight |
//! | holds | a seat, which is one transaction | the others meet its commit |
//!
//! The requests of a round are written down and connected first, and then let go together, spread over all
//! servers. Whoever heard nothing definite says it again.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;

use rand::RngExt as _;
use serde_json::json;
use tokio::task::JoinSet;

use crate::operation_request::PAYS;
use crate::{
    Error, OperationRequest, ReplyKind, RequestResult, RetryingClient, Scenario, ScenarioContext, Target,
    Tuning, at_once, judge,
};

pub const SCENARIO: Scenario = Scenario {
    number: 2,
    name: "same-key",
    promise: "Of simultaneous requests with one key exactly one is worked on; each other one is told to wait, or gets its reply.",
    needs: &[],
    always: &["one_is_worked_on", "the_others_wait_or_get_the_reply"],
    sometimes: &["met_in_flight", "got_the_reply"],
    run: |context| Box::pin(run(context)),
};

/// In one round.
const AT_ONCE_MAX: usize = 8;
/// Operations for one round.
const OPERATIONS_A_ROUND: usize = 5;
const ROUNDS_MIN: usize = 20;
/// Rounds at the same time, each with callers of its own.
const LANES: usize = 4;

/// What is drawn for a round.
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
    // Long enough for the others to meet the first in flight.
    if deployment.location().is_some() {
        deployment.set_faults(json!({ "delay_ms": [5, 40] })).await?;
    }
    let asks: Vec<OperationRequest> = rounds
        .iter()
        .enumerate()
        .map(|(number, round)| ask(&context, &deployment.shop, number, round))
        .collect();
    context.progress.counts("rounds of simultaneous requests", count);
    all_rounds(
        &context,
        &deployment.shop,
        rounds.iter().map(|round| round.at_once).zip(asks.clone()).collect(),
    )
    .await?;
    let mut caller = context.caller(&deployment.shop, 0)?;
    for ask in &asks {
        caller.retry_until_definite(ask).await?;
    }
    deployment.all_alive()?;
    judge(&context, &deployment).await?;
    Ok(())
}

fn ask(context: &ScenarioContext, shop: &Target, number: usize, round: &Round) -> OperationRequest {
    let operation = context.operation(number);
    if round.charges {
        OperationRequest::charge(&operation, round.minor, PAYS)
    } else {
        OperationRequest::hold(&operation, &shop.catalogue, 0, 3_600)
    }
}

/// Each so many times at once.
async fn all_rounds(
    context: &ScenarioContext,
    shop: &Target,
    rounds: VecDeque<(usize, OperationRequest)>,
) -> Result<(), Error> {
    let waiting = Arc::new(Mutex::new(rounds));
    let mut lanes = JoinSet::new();
    for lane in 0..LANES {
        let number = |caller| lane * AT_ONCE_MAX + caller;
        let mut callers: Vec<RetryingClient> =
            (0..AT_ONCE_MAX).map(|caller| context.caller(shop, number(caller))).collect::<Result<_, _>>()?;
        let (context, waiting) = (context.clone(), waiting.clone());
        lanes.spawn(async move {
            loop {
                let next = waiting.lock().pop_front();
                let Some((at_once, ask)) = next else { return Ok::<_, Error>(()) };
                round(&context, &mut callers[..at_once], &ask).await?;
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
    ask: &OperationRequest,
) -> Result<(), Error> {
    let asks = vec![ask.clone(); callers.len()];
    let said = at_once(callers, &asks).await?;
    let count = |wanted: ReplyKind| said.iter().filter(|said| said.reply_kind() == wanted).count();
    // A 202 is an answer of the one that is worked on too, given before it was done.
    let worked_on = count(ReplyKind::New) + count(ReplyKind::Accepted);
    // The one that was worked on may be the one whose answer was lost, or that was turned away.
    let unknown = count(ReplyKind::Lost) + count(ReplyKind::Unavailable);
    let told = || {
        let words: Vec<String> = said.iter().map(RequestResult::words).collect();
        format!("{}: {}", ask.operation, words.join("; "))
    };
    let one = worked_on == 1 || (worked_on == 0 && unknown > 0);
    context.findings.always("one_is_worked_on", one, told);
    let others =
        said.iter().filter(|said| !matches!(said.reply_kind(), ReplyKind::New | ReplyKind::Accepted));
    let fine = others.clone().all(|said| {
        matches!(
            said.reply_kind(),
            ReplyKind::InFlight | ReplyKind::Replay | ReplyKind::Lost | ReplyKind::Unavailable
        )
    });
    context.findings.always("the_others_wait_or_get_the_reply", fine, told);
    context.findings.reached_times("met_in_flight", count(ReplyKind::InFlight) as u64);
    context.findings.reached_times("got_the_reply", count(ReplyKind::Replay) as u64);
    for (caller, said) in callers.iter_mut().zip(&said) {
        if !said.reply_kind().is_definite() && caller.retry_until_definite(ask).await?.replayed {
            context.findings.reached("got_the_reply");
        }
    }
    Ok(())
}
