//! More customers than seats, at the same moment, over every server.

use futures_util::future::try_join_all;

use crate::{Deployment, Error, OperationRequest, ScenarioContext, Target, at_once};

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
    let callers = (0..CUSTOMERS).map(|customer| context.caller(target, slot + customer));
    let mut callers = callers.collect::<Vec<_>>();
    let hold = |customer: usize| {
        let operation = context.operation(format!("rush-{slot}-{customer}"));
        OperationRequest::hold(&operation, &target.catalogue, slot, 3_600).that_may_be_refused()
    };
    let requests: Vec<OperationRequest> = (0..CUSTOMERS).map(hold).collect();
    at_once(&mut callers, &requests).await?;
    let mut granted = 0;
    for (caller, request) in callers.iter_mut().zip(&requests) {
        let answer = caller.retry_until_definite(request).await?;
        granted += usize::from(answer.is_success());
        let full = answer.code().as_deref() == Some("slot_is_full");
        if !answer.is_success() && !full {
            return Err(Error::Unexpected {
                operation: request.operation.clone(),
                outcome: answer.summary(),
            });
        }
        context.findings.reached(if full { "too_late_for_a_seat" } else { "in_time_for_a_seat" });
    }
    context.findings.always("as_many_seats_as_there_are", granted == SEATS, || {
        format!("slot {} has {SEATS} seats, and {granted} were granted", target.catalogue.slots[slot])
    });
    context.progress.advance();
    Ok(())
}
