//! Many logical charges, each sent again and again by several clients at once: one effect each.
//!
//! | client | what it sends |
//! |---|---|
//! | good clients | the SDK, which retries as it should |
//! | impatient twins | the same charge under the same key, near it in time, from other connections |
//! | latecomers | the same charge once more after all others |
//!
//! The provider is slow, so that twins meet in flight, and it sends each event twice, out of order.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::json;

use crate::{Deployment, Error, OperationRequest, Scenario, ScenarioContext, SdkClient, Tuning, judge};

pub const SCENARIO: Scenario = Scenario {
    number: 1,
    name: "charges",
    promise: "Logical charges, duplicated and concurrent, have exactly one effect each, by the provider's books and by the figures.",
    needs: &[],
    always: &["every_charge_is_accepted", "applied_equal_asked"],
    sometimes: &["met_in_flight", "got_the_reply"],
    run: |context| Box::pin(run(context)),
};

const CLIENTS: usize = 24;
/// The most twins of one charge.
const TWINS_MAX: usize = 3;
/// The largest distance of twins in the queue.
const APART_MAX: usize = 12;
const LATECOMERS: f64 = 0.1;

/// One charge to be sent once.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Turn {
    request: usize,
    /// Sent by the SDK, or by an impatient twin.
    good: bool,
}

async fn run(context: ScenarioContext) -> Result<(), Error> {
    let mut random = context.random("charges");
    let count = context.operations();
    let charge = |number: usize| {
        OperationRequest::charge(
            &context.operation(number),
            random.random_range(100..=9_999),
            context.card(number),
        )
    };
    let requests: Arc<Vec<OperationRequest>> = Arc::new((0..count).map(charge).collect());
    let turns = turns(count, &mut context.random("turns"));
    let mut late = context.random("latecomers");
    let latecomers: Vec<usize> = (0..count).filter(|_| late.random_bool(LATECOMERS)).collect();

    let mut deployment = context.deploy(&Tuning::default()).await?;
    if deployment.location().is_some() {
        let faults = json!({ "delay_ms": [2, 30], "webhook_duplicates": 1, "webhook_shuffle": true });
        deployment.set_faults(faults).await?;
    }
    context.findings.figure("requests planned", (turns.len() + latecomers.len()) as f64);
    send_all(&context, &deployment, &requests, turns).await?;
    let again = latecomers.into_iter().map(|request| Turn { request, good: false }).collect();
    send_all(&context, &deployment, &requests, again).await?;
    deployment.all_alive()?;
    let effects = judge(&context, &deployment).await?;
    let (applied, duplicates) = (effects.applied, effects.duplicates);
    context.findings.always("applied_equal_asked", applied == count as u64 && duplicates == 0, || {
        format!("{count} charges were requested, {applied} are in the books, and {duplicates} duplicates")
    });
    Ok(())
}

/// The order of all requests: twins are near each other.
fn turns(count: usize, random: &mut StdRng) -> VecDeque<Turn> {
    let mut turns = Vec::new();
    for request in 0..count {
        // The first charges have the most twins.
        let twins = if request < 10 { TWINS_MAX } else { random.random_range(0..=TWINS_MAX) };
        for twin in 0..=twins {
            turns.push((request * 2 + random.random_range(0..=APART_MAX), Turn { request, good: twin == 0 }));
        }
    }
    turns.sort_by_key(|(position, _)| *position);
    turns.into_iter().map(|(_, turn)| turn).collect()
}

async fn send_all(
    context: &ScenarioContext,
    deployment: &Deployment,
    requests: &Arc<Vec<OperationRequest>>,
    turns: VecDeque<Turn>,
) -> Result<(), Error> {
    context.progress.counts("charges, with their duplicates", turns.len());
    let turns = Arc::new(Mutex::new(turns));
    let mut sending = tokio::task::JoinSet::new();
    for number in 0..CLIENTS {
        let mut caller = context.caller(&deployment.target, number);
        let sdk = SdkClient::new(context, &deployment.target, number, |settings| settings)?;
        let (context, requests, turns) = (context.clone(), requests.clone(), turns.clone());
        sending.spawn(async move {
            loop {
                let next = turns.lock().pop_front();
                let Some(Turn { request, good }) = next else { return Ok::<(), Error>(()) };
                let request = &requests[request];
                let answer = if good {
                    sdk.retry_until_definite(request).await?
                } else {
                    caller.retry_until_definite(request).await?
                };
                context.findings.always("every_charge_is_accepted", answer.status == 201, || {
                    format!("{}: {}", request.operation, answer.summary())
                });
                if answer.replayed {
                    context.findings.reached("got_the_reply");
                }
                context.progress.advance();
            }
        });
    }
    while let Some(sent) = sending.join_next().await {
        sent.map_err(std::io::Error::other)??;
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
    fn a_seed_repeats_the_order() {
        let turns = |seed| turns(200, &mut StdRng::seed_from_u64(seed));
        assert_eq!(turns(3), turns(3));
        assert_ne!(turns(3), turns(4));
        let good = turns(3).iter().filter(|turn| turn.good).count();
        assert_eq!(good, 200, "each charge has one good client");
    }
}
