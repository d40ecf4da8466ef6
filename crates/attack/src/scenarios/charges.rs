//! So many logical charges, each said again and again by several clients at once: one effect each.
//!
//! | who | what |
//! |---|---|
//! | good clients | the SDK, which retries as it should |
//! | impatient twins | the same charge under the same key, near it in time, from other connections |
//! | latecomers | the same charge once more when all is done |
//!
//! The provider takes its time, so that twins meet in flight, and tells each event twice, out of order.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::json;

use crate::operation_request::PAYS;
use crate::{Deployment, Error, OperationRequest, Scenario, ScenarioContext, SdkClient, Tuning, judge};

pub const SCENARIO: Scenario = Scenario {
    number: 1,
    name: "charges",
    promise: "So many logical charges, duplicated and concurrent, are exactly so many side effects, by the provider's books and by the figures.",
    needs: &[],
    always: &["every_charge_is_accepted", "applied_equal_asked"],
    sometimes: &["met_in_flight", "got_the_reply"],
    run: |context| Box::pin(run(context)),
};

const CLIENTS: usize = 24;
/// Beyond the first, of one charge.
const TWINS_MAX: usize = 3;
/// How far apart twins are said, in places of the queue.
const APART_MAX: usize = 12;
const LATECOMERS: f64 = 0.1;

/// One charge to be said once.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Turn {
    ask: usize,
    /// By the SDK, or by an impatient twin.
    good: bool,
}

async fn run(context: ScenarioContext) -> Result<(), Error> {
    let mut random = context.random("charges");
    let count = context.operations();
    let charge = |number: usize| {
        OperationRequest::charge(&context.operation(number), random.random_range(100..=9_999), PAYS)
    };
    let asks: Arc<Vec<OperationRequest>> = Arc::new((0..count).map(charge).collect());
    let turns = turns(count, &mut context.random("turns"));
    let mut late = context.random("latecomers");
    let latecomers: Vec<usize> = (0..count).filter(|_| late.random_bool(LATECOMERS)).collect();

    let mut deployment = context.deploy(&Tuning::default()).await?;
    if deployment.location().is_some() {
        let faults = json!({ "delay_ms": [2, 30], "webhook_duplicates": 1, "webhook_shuffle": true });
        deployment.set_faults(faults).await?;
    }
    context.findings.figure("requests planned", (turns.len() + latecomers.len()) as f64);
    say(&context, &deployment, &asks, turns).await?;
    let again = latecomers.into_iter().map(|ask| Turn { ask, good: false }).collect();
    say(&context, &deployment, &asks, again).await?;
    deployment.all_alive()?;
    let effects = judge(&context, &deployment).await?;
    let (applied, duplicates) = (effects.applied, effects.duplicates);
    context.findings.always("applied_equal_asked", applied == count as u64 && duplicates == 0, || {
        format!("{count} charges were asked for, {applied} are in the books, and {duplicates} duplicates")
    });
    Ok(())
}

/// Who says what, in which order: twins near each other.
fn turns(count: usize, random: &mut StdRng) -> VecDeque<Turn> {
    let mut turns = Vec::new();
    for ask in 0..count {
        // The first ones have as many twins as there may be.
        let twins = if ask < 10 { TWINS_MAX } else { random.random_range(0..=TWINS_MAX) };
        for twin in 0..=twins {
            turns.push((ask * 2 + random.random_range(0..=APART_MAX), Turn { ask, good: twin == 0 }));
        }
    }
    turns.sort_by_key(|(place, _)| *place);
    turns.into_iter().map(|(_, turn)| turn).collect()
}

async fn say(
    context: &ScenarioContext,
    deployment: &Deployment,
    asks: &Arc<Vec<OperationRequest>>,
    turns: VecDeque<Turn>,
) -> Result<(), Error> {
    context.progress.counts("charges, with their duplicates", turns.len());
    let turns = Arc::new(Mutex::new(turns));
    let mut saying = tokio::task::JoinSet::new();
    for number in 0..CLIENTS {
        let mut caller = context.caller(&deployment.shop, number)?;
        let sdk = SdkClient::new(context, &deployment.shop, number, |settings| settings)?;
        let (context, asks, turns) = (context.clone(), asks.clone(), turns.clone());
        saying.spawn(async move {
            loop {
                let next = turns.lock().pop_front();
                let Some(Turn { ask, good }) = next else { return Ok::<(), Error>(()) };
                let ask = &asks[ask];
                let answer = if good {
                    sdk.retry_until_definite(ask).await?
                } else {
                    caller.retry_until_definite(ask).await?
                };
                context.findings.always("every_charge_is_accepted", answer.status == 201, || {
                    format!("{}: {}", ask.operation, answer.words())
                });
                if answer.replayed {
                    context.findings.reached("got_the_reply");
                }
                context.progress.advance();
            }
        });
    }
    while let Some(said) = saying.join_next().await {
        said.map_err(std::io::Error::other)??;
    }
    if context.timeline.taken().retries.iter().any(|retry| retry.reason.contains("request_in_progress")) {
        context.findings.reached("met_in_flight");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn a_seed_repeats_who_says_what() {
        let turns = |seed| turns(200, &mut StdRng::seed_from_u64(seed));
        assert_eq!(turns(3), turns(3));
        assert_ne!(turns(3), turns(4));
        let good = turns(3).iter().filter(|turn| turn.good).count();
        assert_eq!(good, 200, "each charge has one good client");
    }
}
