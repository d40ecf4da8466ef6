//! Receives retries, for logs, metrics and transcripts.

use std::time::Duration;

use crate::breaker::BreakerTransition;

/// A retry that is about to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Number of the operation in this layer, so that a transcript can be sorted.
    pub call: u64,
    /// Number of the try that failed, from 1.
    pub attempt: u32,
    /// The pause before the retry.
    pub delay: Duration,
    /// The policy's label for the reason.
    pub reason: &'static str,
    /// The wait that the other side requested.
    pub retry_after: Option<Duration>,
    /// Time since the layer was made.
    pub at: Duration,
}

/// Why an outcome that could have been retried was returned instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GiveUpReason {
    Attempts,
    /// The wait would have lasted until the deadline, or did.
    Deadline,
    /// The retry budget is spent.
    Budget,
    /// The circuit opened between two tries.
    Open,
}

impl GiveUpReason {
    pub fn name(self) -> &'static str {
        match self {
            GiveUpReason::Attempts => "attempts",
            GiveUpReason::Deadline => "deadline",
            GiveUpReason::Budget => "budget",
            GiveUpReason::Open => "open",
        }
    }
}

/// The end of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperationEnd {
    pub call: u64,
    /// How many tries were sent; 0 if the circuit was open or no time was left.
    pub attempts: u32,
    /// `None`: the outcome was final, good or bad.
    pub gave_up: Option<GiveUpReason>,
    pub at: Duration,
}

/// Called from within calls, so implementations must be quick and must not call back.
pub trait Observer: Send + Sync {
    fn retrying(&self, retry: &Retry) {
        let _ = retry;
    }

    fn ended(&self, ended: &OperationEnd) {
        let _ = ended;
    }

    /// A breaker changed its state.
    fn state_changed(&self, transition: &BreakerTransition) {
        let _ = transition;
    }
}

/// Ignores everything.
#[derive(Clone, Copy, Debug)]
pub struct NoObserver;

impl Observer for NoObserver {}
