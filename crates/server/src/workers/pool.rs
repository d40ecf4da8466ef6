//! The pool: so many attempts are driven at once, from two sources.
//!
//! A job that this server's own request made is born claimed and driven at once. All others are
//! found by a query: due, or under a lease that lapsed. A query is not a claim: several pools may
//! find the same job, and under the lock one gets it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use domain::commands::{ClaimJobs, JobLease};
use domain::limits::IDS_PER_COMMAND_MAX;
use domain::reply::ClaimedJob;
use domain::time::Span;
use domain::{AccountId, JobId, Reply, Timestamp, WorkerId};
use store::CommandResult;
use store::queries::DueJob;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::task::TaskTracker;
use tracing::warn;

use super::driver::Driver;
use super::heartbeat::under_lease;
use crate::metrics::catalogue::PROCESSING_SECONDS;
use crate::metrics::labels::{Label as _, WorkLabel};
use crate::ports::{WorkerPermit, WorkerPool};
use crate::work_context::{self, WorkContext};

/// Attempts driven at once by one process.
pub const CONCURRENCY: usize = 256;
/// How long a worker may be silent before its job is another's.
pub const LEASE: Span = Span::seconds(30);
/// A look for due jobs at least this often, whatever was or was not notified.
const POLL: Duration = Duration::from_millis(500);
/// More than one process ever has under its lease.
const TAKEN_OVER_MAX: usize = 4_096;

pub struct Pool {
    driver: Driver,
    lease: JobLease,
    places: Arc<Semaphore>,
    tracker: TaskTracker,
    wake: Arc<Notify>,
    /// Due jobs were left where they are, because their accounts had no room.
    left_out: AtomicBool,
}

/// A place in the pool, taken before the command that will need it.
struct PoolPermit {
    pool: Arc<Pool>,
    place: OwnedSemaphorePermit,
}

impl WorkerPool for Arc<Pool> {
    fn place(&self) -> Option<Box<dyn WorkerPermit>> {
        let place = self.places.clone().try_acquire_owned().ok()?;
        Some(Box::new(PoolPermit { pool: self.clone(), place }))
    }
}

impl WorkerPermit for PoolPermit {
    fn lease(&self) -> JobLease {
        self.pool.lease
    }

    fn drive(self: Box<Self>, claimed: ClaimedJob) {
        let PoolPermit { pool, place } = *self;
        pool.set_to_work(claimed, place);
    }
}

impl Pool {
    pub fn new(
        driver: Driver,
        worker: WorkerId,
        lease: Span,
        concurrency: usize,
        wake: Arc<Notify>,
    ) -> Arc<Pool> {
        Arc::new(Pool {
            driver,
            lease: JobLease { worker, span: lease },
            places: Arc::new(Semaphore::new(concurrency)),
            tracker: TaskTracker::new(),
            wake,
            left_out: AtomicBool::new(false),
        })
    }

    /// Whoever's work_context this is now asked for it.
    fn set_to_work(self: &Arc<Self>, claimed: ClaimedJob, place: OwnedSemaphorePermit) {
        let work_context = WorkContext::new("drive", claimed.attempt.kind.value());
        work_context.is_for(claimed.payment.tenant);
        work_context.is_about(claimed.payment.id);
        let pool = self.clone();
        self.tracker.spawn(async move { pool.work(claimed, place, work_context).await });
    }

    async fn work(&self, claimed: ClaimedJob, place: OwnedSemaphorePermit, work_context: WorkContext) {
        let began = Instant::now();
        let work = work_context::on(Arc::new(work_context), self.driver.run(&claimed));
        under_lease(&self.driver.store, &claimed, self.lease.span, work).await;
        PROCESSING_SECONDS.record(WorkLabel::from(claimed.attempt.kind), began.elapsed());
        drop(place);
        if self.left_out.load(Ordering::Relaxed) {
            self.wake.notify_one();
        }
    }

    /// Looks for due jobs until told to stop; then waits for those under way. `alone`: no other
    /// process can have this database open, so what runs under an older lease is begun with.
    pub async fn run(self: Arc<Self>, alone: bool, mut stop: watch::Receiver<bool>) {
        if alone {
            self.take_over_from_the_dead().await;
        }
        while !*stop.borrow() {
            let found = self.claim_due().await;
            if found > 0 {
                continue;
            }
            tokio::select! {
                _ = stop.changed() => {}
                () = self.wake.notified() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// What a process that was killed had under its lease.
    async fn take_over_from_the_dead(self: &Arc<Self>) {
        let horizon = self.driver.clock.now().plus(self.lease.span);
        let jobs: Vec<JobId> =
            self.look_up(horizon, &[], TAKEN_OVER_MAX).await.iter().map(|due| due.job).collect();
        for jobs in jobs.chunks(IDS_PER_COMMAND_MAX) {
            self.claim(jobs, true).await;
        }
    }

    /// Claims as many due jobs as there are free places; the number that it got.
    async fn claim_due(self: &Arc<Self>) -> usize {
        let Ok(first) = self.places.clone().acquire_owned().await else { return 0 };
        drop(first);
        let limit = self.places.available_permits().clamp(1, IDS_PER_COMMAND_MAX);
        let jobs = self.choose(limit).await;
        if jobs.is_empty() {
            return 0;
        }
        self.claim(&jobs, false).await
    }

    /// Due jobs, of each account as many as may call it now. Where one account has so many that they hide
    /// those of others, there is a second look past it. First come those that only their deadline can end,
    /// because their circuit is not closed: it calls nobody, so it needs no room.
    async fn choose(&self, limit: usize) -> Vec<JobId> {
        let now = self.driver.clock.now();
        let mut room = self.driver.gates.room();
        let mut full: Vec<AccountId> =
            room.iter().filter(|(_, room)| **room == 0).map(|(account, _)| *account).collect();
        let mut chosen = self.look_up_late(now, limit).await;
        for _ in 0..2 {
            let due = self.look_up(now, &full, limit).await;
            let all = due.len() < limit;
            let full_before = full.len();
            for DueJob { job, account } in due {
                if chosen.contains(&job) {
                    continue;
                }
                match room.get_mut(&account) {
                    Some(0) if !full.contains(&account) => full.push(account),
                    Some(0) => {}
                    Some(room) => {
                        *room -= 1;
                        chosen.push(job);
                    }
                    // Not configured: that is said of it where it is driven.
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

    async fn look_up_late(&self, now: Timestamp, limit: usize) -> Vec<JobId> {
        let accounts = self.driver.gates.behind_circuits();
        self.driver.store.late_jobs(now, &accounts, limit).await.unwrap_or_else(|error| {
            warn!(%error, "jobs past their deadline could not be looked up");
            Vec::new()
        })
    }

    async fn look_up(&self, until: Timestamp, without: &[AccountId], limit: usize) -> Vec<DueJob> {
        self.driver.store.due_jobs(until, without, limit).await.unwrap_or_else(|error| {
            warn!(%error, "due jobs could not be looked up");
            Vec::new()
        })
    }

    /// Claims, and sets to work on what it got; how many that is.
    async fn claim(self: &Arc<Self>, jobs: &[JobId], alone: bool) -> usize {
        let command = |jobs: &[JobId]| ClaimJobs { jobs: jobs.to_vec(), lease: self.lease, alone };
        let answers = self.driver.store.submit_about(jobs, command).await.unwrap_or_else(|unavailable| {
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
            // Born-claimed jobs may have taken the places meanwhile; this one waits for the next.
            let Ok(place) = self.places.clone().acquire_owned().await else { return count };
            self.set_to_work(claimed, place);
        }
        count
    }
}
