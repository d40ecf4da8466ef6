//! What a hold is worth, and what is still owed: both are decided once, and neither a clock nor a sum that is
//! taken anew undoes it.
//!
//! | part | what befalls | what must be |
//! |---|---|---|
//! | [`holds`] | holds are paid, and every webhook is lost; nobody else looks before they lapse | each is confirmed, none lapses |
//! | [`holds`] | holds of an hour on a slot that departs in seconds | they end as it departs, and are not paid afterwards |
//! | [`balances`] | money goes back in part or in all, is taken in part, or is let go | nothing is owed again; the seats of what was let go are for sale |

mod balances;
mod holds;

use serde_json::json;

use crate::attack::{Arena, Error, Need, Scenario, Tuning, judge};

pub const SCENARIO: Scenario = Scenario {
    number: 15,
    name: "owed",
    promise: "A hold that is paid does not lapse, none outlives its departure, and money that was given back or let go is not owed again.",
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
    run: |arena| Box::pin(run(arena)),
};

/// Operations for one booking of each kind.
const OPERATIONS_A_BOOKING: usize = 20;
const BOOKINGS_MIN: usize = 3;
const BOOKINGS_MAX: usize = 20;

async fn run(arena: Arena) -> Result<(), Error> {
    let count = (arena.operations() / OPERATIONS_A_BOOKING).clamp(BOOKINGS_MIN, BOOKINGS_MAX);
    let by_themselves = Tuning::default().with("workers", "evidence_after_ms", 900_000).with(
        "workers",
        "events_every_ms",
        3_600_000,
    );
    let mut town = arena.deploy(&by_themselves).await?;
    town.set_faults(json!({ "webhook_drop": 1 })).await?;
    tokio::try_join!(holds::are_paid(&arena, &town, count), holds::depart(&arena, &town, count))?;
    town.set_faults(json!({})).await?;
    town.retune(&Tuning::default()).await?;
    balances::run(&arena, &town, count).await?;
    town.all_alive()?;
    judge(&arena, &town).await.map(drop)
}
