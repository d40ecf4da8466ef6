//! Servers and workers killed and stalled at random while customers pay.
//!
//! | fault | what it leaves | what repairs it |
//! |---|---|---|
//! | `kill -9` | jobs under a lease that nobody renews; requests without an answer | another worker after the lease; the client's retry |
//! | SIGSTOP past the lease, then SIGCONT | a worker that still works on its jobs | the fencing token: its late writes are refused |
//!
//! With random faults a late write is rare, and its effect cannot be predicted. So
//! [`stale_workers`] makes some first. A late write after a random fault counts if the zombie's own
//! log reports it, with the job and its token, and the database shows that the job was claimed
//! again under a higher token.

mod stale_workers;

use std::collections::BTreeSet;
use std::time::Duration;

use domain::TenantId;
use rand::RngExt as _;
use serde_json::json;
use store::Store;

use crate::deployment::LEASE_MS;
use crate::incidents::{Incident, TargetProcess, one_of, plan};
use crate::load_with_faults::{self, JudgedLoad, LoadWithFaults};
use crate::orders::orders;
use crate::timeline::RecordedRetry;
use crate::{Deployment, Error, Need, Scenario, ScenarioContext, Tuning, judge};
use stale_workers::{Loss, loss};

pub const SCENARIO: Scenario = Scenario {
    number: 6,
    name: "killed",
    promise: "Servers and workers that are killed, or stalled past their leases and continued, lose nothing and do nothing twice: a zombie's late write is fenced off.",
    needs: &[Need::Deployment],
    always: &[load_with_faults::ALWAYS[0], load_with_faults::ALWAYS[1], "only_the_holder_of_a_job_writes"],
    sometimes: &["killed_under_load", "stalled_past_its_lease", "answer_was_lost", "late_write_fenced_off"],
    run: |context| Box::pin(run(context)),
};

const CLIENTS: usize = 24;
/// Among this many operations at least one is certain to lose its answer to a kill.
const OPERATIONS_A_LOST_ANSWER: usize = 500;
/// Orders for each incident.
const ORDERS_A_KILL: usize = 50;
const ORDERS_A_STALL: usize = 100;
const KILLS_MIN: usize = 9;
const STALLS_MIN: usize = 4;
/// After the lease: the time for another worker to find the jobs and to begin.
const BEYOND_MS: std::ops::Range<u64> = 800..1_600;

async fn run(context: ScenarioContext) -> Result<(), Error> {
    let count = context.operations();
    let mut random = context.random("orders");
    let orders = orders(&context, count, &mut random);
    let mut random = context.random("incidents");
    let both = [TargetProcess::Server, TargetProcess::Worker];
    let mut incidents = Vec::new();
    for _ in 0..(count / ORDERS_A_KILL).max(KILLS_MIN) {
        incidents.push(Incident::Kill(one_of(&both, &mut random)));
    }
    for number in 0..(count / ORDERS_A_STALL).max(STALLS_MIN) {
        // Half of the stalls, and the first, hit workers: only a worker becomes a zombie.
        let process =
            if number.is_multiple_of(2) { TargetProcess::Worker } else { one_of(&both, &mut random) };
        let span = LEASE_MS + random.random_range(BEYOND_MS);
        incidents.push(Incident::Stall(process, Duration::from_millis(span)));
    }
    let plan = plan(&incidents, count, &mut random);

    let load = LoadWithFaults {
        orders,
        clients: CLIENTS,
        plan,
        // Slow enough that work is always under way. Without webhooks, a worker that sleeps gets no
        // help.
        faults: json!({
            "seed": context.draw("provider") >> 12, "delay_ms": [40, 250], "webhook_drop": 0.3,
            "webhook_delay_ms": [0, 200],
        }),
        tuning: Tuning::default(),
    };
    let mut deployment = context.deploy(&load.tuning).await?;
    stale_workers::wake_late(&context, &mut deployment).await?;
    if context.findings.any_broken() {
        return judge(&context, &deployment).await.map(drop);
    }
    let JudgedLoad { deployment, under_load } =
        load_with_faults::run_load_on(&context, deployment, load).await?;
    seen(&context, &under_load);
    fenced_off(&context, &deployment).await
}

/// Records the incidents that came while orders were under way.
fn seen(context: &ScenarioContext, under_load: &[Incident]) {
    for incident in under_load {
        match incident {
            Incident::Stall(..) => context.findings.reached("stalled_past_its_lease"),
            _ => context.findings.reached("killed_under_load"),
        }
    }
    let lost = answers_lost(&context.timeline.taken().retries, &stale_workers::prefix(context));
    context.findings.reached_times("answer_was_lost", lost as u64);
    if lost == 0 && context.operations() < OPERATIONS_A_LOST_ANSWER {
        let few = format!("{} kills and stalls met no request at work: too few to tell", under_load.len());
        context.findings.excuse("answer_was_lost", few);
    }
}

/// Leaves out the operations whose answers come late by design.
fn answers_lost(retries: &[RecordedRetry], late: &str) -> usize {
    let lost =
        |retry: &&RecordedRetry| retry.reason.contains("no answer") && !retry.operation.starts_with(late);
    retries.iter().filter(lost).count()
}

/// Counts late writes by the zombies' logs and by the jobs' tokens.
async fn fenced_off(context: &ScenarioContext, deployment: &Deployment) -> Result<(), Error> {
    let installation = deployment.installation()?;
    let queries = Store::open_read_only(&installation.location).await?;
    let tenant = TenantId(installation.tenant.tenant_id.parse().unwrap_or_default());
    let mut losses = BTreeSet::new();
    for name in deployment.workers() {
        losses.extend(deployment.log(&name)?.lines().filter_map(loss));
    }
    for Loss { job, token } in losses {
        let again = queries.job(tenant, job).await?.is_some_and(|job| job.token > token);
        if again {
            context.findings.reached("late_write_fenced_off");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_comes_late_by_design_is_not_a_lost_one() {
        let retry = |operation: &str, reason: &str| RecordedRetry {
            at_ms: 0,
            operation: operation.to_owned(),
            attempt: 2,
            delay_ms: 0,
            reason: reason.to_owned(),
            retry_after_ms: None,
        };
        let late = [retry("a1-6-late-0-3", "no answer: the connection ended"), retry("a1-6-9-pay", "202")];
        assert_eq!(answers_lost(&late, "a1-6-late-"), 0);
        let lost = retry("a1-6-9-pay", "no answer: the connection ended");
        assert_eq!(answers_lost(&[late.to_vec(), vec![lost]].concat(), "a1-6-late-"), 1);
    }
}
