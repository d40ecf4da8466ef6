//! Customers pay while things befall the deployment; then it is judged.
//!
//! Every order is carried out to its end, whatever befalls; customers come for as long as anything befalls;
//! nothing may wait for a person; every request is said once more, and answered as it was.

use serde_json::{Value, json};

use super::incidents::{Incident, Planned, apply_incidents};
use super::orders::{Order, judge_bookings, repeat, serve};
use super::{Deployment, Error, PendingWork, ScenarioContext, Tuning, judge};

/// The invariants that a load looks at: a scenario that lays one names them.
pub const ALWAYS: [&str; 2] = ["paid_bookings_are_confirmed", "nobody_has_to_look"];

/// What is to befall, and whom.
pub struct LoadWithFaults {
    pub orders: Vec<Order>,
    pub clients: usize,
    pub plan: Vec<Planned>,
    /// What the provider does wrong meanwhile.
    pub faults: Value,
    pub tuning: Tuning,
}

/// A load that was laid and judged. The deployment is left as it is, at rest.
pub struct JudgedLoad {
    pub deployment: Deployment,
    /// What befell while orders were under way.
    pub under_load: Vec<Incident>,
}

/// Lays it, and judges.
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
    let shop = deployment.shop.clone();
    let serving = serve(context, &shop, clients, orders, &work);
    let peace = async {
        let under_load = apply_incidents(context, &mut deployment, &plan, &work).await?;
        deployment.set_faults(json!({})).await?;
        work.is_enough();
        Ok(under_load)
    };
    // Whoever gives up first tells why.
    let (outcomes, under_load) = tokio::try_join!(serving, peace)?;
    repeat(context, &shop, &outcomes).await?;
    judge(context, &deployment).await?;
    judge_bookings(context, &deployment, &outcomes).await?;
    nobody_has_to_look(context, &deployment).await?;
    Ok(JudgedLoad { deployment, under_load })
}

async fn nobody_has_to_look(context: &ScenarioContext, deployment: &Deployment) -> Result<(), Error> {
    let cases = context
        .caller(&deployment.shop, 0)?
        .get("/v1/ops/review_cases", deployment.shop.ops_key.as_deref())
        .await?;
    let none = cases["data"].as_array().is_some_and(Vec::is_empty);
    context.findings.always("nobody_has_to_look", none, || cases.to_string());
    Ok(())
}
