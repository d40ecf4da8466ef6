//! More customers than seats, at the same moment, over every server.

use futures_util::future::try_join_all;

use crate::{Deployment, Error, ScenarioContext, Target};

/// The seats of a slot, and customers who want one each.
const SEATS: usize = 2;
const CUSTOMERS: usize = 6;

pub(super) async fn race(
    context: &ScenarioContext,
    deployment: &Deployment,
    count: usize,
) -> Result<(), Error> {
    let target =
        Target { catalogue: deployment.sell(count, SEATS as i64).await?, ..deployment.target.clone() };
    context.progress.counts("more customers than seats", count);
    for first in (0..count).step_by(super::AT_ONCE) {
        let slots = first..count.min(first + super::AT_ONCE);
        try_join_all(slots.map(|slot| one(context, &target, slot))).await?;
    }
    Ok(())
}

async fn one(context: &ScenarioContext, target: &Target, slot: usize) -> Result<(), Error> {
    let mut granted = 0;
    let targets = std::slice::from_ref(target);
    for (operation, answer) in super::hold_at_once(context, targets, slot, ("rush", CUSTOMERS)).await? {
        granted += usize::from(answer.is_success());
        let full = answer.code().as_deref() == Some("slot_is_full");
        if !answer.is_success() && !full {
            return Err(Error::Unexpected { operation, outcome: answer.summary() });
        }
        context.findings.reached(if full { "too_late_for_a_seat" } else { "in_time_for_a_seat" });
    }
    context.findings.always("as_many_seats_as_there_are", granted == SEATS, || {
        format!("slot {} has {SEATS} seats, and {granted} were granted", target.catalogue.slots[slot])
    });
    context.progress.advance();
    Ok(())
}
