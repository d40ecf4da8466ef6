//! Checks `only_forward`: every move in the audit is a row of its lifecycle's table.

use domain::lifecycle::{
    State, booking, delivery, difference, dispute, inbound_event, job, payment, payout, reconciliation,
    refund, release,
};
use store::queries::check::StateChange;

use super::Verdicts;

const INVARIANT: &str = "only_forward";

pub(super) fn check(verdicts: &mut Verdicts, moves: &[StateChange]) {
    for made in moves {
        verdicts.checked(INVARIANT, made.count);
        if !allowed(made) {
            let StateChange { subject_kind, from, to, count } = made;
            verdicts.offends(INVARIANT, format!("{count} of {subject_kind} moved from {from} to {to}"));
        }
    }
}

fn allowed(made: &StateChange) -> bool {
    match made.subject_kind.as_str() {
        "booking" => has_row::<booking::State>(made),
        "payment" => has_row::<payment::State>(made),
        "refund" => has_row::<refund::State>(made),
        "dispute" => has_row::<dispute::State>(made),
        "payout" => has_row::<payout::State>(made),
        "release" => has_row::<release::State>(made),
        "event" => has_row::<inbound_event::State>(made),
        "job" => has_row::<job::State>(made),
        "delivery" => has_row::<delivery::State>(made),
        "reconciliation" => has_row::<reconciliation::State>(made),
        "difference" => has_row::<difference::State>(made),
        "api_key" => (made.from.as_str(), made.to.as_str()) == ("live", "revoked"),
        // A subject without a lifecycle has no moves.
        _ => false,
    }
}

fn has_row<S: State>(made: &StateChange) -> bool {
    S::TABLE.iter().any(|row| row.from.name() == made.from && row.to.name() == made.to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_without_a_row_offends() {
        let check = |subject_kind: &str, from: &str, to: &str, expected: bool| {
            let made = StateChange {
                subject_kind: subject_kind.to_owned(),
                from: from.to_owned(),
                to: to.to_owned(),
                count: 1,
            };
            assert_eq!(allowed(&made), expected, "{made:?}");
        };
        check("booking", "held", "confirmed", true);
        check("booking", "expired", "confirmed", true);
        check("booking", "confirmed", "held", false);
        check("payment", "pending", "captured", true);
        check("payment", "failed", "captured", false);
        check("refund", "succeeded", "failed", true);
        check("refund", "failed", "succeeded", false);
        check("event", "received", "processed", true);
        check("api_key", "live", "revoked", true);
        check("api_key", "revoked", "live", false);
        check("job", "dead", "ready", true);
        check("job", "done", "ready", false);
        check("delivery", "dead", "discarded", true);
        check("delivery", "received", "waiting", false);
        check("reconciliation", "running", "finished", true);
        check("reconciliation", "failed", "running", false);
        check("difference", "settled", "open", true);
        check("difference", "settled", "accepted", false);
        check("product", "a", "b", false);
    }
}
