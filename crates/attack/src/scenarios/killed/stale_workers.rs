//! Workers that write too late, made on purpose.
//!
//! | step | what | what the database shows |
//! |---|---|---|
//! | slow | the provider is slow, and sends no webhooks | |
//! | alone | all workers but one are stopped while jobs are made | |
//! | asleep | that worker is stopped with calls under way, and the others continue | jobs that run under its tokens |
//! | taken over | another worker claims its jobs after their leases | the same jobs under higher tokens |
//! | still | the others are stopped as well: no worker with a valid token runs | |
//! | late | the first continues, and writes its results | the jobs are unchanged, and its log reports that it lost them |
//!
//! Any change of a job in the last step is a late write that was accepted: the worker that holds
//! the job is stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use domain::JobId;
use rand::RngExt as _;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::database_rows::{DatabaseRows, Texts};
use crate::deployment::LEASE_MS;
use crate::{Deployment, Error, OperationRequest, Part, ScenarioContext};

const CLIENTS: usize = 12;
/// The most rounds until there is a zombie.
const ROUNDS_MAX: usize = 8;
/// The duration of each call, in leases: more than one, so that it ends when another worker has the
/// job. Later rounds give a slow machine more time.
const CALL_IN_LEASES: [u64; ROUNDS_MAX] = [2, 2, 4, 4, 6, 8, 8, 8];
/// The time for jobs to run, or to be taken over.
const WITHIN: Duration = Duration::from_secs(15);
/// The time for a zombie to learn that it lost its job.
const LOSS_WITHIN: Duration = Duration::from_secs(10);
/// A statement that a stopped process had sent before has been carried out by then.
const ON_ITS_WAY: Duration = Duration::from_millis(50);
const POLL_EVERY: Duration = Duration::from_millis(5);
const PROMISE: &str = "only_the_holder_of_a_job_writes";

/// A worker's log entry about a job that it lost.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub struct Loss {
    pub job: JobId,
    pub token: i64,
}

/// Reads a line of the log; `None` for any other line.
pub fn loss(line: &str) -> Option<Loss> {
    let line: Value = serde_json::from_str(line).ok()?;
    let message = line["message"].as_str()?;
    let lost = message.contains("the lease is lost") || message.contains("no longer this worker's");
    let job = line["job"].as_str()?.parse().ok()?;
    lost.then_some(Loss { job: JobId(job), token: line["token"].as_i64()? })
}

/// Running jobs, each with its token and the worker that has it.
type Held = BTreeMap<Uuid, (i64, Uuid)>;

pub async fn wake_late(context: &ScenarioContext, deployment: &mut Deployment) -> Result<(), Error> {
    let workers = deployment.names(Part::Worker);
    let Some((zombie, others)) = workers.split_first().filter(|(_, others)| !others.is_empty()) else {
        excused(context);
        return Ok(());
    };
    let location = deployment.location().ok_or_else(|| Error::NotOurs("the database".to_owned()))?.clone();
    let rows = DatabaseRows::of(&location).await?;
    context.progress.counts("rounds with a worker that writes too late", ROUNDS_MAX);
    for (round, leases) in CALL_IN_LEASES.into_iter().enumerate() {
        let call_ms = leases * LEASE_MS;
        deployment.set_faults(json!({ "delay_ms": [call_ms, call_ms], "webhook_drop": 1.0 })).await?;
        let hears_nothing = Duration::from_millis(call_ms / 2);
        // The worker that is notified first may take every job, and it may always be the same
        // worker.
        for other in others {
            deployment.freeze(other).await?;
        }
        let charges = charge(context, deployment, round);
        let held =
            StaleWorkerRound { context, deployment, rows: &rows, hears_nothing }.zombie(zombie, others).await;
        for worker in &workers {
            deployment.thaw(worker).await?;
        }
        deployment.set_faults(json!({})).await?;
        let made = held?;
        for charged in charges.join_all().await {
            charged?;
        }
        context.progress.advance();
        if made || context.findings.any_broken() {
            return Ok(());
        }
    }
    context.findings.note(format!("no worker was made to write too late, in {ROUNDS_MAX} rounds"));
    Ok(())
}

fn excused(context: &ScenarioContext) {
    for name in [PROMISE, "late_write_fenced_off"] {
        context.findings.excuse(name, "one process: while it is asleep nobody takes over");
    }
}

/// The prefix of operations whose answers come late by design.
pub fn prefix(context: &ScenarioContext) -> String {
    context.operation("late-")
}

fn charge(context: &ScenarioContext, deployment: &Deployment, round: usize) -> JoinSet<Result<(), Error>> {
    let mut random = context.random(&format!("late {round}"));
    let mut charges = JoinSet::new();
    for number in 0..CLIENTS {
        let mut caller = context.caller(&deployment.target, number);
        let operation = format!("{}{round}-{number}", prefix(context));
        let request =
            OperationRequest::charge(&operation, random.random_range(100..=9_999), context.card(number));
        charges.spawn(async move { caller.retry_until_definite(&request).await.map(drop) });
    }
    charges
}

struct StaleWorkerRound<'a> {
    context: &'a ScenarioContext,
    deployment: &'a Deployment,
    rows: &'a DatabaseRows,
    /// The worker that took over gets no reply of the provider within this time.
    hears_nothing: Duration,
}

impl StaleWorkerRound<'_> {
    /// Makes a zombie of one worker, and lets it continue. Returns whether it had results to write.
    async fn zombie(&self, zombie: &str, others: &[String]) -> Result<bool, Error> {
        let StaleWorkerRound { context, deployment, .. } = self;
        self.until(WITHIN, |running| running.len() >= CLIENTS / 2).await?;
        let lasting = context.timeline.begin("stall", zombie);
        deployment.freeze(zombie).await?;
        for other in others {
            deployment.thaw(other).await?;
        }
        let before = self.running().await?;
        let seen = self.until(WITHIN, |running| !taken_over(&before, running).is_empty()).await?;
        let taken = self.stand_still(others, &before, seen).await?;
        let made = if taken.is_empty() {
            false
        } else {
            context.timeline.fault("stall", others.join(", "), "the workers that hold the jobs");
            deployment.thaw(zombie).await?;
            self.judge(zombie, &before, &taken).await?
        };
        context.timeline.end(lasting);
        Ok(made)
    }

    /// Stops the workers that took over while they hold the jobs, and no database lock: a late
    /// writer must be refused, not wait. Returns the jobs that they hold; none if they may know the
    /// outcome by now.
    async fn stand_still(&self, others: &[String], before: &Held, seen: Instant) -> Result<Held, Error> {
        loop {
            for other in others {
                self.deployment.freeze(other).await?;
            }
            tokio::time::sleep(ON_ITS_WAY).await;
            let taken = taken_over(before, &self.running().await?);
            if taken.is_empty() || seen.elapsed() > self.hears_nothing {
                return Ok(Held::new());
            }
            let among = self.rows.ids(taken.keys().copied());
            let free = format!("select id from jobs where id in {among} for update skip locked");
            if self.rows.select(&free).await?.len() == taken.len() {
                return Ok(taken);
            }
            for other in others {
                self.deployment.thaw(other).await?;
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    /// Checks that each job is unchanged, and that the zombie knows that it lost it. Returns
    /// whether it wrote anything, or logged a loss.
    async fn judge(&self, zombie: &str, before: &Held, taken: &Held) -> Result<bool, Error> {
        let StaleWorkerRound { context, deployment, .. } = self;
        let begun = Instant::now();
        loop {
            let written = self.written(taken).await?;
            let log = deployment.log(zombie)?;
            let losses: Vec<Loss> = log.lines().filter_map(loss).collect();
            let has_lost = |id: &Uuid| {
                let own = |one: &Loss| before.get(id).is_some_and(|(token, _)| *token == one.token);
                losses.iter().any(|one| one.job.0 == *id && own(one))
            };
            let refused = taken.keys().filter(|id| has_lost(id)).count();
            let late = begun.elapsed() > LOSS_WITHIN;
            if written.is_empty() && refused < taken.len() && !late {
                tokio::time::sleep(POLL_EVERY).await;
                continue;
            }
            let made = refused > 0 || !written.is_empty();
            if made {
                context.findings.always(PROMISE, written.is_empty(), || {
                    format!("{zombie} came late, and while the holder of the jobs was stopped, {written:?}")
                });
            }
            context.findings.reached_times("late_write_fenced_off", refused as u64);
            return Ok(made);
        }
    }

    /// The state of the jobs under their present tokens. Under a higher token the job has a new
    /// claim, and its change proves nothing.
    async fn written(&self, taken: &Held) -> Result<Vec<String>, Error> {
        let among = self.rows.ids(taken.keys().copied());
        let moved = format!("select id, token, state from jobs where state <> 'running' and id in {among}");
        let mut written = Vec::new();
        for job in self.rows.select(&moved).await? {
            let (Some(id), Some(token)) = (uuid(&job, 0), number(&job, 1)) else { continue };
            if taken.get(&id).is_some_and(|(held, _)| *held == token) {
                let state = job.get(2).cloned().flatten().unwrap_or_default();
                written.push(format!("job {id} became {state} under token {token}"));
            }
        }
        Ok(written)
    }

    /// Waits until the running jobs satisfy `so`, or the time is over. Returns the last time at
    /// which they did not.
    async fn until(&self, within: Duration, so: impl Fn(&Held) -> bool) -> Result<Instant, Error> {
        let begun = Instant::now();
        let mut before = begun;
        loop {
            let at = Instant::now();
            if so(&self.running().await?) || begun.elapsed() > within {
                return Ok(before);
            }
            before = at;
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    async fn running(&self) -> Result<Held, Error> {
        let found = self.rows.select("select id, token, worker from jobs where state = 'running'").await?;
        let held = |job: &Texts| Some((uuid(job, 0)?, (number(job, 1)?, uuid(job, 2)?)));
        Ok(found.iter().filter_map(held).collect())
    }
}

/// The jobs that another worker has now, under a higher token. `None` if several workers have lost
/// jobs: only one of them is the zombie.
fn taken_over(before: &Held, now: &Held) -> Held {
    let mut losers = BTreeSet::new();
    let mut taken = Held::new();
    for (id, (token, worker)) in now {
        if let Some((older, loser)) = before.get(id)
            && older < token
            && loser != worker
        {
            losers.insert(*loser);
            taken.insert(*id, (*token, *worker));
        }
    }
    if losers.len() == 1 { taken } else { Held::new() }
}

fn uuid(row: &Texts, at: usize) -> Option<Uuid> {
    row.get(at)?.as_deref()?.parse().ok()
}

fn number(row: &Texts, at: usize) -> Option<i64> {
    row.get(at)?.as_deref()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_taken_over_by_another_under_a_higher_token() {
        let held = |held: &[(u128, i64, u128)]| -> Held {
            let one = |(job, token, worker): &(u128, i64, u128)| {
                (Uuid::from_u128(*job), (*token, Uuid::from_u128(*worker)))
            };
            held.iter().map(one).collect()
        };
        let check =
            |before: &[(u128, i64, u128)], now: &[(u128, i64, u128)], expected: &[(u128, i64, u128)]| {
                assert_eq!(taken_over(&held(before), &held(now)), held(expected), "{before:?} {now:?}");
            };
        check(&[(1, 1, 7)], &[(1, 1, 7)], &[]);
        check(&[(1, 1, 7), (2, 1, 8)], &[(1, 2, 8), (2, 1, 8)], &[(1, 2, 8)]);
        // Its own job again, a finished job, and a new job.
        check(&[(1, 1, 7)], &[(1, 2, 7)], &[]);
        check(&[(1, 1, 7)], &[(2, 2, 8)], &[]);
        // Two workers have lost jobs.
        check(&[(1, 1, 7), (2, 1, 8)], &[(1, 2, 8), (2, 2, 7)], &[]);
    }

    #[test]
    fn the_log_reports_a_loss() {
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
