//! Customers of two products that share a boat, at the same moment, over every server: more than the boat has seats,
//! and not more than either product's slot.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use serde_json::json;

use crate::scenarios::payout::asks;
use crate::{Deployment, Error, OperationRequest, RetryingClient, ScenarioContext, Target};

/// Seats of the boat.
const SEATS: usize = 3;
/// Each product's slot has a seat for each.
const CUSTOMERS: usize = 8;
/// The slots of one product follow each other after an hour.
const DURATION_MINUTES: i64 = 45;

pub(super) async fn race(
    context: &ScenarioContext,
    deployment: &Deployment,
    count: usize,
) -> Result<(), Error> {
    let mut caller = context.caller(&deployment.target, 0);
    let boat = json!({ "name": "Boat", "capacity": SEATS });
    let boat = made(&mut caller, &asks(context.operation("boat"), "/v1/resources", &boat)).await?;
    let mut targets = Vec::new();
    // Two capacities make two products.
    for capacity in [CUSTOMERS, CUSTOMERS + 1] {
        let catalogue = deployment.sell(count, capacity as i64).await?;
        let needed = json!({ "resource_id": boat, "quantity": 1, "per": "seat" });
        let body = json!({ "duration_minutes": DURATION_MINUTES, "resources": [needed] });
        let path = format!("/v1/products/{}/resources", catalogue.product);
        made(&mut caller, &asks(context.operation(format!("needs-{capacity}")), &path, &body)).await?;
        targets.push(Target { catalogue, ..deployment.target.clone() });
    }
    context.progress.counts("two products on one boat", count);
    for first in (0..count).step_by(super::AT_ONCE) {
        let slots = first..count.min(first + super::AT_ONCE);
        try_join_all(slots.map(|slot| one(context, &targets, slot))).await?;
    }
    Ok(())
}

async fn made(caller: &mut RetryingClient, request: &OperationRequest) -> Result<String, Error> {
    let answer = caller.retry_until_definite(request).await?;
    answer
        .id()
        .filter(|_| answer.is_success())
        .ok_or_else(|| Error::Unexpected { operation: request.operation.clone(), outcome: answer.summary() })
}

async fn one(context: &ScenarioContext, targets: &[Target], slot: usize) -> Result<(), Error> {
    let mut codes: BTreeMap<String, usize> = BTreeMap::new();
    let mut granted = 0;
    for (_, answer) in super::hold_at_once(context, targets, slot, ("boat", CUSTOMERS)).await? {
        granted += usize::from(answer.is_success());
        if !answer.is_success() {
            *codes.entry(answer.code().unwrap_or_default()).or_default() += 1;
        }
    }
    context.findings.reached("too_late_for_the_boat");
    let refused = codes.get("resource_is_taken").copied().unwrap_or_default();
    let right = granted == SEATS && refused == CUSTOMERS - SEATS;
    context.findings.always("a_shared_boat_is_never_overbooked", right, || {
        format!("a boat of {SEATS} seats: {granted} were granted, and refused were {codes:?}")
    });
    context.progress.advance();
    Ok(())
}
