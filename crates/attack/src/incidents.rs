//! What befalls a deployment, and when: planned from the seed, told by how much of the work is finished, so
//! that a slow machine suffers the same as a quick one. It befalls clients at work, or shows nothing.

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use super::deployment::{Deployment, Part};
use super::orders::moment;
use super::{Error, PendingWork, ScenarioContext};

/// One thing that befalls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incident {
    /// `kill -9`, and started again.
    Kill(TargetProcess),
    /// Asked to stop by this signal, and started again.
    Stop(TargetProcess, &'static str),
    /// SIGSTOP, for so long, and SIGCONT.
    Stall(TargetProcess, Duration),
    /// PostgreSQL loses what it did not flush, and recovers.
    RestartDatabase,
    /// Each connection to PostgreSQL is cut off.
    CutConnections,
}

/// Which process. By its kind, since a plan is made before anything runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetProcess {
    Server,
    /// One that drives jobs, whatever else it does.
    Worker,
    Relay,
    /// The provider's stand-in dies as well, and forgets nothing.
    Provider,
}

/// An incident comes once so many orders are finished, and a moment later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    pub after_orders: usize,
    pub moment: Duration,
    pub incident: Incident,
    /// Which of several processes it is.
    pub nth: usize,
}

/// The most processes of one fleet.
const NTH_MAX: usize = 1_000;

/// Spread at random over most of the work that is planned.
pub fn plan(incidents: &[Incident], orders: usize, random: &mut StdRng) -> Vec<Planned> {
    let mut plan: Vec<Planned> = incidents
        .iter()
        .map(|incident| Planned {
            after_orders: random.random_range(0..(orders * 9 / 10).max(1)),
            moment: moment(random),
            incident: *incident,
            nth: random.random_range(0..NTH_MAX),
        })
        .collect();
    plan.sort_by_key(|planned| planned.after_orders);
    plan
}

/// One of these, drawn.
pub fn one_of(kinds: &[TargetProcess], random: &mut StdRng) -> TargetProcess {
    kinds.choose(random).copied().unwrap_or(TargetProcess::Server)
}

/// Lets the plan come to pass as orders finish. Those that fell while orders were under way.
pub async fn apply_incidents(
    context: &ScenarioContext,
    deployment: &mut Deployment,
    plan: &[Planned],
    work: &PendingWork,
) -> Result<Vec<Incident>, Error> {
    let mut under_load = Vec::new();
    for planned in plan {
        work.until_finished(planned.after_orders).await;
        // Not to wait for anything: so that it falls at any moment.
        tokio::time::sleep(planned.moment).await;
        under_load.extend(work.is_under_way().then_some(planned.incident));
        befall(context, deployment, planned).await?;
        deployment.all_alive()?;
    }
    context.findings.figure("incidents", plan.len() as f64);
    context.findings.figure("incidents while orders were under way", under_load.len() as f64);
    Ok(under_load)
}

async fn befall(
    context: &ScenarioContext,
    deployment: &mut Deployment,
    planned: &Planned,
) -> Result<(), Error> {
    match planned.incident {
        Incident::Kill(whom) => {
            let name = name(deployment, whom, planned.nth)?;
            deployment.kill(&name).await?;
            deployment.start_again(&name).await
        }
        Incident::Stop(whom, signal) => {
            let name = name(deployment, whom, planned.nth)?;
            deployment.stop(&name, signal).await?;
            deployment.start_again(&name).await
        }
        Incident::Stall(whom, span) => {
            let name = name(deployment, whom, planned.nth)?;
            deployment.stall(&name, span).await
        }
        Incident::RestartDatabase => {
            let lasting = context.timeline.begin("restart", "postgres");
            let restarted = deployment.database(|server| {
                server.stop_immediate()?;
                server.restart()
            });
            let restarted = restarted.await;
            context.timeline.end(lasting);
            restarted
        }
        Incident::CutConnections => {
            context.timeline.fault("connections cut", "postgres", "");
            // A server that was killed a moment ago may have none.
            deployment.database(|server| server.terminate_connections().map(drop)).await
        }
    }
}

fn name(deployment: &Deployment, whom: TargetProcess, nth: usize) -> Result<String, Error> {
    let names = match whom {
        TargetProcess::Server => deployment.names(Part::Server),
        TargetProcess::Worker => deployment.workers(),
        TargetProcess::Relay => deployment.names(Part::Relay),
        TargetProcess::Provider => deployment.names(Part::Sandbox),
    };
    let at = nth.checked_rem(names.len()).ok_or_else(|| Error::NotOurs(format!("{whom:?}")))?;
    Ok(names[at].clone())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn a_seed_repeats_the_plan() {
        let incidents = [
            Incident::Kill(TargetProcess::Server),
            Incident::Stall(TargetProcess::Worker, Duration::from_secs(2)),
        ];
        let incidents = incidents.repeat(20);
        let plan = |seed| plan(&incidents, 200, &mut StdRng::seed_from_u64(seed));
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7), plan(8));
        assert!(plan(7).is_sorted_by_key(|planned| planned.after_orders));
        assert!(
            plan(7).iter().all(|planned| planned.after_orders < 180),
            "it waits for no order that never comes"
        );
    }
}
