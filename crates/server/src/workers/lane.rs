//! The workers of one lane: they find its due jobs, choose among them, and claim.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::commands::ClaimJobs;
use domain::limits::IDS_PER_COMMAND_MAX;
use domain::rows::Lane;
use domain::{JobId, Reply, Timestamp};
use store::CommandResult;
use store::queries::DueJob;
use tokio::sync::{Notify, Semaphore, watch};
use tracing::warn;
use uuid::Uuid;

use super::pool::Pool;

/// The longest pause between two queries for due jobs, whatever was notified.
const POLL: Duration = Duration::from_millis(500);
/// More than one process ever has under its lease.
const TAKEN_OVER_MAX: usize = 4_096;

pub(super) struct LaneWorkers {
    pub lane: Lane,
    pub permits: Arc<Semaphore>,
    pub wake: Notify,
    /// Due jobs were not claimed, because there was no room under their concurrency keys.
    left_out: AtomicBool,
}

impl LaneWorkers {
    pub fn new(lane: Lane, concurrency: usize) -> LaneWorkers {
        let permits = Arc::new(Semaphore::new(concurrency));
        LaneWorkers { lane, permits, wake: Notify::new(), left_out: AtomicBool::new(false) }
    }

    /// A job ended, so a permit is free.
    pub fn permit_returned(&self) {
        if self.left_out.load(Ordering::Relaxed) {
            self.wake.notify_one();
        }
    }

    pub async fn run(&self, pool: &Arc<Pool>, alone: bool, mut stop: watch::Receiver<bool>) {
        if alone {
            self.take_over_from_the_dead(pool).await;
        }
        while !*stop.borrow() {
            let found = self.claim_due(pool).await;
            if found > 0 {
                continue;
            }
            tokio::select! {
                _ = stop.changed() => {}
                () = self.wake.notified() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// Claims the jobs that a killed process had under its lease.
    async fn take_over_from_the_dead(&self, pool: &Arc<Pool>) {
        let horizon = pool.clock.now().plus(pool.lease.span);
        let due = self.look_up(pool, horizon, &[], TAKEN_OVER_MAX).await;
        let jobs: Vec<JobId> = due.iter().map(|due| due.job).collect();
        for jobs in jobs.chunks(IDS_PER_COMMAND_MAX) {
            self.claim(pool, jobs, true).await;
        }
    }

    /// Claims as many due jobs as there are free permits, and returns the number.
    async fn claim_due(&self, pool: &Arc<Pool>) -> usize {
        let Ok(first) = self.permits.clone().acquire_owned().await else { return 0 };
        drop(first);
        let limit = self.permits.available_permits().clamp(1, IDS_PER_COMMAND_MAX);
        let jobs = self.choose(pool, limit).await;
        if jobs.is_empty() {
            return 0;
        }
        self.claim(pool, &jobs, false).await
    }

    /// Due jobs: per concurrency key as many as may be worked on now. If the jobs of one key hide
    /// those of others, a second query leaves that key out. Jobs that only their deadline can end
    /// come first, because the circuit of their account is not closed: they call no provider, so
    /// they need no room.
    async fn choose(&self, pool: &Pool, limit: usize) -> Vec<JobId> {
        let now = pool.clock.now();
        let mut room: HashMap<Uuid, usize> = pool.gates.room();
        let mut full: Vec<Uuid> = room.iter().filter(|(_, room)| **room == 0).map(|(key, _)| *key).collect();
        let mut chosen = self.look_up_late(pool, now, limit).await;
        for _ in 0..2 {
            let due = self.look_up(pool, now, &full, limit).await;
            let all = due.len() < limit;
            let full_before = full.len();
            for DueJob { job, concurrency_key } in due {
                if chosen.contains(&job) {
                    continue;
                }
                match concurrency_key.and_then(|key| Some((key, room.get_mut(&key)?))) {
                    Some((key, 0)) if !full.contains(&key) => full.push(key),
                    Some((_, 0)) => {}
                    Some((_, room)) => {
                        *room -= 1;
                        chosen.push(job);
                    }
                    // The job's handler reports an account that is not configured.
                    None => chosen.push(job),
                }
            }
            if all || full.len() == full_before {
                break;
            }
        }
        self.left_out.store(!full.is_empty(), Ordering::Relaxed);
        chosen.truncate(limit);
        chosen
    }

    /// For jobs of attempts only.
    async fn look_up_late(&self, pool: &Pool, now: Timestamp, limit: usize) -> Vec<JobId> {
        if self.lane != Lane::Critical {
            return Vec::new();
        }
        let accounts = pool.gates.behind_circuits();
        pool.store.late_jobs(pool.handlers.kinds, now, &accounts, limit).await.unwrap_or_else(|error| {
            warn!(%error, "jobs past their deadline could not be read");
            Vec::new()
        })
    }

    async fn look_up(&self, pool: &Pool, until: Timestamp, without: &[Uuid], limit: usize) -> Vec<DueJob> {
        let due = pool.store.due_jobs(pool.handlers.kinds, self.lane, until, without, limit).await;
        due.unwrap_or_else(|error| {
            warn!(%error, "due jobs could not be read");
            Vec::new()
        })
    }

    /// Claims, starts the work on what it got, and returns the number.
    async fn claim(&self, pool: &Arc<Pool>, jobs: &[JobId], alone: bool) -> usize {
        let (kinds, lease) = (pool.handlers.kinds, pool.lease);
        let command = |jobs: &[JobId]| ClaimJobs { jobs: jobs.to_vec(), kinds, lease, alone };
        let answers = pool.store.submit_about(jobs, command).await.unwrap_or_else(|unavailable| {
            warn!(%unavailable, "due jobs could not be claimed");
            Vec::new()
        });
        let mut claimed = Vec::new();
        for answer in answers {
            match answer {
                CommandResult::Fresh { reply: Reply::Claimed(more), .. } => claimed.extend(more),
                answer => warn!(answer = answer.name(), "due jobs could not be claimed"),
            }
        }
        let count = claimed.len();
        for claimed in claimed {
            // New jobs of requests may have taken the permits meanwhile; this job waits for the
            // next one.
            let Ok(permit) = self.permits.clone().acquire_owned().await else { return count };
            pool.set_to_work(claimed, permit);
        }
        count
    }
}
