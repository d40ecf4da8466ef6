//! The pool: works on a bounded number of jobs per lane, from two sources.
//!
//! A job that this server's own request makes is created under a lease and begun at once. All other
//! jobs are found by a query: due, or under a lease that has expired. A query is not a claim:
//! several pools may find the same job, and under the lock one gets it.
//!
//! Each lane has its own permits and queries its own jobs, so that a lane that is full, or whose
//! jobs hang, does not stop the other.

use std::sync::Arc;
use std::time::Instant;

use domain::WorkerId;
use domain::commands::{FailJob, FinishJob, JobLease};
use domain::reply::ClaimedJob;
use domain::rows::Lane;
use domain::time::Span;
use futures_util::future::join_all;
use store::{Clock, Store};
use tokio::sync::{Notify, OwnedSemaphorePermit, watch};
use tokio_util::task::TaskTracker;
use tracing::error;

use super::gate::Gates;
use super::handlers::{JobHandlers, JobOutcome, RegisteredHandler};
use super::heartbeat::under_lease;
use super::lane::LaneWorkers;
use super::report::{backoff_of, submit};
use crate::metrics::catalogue::PROCESSING_SECONDS;
use crate::metrics::labels::{Reason, WorkLabel};
use crate::ports::{WorkerPermit, WorkerPool};
use crate::work_context::{self, WorkContext};

/// How long a worker may be silent before another takes its job.
pub const LEASE: Span = Span::seconds(30);

/// How many jobs of each lane one process works on at the same time.
#[derive(Clone, Copy, Debug)]
pub struct LaneConcurrency {
    pub critical: usize,
    pub ordinary: usize,
}

impl Default for LaneConcurrency {
    fn default() -> Self {
        LaneConcurrency { critical: 256, ordinary: 32 }
    }
}

pub struct PoolParts {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub gates: Arc<Gates>,
    pub handlers: JobHandlers,
    pub worker: WorkerId,
    pub lease: Span,
    pub concurrency: LaneConcurrency,
    /// Notified when there are jobs.
    pub wake: Arc<Notify>,
}

pub struct Pool {
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) gates: Arc<Gates>,
    pub(super) handlers: JobHandlers,
    pub(super) lease: JobLease,
    lanes: [LaneWorkers; 2],
    tracker: TaskTracker,
    wake: Arc<Notify>,
}

/// A worker's permit, taken before the command that needs it.
struct PoolPermit {
    pool: Arc<Pool>,
    permit: OwnedSemaphorePermit,
}

impl WorkerPool for Arc<Pool> {
    fn permit(&self) -> Option<Box<dyn WorkerPermit>> {
        let permit = self.lane(Lane::Critical).permits.clone().try_acquire_owned().ok()?;
        Some(Box::new(PoolPermit { pool: self.clone(), permit }))
    }
}

impl WorkerPermit for PoolPermit {
    fn lease(&self) -> JobLease {
        self.pool.lease
    }

    fn drive(self: Box<Self>, claimed: ClaimedJob) {
        let PoolPermit { pool, permit } = *self;
        pool.set_to_work(claimed, permit);
    }
}

impl Pool {
    pub fn new(parts: PoolParts) -> Arc<Pool> {
        let LaneConcurrency { critical, ordinary } = parts.concurrency;
        Arc::new(Pool {
            store: parts.store,
            clock: parts.clock,
            gates: parts.gates,
            handlers: parts.handlers,
            lease: JobLease { worker: parts.worker, span: parts.lease },
            lanes: [LaneWorkers::new(Lane::Critical, critical), LaneWorkers::new(Lane::Ordinary, ordinary)],
            tracker: TaskTracker::new(),
            wake: parts.wake,
        })
    }

    fn lane(&self, lane: Lane) -> &LaneWorkers {
        &self.lanes[lane as usize]
    }

    /// Claims due jobs until `stop`, then waits for those in progress. `alone`: no other process
    /// can have this database open, so jobs under an older lease are claimed first.
    pub async fn run(self: Arc<Self>, alone: bool, stop: watch::Receiver<bool>) {
        let has_kinds = |lane: &&LaneWorkers| self.handlers.kinds.in_lane(lane.lane).next().is_some();
        let lanes: Vec<&LaneWorkers> = self.lanes.iter().filter(has_kinds).collect();
        let wake = async {
            loop {
                self.wake.notified().await;
                for lane in &lanes {
                    lane.wake.notify_one();
                }
            }
        };
        tokio::select! {
            _ = join_all(lanes.iter().map(|lane| lane.run(&self, alone, stop.clone()))) => {}
            () = wake => {}
        }
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// The job's work context becomes a part of the caller's, if there is one.
    pub(super) fn set_to_work(self: &Arc<Self>, claimed: ClaimedJob, permit: OwnedSemaphorePermit) {
        let kind = self.handlers.of(&claimed.job().kind).map_or("job", |(kind, _)| kind.name);
        let work_context = match &claimed {
            ClaimedJob::Attempt(attempt) => {
                let work_context = WorkContext::new("drive", kind);
                work_context.is_about(attempt.payment.id);
                work_context
            }
            ClaimedJob::Standalone(job) => {
                let work_context = WorkContext::new("job", kind);
                work_context.is_about(job.subject);
                work_context
            }
        };
        work_context.is_for(claimed.job().tenant);
        let pool = self.clone();
        self.tracker.spawn(async move { pool.work(claimed, permit, work_context).await });
    }

    async fn work(&self, claimed: ClaimedJob, permit: OwnedSemaphorePermit, work_context: WorkContext) {
        let began = Instant::now();
        let job = claimed.job();
        let Some(handler) = self.handlers.of(&job.kind) else {
            // Only jobs that have a handler are claimed and created.
            error!(job = %job.id, kind = job.kind, "a job was claimed that nobody works on");
            return;
        };
        let work = work_context::on(Arc::new(work_context), self.handle(&claimed, handler));
        under_lease(&self.store, job, self.lease.span, work).await;
        PROCESSING_SECONDS.record(WorkLabel::of(&job.kind), began.elapsed());
        drop(permit);
        self.lane(job.lane).permit_returned();
    }

    async fn handle(&self, claimed: &ClaimedJob, (kind, handler): &RegisteredHandler) {
        let job = claimed.job();
        let pause = |failures: i64| backoff_of(kind, failures);
        // If it is refused, the job is no longer this worker's.
        let _reported = match handler.run(claimed).await {
            JobOutcome::Reported => return,
            JobOutcome::Done => submit(&self.store, pause, FinishJob { job: job.id, token: job.token }).await,
            JobOutcome::Failed(error) => {
                work_context::failed(WorkLabel::of(kind.name), Reason::Poisonous);
                let pause_after = pause(job.failures);
                let fail = FailJob { job: job.id, token: job.token, kind, error, pause: pause_after };
                submit(&self.store, pause, fail).await
            }
        };
    }
}
