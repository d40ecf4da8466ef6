//! Acts of a person at the provider: on payments that work as usual, and on payments that ended in
//! a review case.
//!
//! | part | the fault | what the person does at the provider | what must hold |
//! |---|---|---|---|
//! | [`beside`] | none; then every webhook is lost | refunds in parts, captures, voids; a bank disputes | our books follow to the minor unit, in time |
//! | [`handed_over`] | the provider is down past the deadline of refunds, captures, cancels and charges | refunds, captures, or does nothing, and closes the case | no request of ours moves money any more |
//!
//! Acts of a person are in the journal like requests of a client, so the judge compares them with
//! the books too.

mod at_the_provider;
mod beside;
mod handed_over;
mod impostor;
mod jobs_in_review;
pub(super) mod person;

pub use person::Person;

use std::time::Duration;

use serde_json::json;

use crate::{Error, Need, Scenario, ScenarioContext, Tuning, judge};

pub const SCENARIO: Scenario = Scenario {
    number: 14,
    name: "by-hand",
    promise: "Our books follow what a person does at the provider, to the minor unit, with or without webhooks; and a review case is left to its person.",
    needs: &[Need::Deployment],
    always: &[
        "what_a_person_does_is_followed",
        "what_a_person_has_is_left_alone",
        "another_sum_is_told",
        "another_payment_is_not_ours",
    ],
    sometimes: &[
        "refunded_by_hand",
        "captured_by_hand",
        "let_go_by_hand",
        "a_dispute_was_won",
        "a_dispute_was_lost",
        "read_back_without_a_webhook",
        "handed_over_a_refund",
        "handed_over_a_capture",
        "handed_over_a_cancel",
        "handed_over_a_charge",
        "found_a_payment_that_is_not_ours",
    ],
    run: |context| Box::pin(run(context)),
};

/// Operations for each payment of each kind.
const OPERATIONS_A_PAYMENT: usize = 20;
const PAYMENTS_MIN: usize = 3;
const PAYMENTS_MAX: usize = 20;

/// Well above the time between two reads of the provider's events. A movement that is not followed
/// by then never will be.
fn followed_within(context: &ScenarioContext) -> Duration {
    Duration::from_secs(if context.findings.any_broken() { 3 } else { 30 })
}

async fn run(context: ScenarioContext) -> Result<(), Error> {
    let count = (context.operations() / OPERATIONS_A_PAYMENT).clamp(PAYMENTS_MIN, PAYMENTS_MAX);
    // A client that retries after the outage must get the payment's state, not the circuit
    // breaker's refusal.
    let tuning =
        Tuning::default().with("workers", "events_every_ms", 500).with("breaker", "calls_min", 10_000);
    let mut deployment = context.deploy(&tuning).await?;
    beside::run(&context, &mut deployment, count).await?;
    // Before the deadline is short: the case must be about what was found.
    impostor::run(&context, &mut deployment).await?;
    deployment.set_faults(json!({})).await?;
    deployment
        .retune(&tuning.with("workers", "operation_deadline_seconds", handed_over::DEADLINE_SECONDS))
        .await?;
    handed_over::run(&context, &mut deployment, count).await?;
    deployment.set_faults(json!({})).await?;
    deployment.all_alive()?;
    judge(&context, &deployment).await.map(drop)
}
