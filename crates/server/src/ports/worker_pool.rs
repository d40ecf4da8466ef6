//! The workers of this process, as a request needs them.

use domain::commands::JobLease;
use domain::reply::ClaimedJob;

/// The workers of this process, as a request needs them.
pub trait WorkerPool: Send + Sync {
    /// The permit of a free worker for a job that is about to be created, if there is one now.
    /// Without a permit the workers' query finds the job.
    fn permit(&self) -> Option<Box<dyn WorkerPermit>>;
}

/// A worker's permit, taken before the command that needs it.
pub trait WorkerPermit: Send {
    /// The lease under which the job is created.
    fn lease(&self) -> JobLease;
    /// Works on the job that was created under the lease. Must not block.
    fn drive(self: Box<Self>, claimed: ClaimedJob);
}

/// A process without workers has no permits: other processes find its jobs.
pub struct NoWorkers;

impl WorkerPool for NoWorkers {
    fn permit(&self) -> Option<Box<dyn WorkerPermit>> {
        None
    }
}
