//! Servers and workers killed and stalled at random while customers pay.
//!
//! | what | what it leaves | who puts it right |
//! |---|---|---|
//! | `kill -9` | jobs under a lease that nobody renews; requests without an answer | another worker, once the lease has lapsed; the client's retry |
//! | SIGSTOP past the lease, then SIGCONT | a worker that believes it still has its jobs | the fencing token: what it writes late is refused |
//!
//! A late write is told by the zombie's own log, with the job and the token it held, and counts only if the
//! database shows that the job was claimed again under a higher token.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::{JobId, TenantId};
use rand::RngExt as _;
use serde_json::{Value, json};
use store::Store;

use crate::attack::deployment::LEASE_MS;
use crate::attack::incidents::{Incident, Planned, Whom, one_of, plan};
use crate::attack::orders::orders;
use crate::attack::siege::{self, Siege};
use crate::attack::{Arena, Deployment, Error, Need, Part, Scenario, Tuning};

pub const SCENARIO: Scenario = Scenario {
    number: 6,
    name: "killed",
    promise: "Servers and workers that are killed, or stalled past their leases and woken, lose nothing and do nothing twice: a zombie's late write is fenced off.",
    needs: &[Need::Deployment],
    always: &siege::ALWAYS,
    sometimes: &["killed_under_load", "stalled_past_its_lease", "answer_was_lost", "late_write_fenced_off"],
    run: |arena| Box::pin(run(arena)),
};

const CLIENTS: usize = 24;
/// Orders for one of each.
const ORDERS_A_KILL: usize = 50;
const ORDERS_A_STALL: usize = 100;
const KILLS_MIN: usize = 6;
const STALLS_MIN: usize = 4;
/// Beyond the lease, for another worker to find the jobs and to begin.
const BEYOND_MS: std::ops::Range<u64> = 800..1_600;

async fn run(arena: Arena) -> Result<(), Error> {
    let count = arena.operations();
    let mut random = arena.random("orders");
    let orders = orders(&arena, count, &mut random);
    let mut random = arena.random("incidents");
    let both = [Whom::Server, Whom::Worker];
    let mut incidents = Vec::new();
    for _ in 0..(count / ORDERS_A_KILL).max(KILLS_MIN) {
        incidents.push(Incident::Kill(one_of(&both, &mut random)));
    }
    for number in 0..(count / ORDERS_A_STALL).max(STALLS_MIN) {
        // Half of them, and the first, are workers': there the zombies come from.
        let whom = if number.is_multiple_of(2) { Whom::Worker } else { one_of(&both, &mut random) };
        let span = LEASE_MS + random.random_range(BEYOND_MS);
        incidents.push(Incident::Stall(whom, Duration::from_millis(span)));
    }
    let plan = plan(&incidents, count, &mut random);

    let siege = Siege {
        orders,
        clients: CLIENTS,
        plan: plan.clone(),
        // Slow enough that something is always under way; and webhooks do not save a worker that is asleep.
        faults: json!({
            "seed": arena.draw("provider") >> 12, "delay_ms": [40, 250], "webhook_drop": 0.3,
            "webhook_delay_ms": [0, 200],
        }),
        tuning: Tuning::default(),
    };
    let town = siege::lay(&arena, siege).await?;
    seen(&arena, &plan);
    fenced_off(&arena, &town).await
}

/// What befell while orders were not finished: all of it, since the last orders finish in peace.
fn seen(arena: &Arena, plan: &[Planned]) {
    for planned in plan {
        match planned.incident {
            Incident::Stall(..) => arena.findings.reached("stalled_past_its_lease"),
            _ => arena.findings.reached("killed_under_load"),
        }
    }
    let lost =
        arena.timeline.taken().retries.iter().filter(|retry| retry.reason.contains("no answer")).count();
    arena.findings.reached_times("answer_was_lost", lost as u64);
}

/// A worker's words on a job that it lost.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Loss {
    job: JobId,
    token: i64,
}

/// In a line of the log; other lines are none.
fn loss(line: &str) -> Option<Loss> {
    let line: Value = serde_json::from_str(line).ok()?;
    let told = line["message"].as_str()?;
    let lost = told.contains("the lease is lost") || told.contains("no longer this worker's");
    let job = line["job"].as_str()?.parse().ok()?;
    lost.then_some(Loss { job: JobId(job), token: line["token"].as_i64()? })
}

/// Late writes, by the zombies' logs and by the jobs' tokens.
async fn fenced_off(arena: &Arena, town: &Deployment) -> Result<(), Error> {
    if town.names(Part::Worker).len() < 2 {
        arena.findings.excuse("late_write_fenced_off", "one process: while it is asleep nobody takes over");
    }
    let installation = town.installation()?;
    let queries = Store::open_read_only(&installation.location).await?;
    let tenant = TenantId(installation.tenant.tenant_id.parse().unwrap_or_default());
    let mut losses = BTreeSet::new();
    for name in town.workers() {
        losses.extend(town.log(&name)?.lines().filter_map(loss));
    }
    for Loss { job, token } in losses {
        let again = queries.job(tenant, job).await?.is_some_and(|job| job.token > token);
        if again {
            arena.findings.reached("late_write_fenced_off");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_told_by_the_log() {
        let check = |line: &str, expected: Option<i64>| {
            assert_eq!(loss(line).map(|loss| loss.token), expected, "{line}");
        };
        let job = "01a1fe19-b95e-7000-a60f-836999f754c9";
        check(
            &format!("{{\"message\":\"the lease is lost; the work stops\",\"job\":\"{job}\",\"token\":3}}"),
            Some(3),
        );
        check(
            &format!("{{\"message\":\"the job is no longer this worker's\",\"job\":\"{job}\",\"token\":1}}"),
            Some(1),
        );
        check(&format!("{{\"message\":\"something else\",\"job\":\"{job}\",\"token\":1}}"), None);
        check("{\"message\":\"the lease is lost\"}", None);
        check("not JSON", None);
    }
}
