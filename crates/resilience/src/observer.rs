//! What is told of retries, for logs, metrics and transcripts.

use std::time::Duration;

use crate::breaker::BreakerTransition;

/// One more try is about to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Which operation of this layer, so that a transcript can be sorted.
    pub call: u64,
    /// The try that failed: 1, 2, ..
    pub attempt: u32,
    /// How long is waited now.
    pub delay: Duration,
    /// The policy's word for why.
    pub reason: &'static str,
    /// What the other side asked for.
    pub retry_after: Option<Duration>,
    /// Since the layer was made.
    pub at: Duration,
}

/// Why an outcome that could have been tried again was given back instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GaveUp {
    Attempts,
    /// The wait would have lasted until the deadline, or did.
    Deadline,
    /// The retry budget is spent.
    Budget,
    /// The circuit opened between two tries.
    Open,
}

impl GaveUp {
    pub fn name(self) -> &'static str {
        match self {
            GaveUp::Attempts => "attempts",
            GaveUp::Deadline => "deadline",
            GaveUp::Budget => "budget",
            GaveUp::Open => "open",
        }
    }
}

/// An operation is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    pub call: u64,
    /// How many tries went out; none if the circuit was open, or there was no time for one.
    pub attempts: u32,
    /// `None`: its outcome was final, good or bad.
    pub gave_up: Option<GaveUp>,
    pub at: Duration,
}

/// Called from within calls: must be quick, and must not call back.
pub trait Observer: Send + Sync {
    fn retrying(&self, retry: &Retry) {
        let _ = retry;
    }

    fn ended(&self, ended: &Ended) {
        let _ = ended;
    }

    /// A breaker changed its state.
    fn moved(&self, moved: &BreakerTransition) {
        let _ = moved;
    }
}

/// Nobody listens.
#[derive(Clone, Copy, Debug)]
pub struct NoObserver;

impl Observer for NoObserver {}
