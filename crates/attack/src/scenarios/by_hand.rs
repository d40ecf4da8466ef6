//! What a person does at the provider: beside us, where nobody asked us, and instead of us, where we gave up.
//!
//! | part | what befalls us | what a person does there | what must be |
//! |---|---|---|---|
//! | [`beside`] | nothing; then every webhook is lost | refunds in parts, captures, lets go; a bank disputes | followed to the minor unit, in time |
//! | [`handed_over`] | the provider is down past the deadline of refunds, captures, cancels and charges | refunds, captures, or nothing at all, and closes the case | nothing of ours moves money any more |
//!
//! What a person does is in the journal like what a client asks: the judge holds it against the books too.

mod beside;
mod handed_over;
mod jobs_in_review;
mod person;

use std::time::Duration;

use serde_json::json;

use crate::{Error, Need, Scenario, ScenarioContext, Tuning, judge};

pub const SCENARIO: Scenario = Scenario {
    number: 14,
    name: "by-hand",
    promise: "What a person does at the provider is followed, to the minor unit, whoever tells of it or nobody; and what was handed over to a person is left to that person.",
    needs: &[Need::Deployment],
    always: &["what_a_person_does_is_followed", "what_a_person_has_is_left_alone", "another_sum_is_told"],
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
    ],
    run: |context| Box::pin(run(context)),
};

/// Operations for one payment of each kind.
const OPERATIONS_A_PAYMENT: usize = 20;
const PAYMENTS_MIN: usize = 3;
const PAYMENTS_MAX: usize = 20;

/// Well above the time between two readings of the provider's events. What is not followed will not be.
fn followed_within(context: &ScenarioContext) -> Duration {
    Duration::from_secs(if context.findings.any_broken() { 3 } else { 30 })
}

async fn run(context: ScenarioContext) -> Result<(), Error> {
    let count = (context.operations() / OPERATIONS_A_PAYMENT).clamp(PAYMENTS_MIN, PAYMENTS_MAX);
    // Who asks on after the provider was down is to hear of the payment, not of the breaker.
    let tuning =
        Tuning::default().with("workers", "events_every_ms", 500).with("breaker", "calls_min", 10_000);
    let mut deployment = context.deploy(&tuning).await?;
    beside::run(&context, &mut deployment, count).await?;
    deployment
        .retune(&tuning.with("workers", "operation_deadline_seconds", handed_over::DEADLINE_SECONDS))
        .await?;
    handed_over::run(&context, &mut deployment, count).await?;
    deployment.set_faults(json!({})).await?;
    deployment.all_alive()?;
    judge(&context, &deployment).await.map(drop)
}
