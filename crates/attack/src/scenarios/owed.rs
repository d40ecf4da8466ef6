//! The value of a hold, and the amount still owed: both are decided once, and neither a clock nor a
//! repeated sum changes them.
//!
//! | part | the fault | what must hold |
//! |---|---|---|
//! | [`holds`] | holds are paid, every webhook is lost, and no other fetch comes before they lapse | each is confirmed, none lapses |
//! | [`holds`] | holds of an hour on a slot that departs in seconds | they end at the departure, and cannot be paid afterwards |
//! | [`balances`] | money is refunded in part or in all, captured in part, or voided | nothing is owed again; the seats of a voided payment are for sale |

mod balances;
mod holds;

use serde_json::json;

use crate::{Error, Need, Scenario, ScenarioContext, Tuning, judge};

pub const SCENARIO: Scenario = Scenario {
    number: 15,
    name: "owed",
    promise: "A paid hold does not lapse, no hold outlives its departure, and money that was refunded or voided is not owed again.",
    needs: &[Need::Deployment],
    always: &[
        "a_paid_hold_does_not_lapse",
        "no_hold_outlives_its_departure",
        "nothing_is_owed_again",
        "a_void_frees_its_seats",
    ],
    sometimes: &[
        "paid_and_never_told",
        "departed_unpaid",
        "gave_a_part_back",
        "gave_all_back",
        "took_a_part",
        "let_go",
    ],
    run: |context| Box::pin(run(context)),
};

/// Operations for each booking of each kind.
const OPERATIONS_A_BOOKING: usize = 20;
const BOOKINGS_MIN: usize = 3;
const BOOKINGS_MAX: usize = 20;

async fn run(context: ScenarioContext) -> Result<(), Error> {
    let count = (context.operations() / OPERATIONS_A_BOOKING).clamp(BOOKINGS_MIN, BOOKINGS_MAX);
    let by_themselves = Tuning::default().with("workers", "evidence_after_ms", 900_000).with(
        "workers",
        "events_every_ms",
        3_600_000,
    );
    let mut deployment = context.deploy(&by_themselves).await?;
    deployment.set_faults(json!({ "webhook_drop": 1 })).await?;
    tokio::try_join!(
        holds::are_paid(&context, &deployment, count),
        holds::depart(&context, &deployment, count)
    )?;
    deployment.set_faults(json!({})).await?;
    deployment.retune(&Tuning::default()).await?;
    balances::run(&context, &deployment, count).await?;
    deployment.all_alive()?;
    judge(&context, &deployment).await.map(drop)
}
