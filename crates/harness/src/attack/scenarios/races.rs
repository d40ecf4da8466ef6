//! Two things that exclude each other, at the same moment.
//!
//! | race | who | what must come of it |
//! |---|---|---|
//! | [`last_seat`] | a payment for the last seat, begun around the moment its hold expires; a rival who wants the seat | one of them has the seat, and money without a seat went back |
//! | [`capture`] | the capture and the cancellation of one authorisation | one of them, in the provider's books too |
//! | [`refunds`] | refunds that add up to more than was captured | as many as there is money for; the others are refused |
//! | [`rush`] | more customers than a slot has seats | as many as there are seats; the others are refused |

mod capture;
mod last_seat;
mod refunds;
mod rush;

use serde_json::json;

use crate::attack::{Arena, Error, Scenario, Tuning, judge};

pub const SCENARIO: Scenario = Scenario {
    number: 13,
    name: "races",
    promise: "Expiry against payment at the last seat, cancel against capture, refunds at once past the captured sum, and a rush for the last seats each have one outcome, and the money follows it.",
    needs: &[],
    always: &[
        "one_booking_has_the_last_seat",
        "money_follows_the_seat",
        "captured_or_cancelled_never_both",
        "refunds_stay_within_what_was_captured",
        "as_many_seats_as_there_are",
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
    ],
    run: |arena| Box::pin(run(arena)),
};

/// Operations for one race of each kind.
const OPERATIONS_A_RACE: usize = 10;
const RACES_MIN: usize = 12;
/// Races of one kind at the same time.
const AT_ONCE: usize = 12;

async fn run(arena: Arena) -> Result<(), Error> {
    let count = (arena.operations() / OPERATIONS_A_RACE).max(RACES_MIN);
    let mut town = arena.deploy(&Tuning::default()).await?;
    if town.location().is_some() {
        let faults = json!({ "seed": arena.draw("provider") >> 12, "delay_ms": [0, 60] });
        town.set_faults(faults).await?;
    }
    rush::race(&arena, &town, count).await?;
    let seats = last_seat::race(&arena, &town, count).await?;
    capture::race(&arena, &town, count).await?;
    refunds::race(&arena, &town, count).await?;
    town.all_alive()?;
    judge(&arena, &town).await?;
    last_seat::judge(&arena, &town, &seats).await
}
