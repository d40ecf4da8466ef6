//! Faults of a deployment. The plan depends on the seed only. An incident comes when a share of the
//! orders is finished, so a slow machine gets the same incidents as a fast one. Only an incident
//! while clients work can show anything.

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use super::deployment::{Deployment, Part};
use super::orders::moment;
use super::{Error, PendingWork, ScenarioContext};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incident {
    /// SIGKILL, and another start.
    Kill(TargetProcess),
    /// This signal, and another start.
    Stop(TargetProcess, &'static str),
    /// SIGSTOP, a pause, and SIGCONT.
    Stall(TargetProcess, Duration),
    /// PostgreSQL loses what it did not flush, and recovers.
    RestartDatabase,
    /// Every connection to PostgreSQL is ended.
    CutConnections,
}

/// A kind of process: a plan is made before any process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetProcess {
    Server,
    /// A process that runs jobs.
    Worker,
    Relay,
    /// The provider's sandbox, which keeps its books over a restart.
    Provider,
}

/// An incident comes when this many orders are finished, and a moment later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    pub after_orders: usize,
    pub moment: Duration,
    pub incident: Incident,
    /// Chooses one of several processes.
    pub nth: usize,
}

/// More than the processes of any fleet.
const NTH_MAX: usize = 1_000;

/// Spreads the incidents at random over most of the planned work.
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

pub fn one_of(kinds: &[TargetProcess], random: &mut StdRng) -> TargetProcess {
    kinds.choose(random).copied().unwrap_or(TargetProcess::Server)
}

/// Applies the plan while orders finish. Returns the incidents that came while orders were under
/// way.
pub async fn apply_incidents(
    context: &ScenarioContext,
    deployment: &mut Deployment,
    plan: &[Planned],
    work: &PendingWork,
) -> Result<Vec<Incident>, Error> {
    let mut under_load = Vec::new();
    for planned in plan {
        work.until_finished(planned.after_orders).await;
        // No wait for a state here, so that the incident can come at any moment.
        tokio::time::sleep(planned.moment).await;
        under_load.extend(work.is_under_way().then_some(planned.incident));
        apply(context, deployment, planned).await?;
        deployment.all_alive()?;
    }
    context.findings.figure("incidents", plan.len() as f64);
    context.findings.figure("incidents while orders were under way", under_load.len() as f64);
    Ok(under_load)
}

async fn apply(
    context: &ScenarioContext,
    deployment: &mut Deployment,
    planned: &Planned,
) -> Result<(), Error> {
    match planned.incident {
        Incident::Kill(process) => {
            let name = name(deployment, process, planned.nth)?;
            deployment.kill(&name).await?;
            deployment.start_again(&name).await
        }
        Incident::Stop(process, signal) => {
            let name = name(deployment, process, planned.nth)?;
            deployment.stop(&name, signal).await?;
            deployment.start_again(&name).await
        }
        Incident::Stall(process, span) => {
            let name = name(deployment, process, planned.nth)?;
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
            // A server that was just killed may have no connections.
            deployment.database(|server| server.terminate_connections().map(drop)).await
        }
    }
}

fn name(deployment: &Deployment, process: TargetProcess, nth: usize) -> Result<String, Error> {
    let names = match process {
        TargetProcess::Server => deployment.names(Part::Server),
        TargetProcess::Worker => deployment.workers(),
        TargetProcess::Relay => deployment.names(Part::Relay),
        TargetProcess::Provider => deployment.names(Part::Sandbox),
    };
    let at = nth.checked_rem(names.len()).ok_or_else(|| Error::NotOurs(format!("{process:?}")))?;
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
