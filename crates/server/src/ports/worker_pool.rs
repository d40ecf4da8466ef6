//! The workers of this process, as a request sees them.

use domain::commands::JobLease;
use domain::reply::ClaimedJob;

/// The workers of this process, as far as a request needs them.
pub trait WorkerPool: Send + Sync {
    /// A free place for a job that is about to be born, if there is one now. Without one the job
    /// is found by the workers' query.
    fn place(&self) -> Option<Box<dyn WorkerPermit>>;
}

/// A worker's place, taken before the command that will need it.
pub trait WorkerPermit: Send {
    /// The lease to bear the job under.
    fn lease(&self) -> JobLease;
    /// Works on the job that was born under the lease. Must not block.
    fn drive(self: Box<Self>, claimed: ClaimedJob);
}

/// A process without workers has no places: its jobs are found by those that have them.
pub struct NoWorkers;

impl WorkerPool for NoWorkers {
    fn place(&self) -> Option<Box<dyn WorkerPermit>> {
        None
    }
}
