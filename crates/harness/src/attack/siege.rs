//! Customers pay while things befall the deployment; then it is judged.
//!
//! Every order is carried out to its end, whatever befalls; customers come for as long as anything befalls;
//! nothing may wait for a person; every request is said once more, and answered as it was.

use serde_json::{Value, json};

use super::incidents::{Incident, Planned, suffer};
use super::orders::{Order, judge_bookings, repeat, serve};
use super::{Arena, Deployment, Error, Tuning, Work, judge};

/// The invariants that a siege looks at: a scenario that lays one names them.
pub const ALWAYS: [&str; 2] = ["paid_bookings_are_confirmed", "nobody_has_to_look"];

/// What is to befall, and whom.
pub struct Siege {
    pub orders: Vec<Order>,
    pub clients: usize,
    pub plan: Vec<Planned>,
    /// What the provider does wrong meanwhile.
    pub faults: Value,
    pub tuning: Tuning,
}

/// A siege that was laid and judged. The deployment is left as it is, at rest.
pub struct Laid {
    pub town: Deployment,
    /// What befell while orders were under way.
    pub under_load: Vec<Incident>,
}

/// Lays it, and judges.
pub async fn lay(arena: &Arena, siege: Siege) -> Result<Laid, Error> {
    let town = arena.deploy(&siege.tuning).await?;
    lay_on(arena, town, siege).await
}

/// The same, on a deployment that serves already.
pub async fn lay_on(arena: &Arena, mut town: Deployment, siege: Siege) -> Result<Laid, Error> {
    let Siege { orders, clients, plan, faults, tuning: _ } = siege;
    town.set_faults(faults).await?;
    let work = Work::until_enough();
    let shop = town.shop.clone();
    let serving = serve(arena, &shop, clients, orders, &work);
    let peace = async {
        let under_load = suffer(arena, &mut town, &plan, &work).await?;
        town.set_faults(json!({})).await?;
        work.is_enough();
        Ok(under_load)
    };
    // Whoever gives up first tells why.
    let (outcomes, under_load) = tokio::try_join!(serving, peace)?;
    repeat(arena, &shop, &outcomes).await?;
    judge(arena, &town).await?;
    judge_bookings(arena, &town, &outcomes).await?;
    nobody_has_to_look(arena, &town).await?;
    Ok(Laid { town, under_load })
}

async fn nobody_has_to_look(arena: &Arena, town: &Deployment) -> Result<(), Error> {
    let cases =
        arena.caller(&town.shop, 0)?.get("/v1/ops/review_cases", town.shop.ops_key.as_deref()).await?;
    let none = cases["data"].as_array().is_some_and(Vec::is_empty);
    arena.findings.always("nobody_has_to_look", none, || cases.to_string());
    Ok(())
}
