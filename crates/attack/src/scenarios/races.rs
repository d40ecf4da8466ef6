//! Two operations that exclude each other, at the same moment.
//!
//! | race | the operations | what must hold |
//! |---|---|---|
//! | [`last_seat`] | a payment for the last seat, begun around the end of its hold; a rival for the seat | one of them has the seat, and money without a seat went back |
//! | [`capture`] | the capture and the cancellation of one authorisation | one of them, in the provider's books too |
//! | [`refunds`] | refunds that add up to more than was captured | as many as there is money for; the others are refused |
//! | [`shared`] | more customers of two products than their boat has seats | as many as the boat has; the others are refused |
//! | [`rush`] | more customers than a slot has seats | as many as there are seats; the others are refused |

mod capture;
mod last_seat;
mod refunds;
mod rush;
mod shared;

use serde_json::json;

use crate::{
    Error, OperationAnswer, OperationRequest, RetryingClient, Scenario, ScenarioContext, Target, Tuning,
    at_once, judge,
};

pub const SCENARIO: Scenario = Scenario {
    number: 13,
    name: "races",
    promise: "Expiry against payment at the last seat, cancel against capture, refunds at once past the captured sum, a rush for the last seats, and two products that share a boat each have one outcome, and the money follows it.",
    needs: &[],
    always: &[
        "one_booking_has_the_last_seat",
        "money_follows_the_seat",
        "captured_or_cancelled_never_both",
        "refunds_stay_within_what_was_captured",
        "as_many_seats_as_there_are",
        "a_shared_boat_is_never_overbooked",
    ],
    sometimes: &[
        "payment_was_quicker_than_expiry",
        "expiry_was_quicker_than_payment",
        "the_rival_got_the_seat",
        "the_rival_was_refused",
        "capture_was_quicker",
        "cancellation_was_quicker",
        "a_refund_was_refused",
        "a_refund_was_made",
        "in_time_for_a_seat",
        "too_late_for_a_seat",
        "too_late_for_the_boat",
    ],
    run: |context| Box::pin(run(context)),
};

/// Operations for one race of each kind.
const OPERATIONS_A_RACE: usize = 10;
const RACES_MIN: usize = 12;
/// Races of one kind at the same time.
const AT_ONCE: usize = 12;

/// Customers who want a seat each of this number of slot, at the same moment, in turns of the targets. The operation
/// of each, with its definite answer.
async fn hold_at_once(
    context: &ScenarioContext,
    targets: &[Target],
    slot: usize,
    (race, customers): (&str, usize),
) -> Result<Vec<(String, OperationAnswer)>, Error> {
    let target = |customer: usize| &targets[customer % targets.len()];
    let mut callers: Vec<RetryingClient> =
        (0..customers).map(|customer| context.caller(target(customer), slot + customer)).collect();
    let hold = |customer: usize| {
        let operation = context.operation(format!("{race}-{slot}-{customer}"));
        OperationRequest::hold(&operation, &target(customer).catalogue, slot, 3_600).that_may_be_refused()
    };
    let requests: Vec<OperationRequest> = (0..customers).map(hold).collect();
    at_once(&mut callers, &requests).await?;
    let mut answers = Vec::new();
    for (caller, request) in callers.iter_mut().zip(requests) {
        let answer = caller.retry_until_definite(&request).await?;
        answers.push((request.operation, answer));
    }
    Ok(answers)
}

async fn run(context: ScenarioContext) -> Result<(), Error> {
    let count = (context.operations() / OPERATIONS_A_RACE).max(RACES_MIN);
    let mut deployment = context.deploy(&Tuning::default()).await?;
    if deployment.location().is_some() {
        let faults = json!({ "seed": context.draw("provider") >> 12, "delay_ms": [0, 60] });
        deployment.set_faults(faults).await?;
    }
    rush::race(&context, &deployment, count).await?;
    shared::race(&context, &deployment, count).await?;
    let seats = last_seat::race(&context, &deployment, count).await?;
    capture::race(&context, &deployment, count).await?;
    refunds::race(&context, &deployment, count).await?;
    deployment.all_alive()?;
    judge(&context, &deployment).await?;
    last_seat::judge(&context, &deployment, &seats).await
}
