//! Customers pay while faults are injected into the deployment; then the results are judged.
//!
//! Every order is carried out to its end. Customers go on until the last fault has passed. No work
//! may wait for a person. Every request is sent once more, and must get the same answer.

use serde_json::{Value, json};

use super::incidents::{Incident, Planned, apply_incidents};
use super::orders::{Order, judge_bookings, repeat, serve};
use super::{Deployment, Error, PendingWork, ScenarioContext, Tuning, judge};

/// The invariants that a load checks. A scenario with a load lists them.
pub const ALWAYS: [&str; 2] = ["paid_bookings_are_confirmed", "nobody_has_to_look"];

/// A load, and the faults during it.
pub struct LoadWithFaults {
    pub orders: Vec<Order>,
    pub clients: usize,
    pub plan: Vec<Planned>,
    /// The provider's faults meanwhile.
    pub faults: Value,
    pub tuning: Tuning,
}

/// A load that was carried out and judged. The deployment still runs, without any work.
pub struct JudgedLoad {
    pub deployment: Deployment,
    /// The incidents while orders were under way.
    pub under_load: Vec<Incident>,
}

pub async fn run_load(context: &ScenarioContext, load: LoadWithFaults) -> Result<JudgedLoad, Error> {
    let deployment = context.deploy(&load.tuning).await?;
    run_load_on(context, deployment, load).await
}

/// The same, on a deployment that serves already.
pub async fn run_load_on(
    context: &ScenarioContext,
    mut deployment: Deployment,
    load: LoadWithFaults,
) -> Result<JudgedLoad, Error> {
    let LoadWithFaults { orders, clients, plan, faults, tuning: _ } = load;
    deployment.set_faults(faults).await?;
    let work = PendingWork::until_enough();
    let target = deployment.target.clone();
    let serving = serve(context, &target, clients, orders, &work);
    let faults = async {
        let under_load = apply_incidents(context, &mut deployment, &plan, &work).await?;
        deployment.set_faults(json!({})).await?;
        work.is_enough();
        Ok(under_load)
    };
    // The first error ends both.
    let (outcomes, under_load) = tokio::try_join!(serving, faults)?;
    repeat(context, &target, &outcomes).await?;
    judge(context, &deployment).await?;
    judge_bookings(context, &deployment, &outcomes).await?;
    no_review_cases(context, &deployment).await?;
    Ok(JudgedLoad { deployment, under_load })
}

async fn no_review_cases(context: &ScenarioContext, deployment: &Deployment) -> Result<(), Error> {
    let cases = context
        .caller(&deployment.target, 0)
        .get("/v1/ops/review_cases", deployment.target.ops_key.as_deref())
        .await?;
    let none = cases["data"].as_array().is_some_and(Vec::is_empty);
    context.findings.always("nobody_has_to_look", none, || cases.to_string());
    Ok(())
}
