//! Combines all of it around a service: `inner` is called within its timeouts, behind the breaker,
//! and again as long as policy, attempts, deadline and budget allow.
//!
//! The steps of one operation:
//!
//! 1. If time is left for a try, the breaker is checked. [`Error::NoTime`] or [`Error::Open`] mean
//!    that nothing was sent.
//! 2. The first try deposits into the budget. The request is sent and its response awaited.
//! 3. The policy says what the outcome means for the breaker, and whether the request may be made
//!    again.
//! 4. A retry needs an attempt that is left, a pause (full jitter, no shorter than `Retry-After`)
//!    that ends before the deadline, and a token from the budget. Otherwise the outcome is returned
//!    as it is.
//! 5. The observer is called, the pause elapses, and the operation continues at 1. If the circuit
//!    has opened meanwhile, or the pause used up the time, the last outcome is returned, and the
//!    token is given back.
//!
//! An attempt's timeout covers the future of the inner service only. If the body of a response
//! arrives later, collect it in the inner service; otherwise no timeout covers a body that stalls.

mod policy;
mod service;

use std::sync::Arc;
use std::time::Duration;

pub use policy::{AttemptOutcome, Policy, RetryAdvice};
pub use service::Resilient;

use crate::{Backoff, NoObserver, Observer, SharedBreaker, SharedBudget, SharedRng, Start, Timeouts};

/// The default for a caller that waits: the first try and two more.
pub const ATTEMPTS_MAX: u32 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error<E> {
    /// Nothing was sent.
    #[error("the circuit is open; the next call may go out in {} ms", retry_after.as_millis())]
    Open { retry_after: Duration },
    /// Nothing was sent: the operation's time was over before its first try.
    #[error("no time was left for a try")]
    NoTime,
    /// The last try timed out; whether the request was carried out is not known.
    #[error("no response within {} ms", after.as_millis())]
    TimedOut { after: Duration },
    /// The inner service's error on the last try.
    #[error(transparent)]
    Inner(E),
}

/// Makes services resilient, as a [`tower::Layer`]. All services of one layer, and all its clones,
/// share its budget and its breaker.
pub struct Layer<P> {
    shared: Arc<Shared<P>>,
}

pub(crate) struct Shared<P> {
    policy: P,
    attempts_max: u32,
    backoff: Backoff,
    timeouts: Timeouts,
    budget: Option<SharedBudget>,
    deposits: bool,
    breaker: Option<SharedBreaker>,
    observer: Arc<dyn Observer>,
    rng: SharedRng,
    start: Start,
    calls: std::sync::atomic::AtomicU64,
}

impl<P> Layer<P> {
    /// Three attempts, the default backoff and timeouts, no budget, no breaker.
    pub fn new(policy: P) -> Layer<P> {
        let shared = Shared {
            policy,
            attempts_max: ATTEMPTS_MAX,
            backoff: Backoff::default(),
            timeouts: Timeouts::default(),
            budget: None,
            deposits: true,
            breaker: None,
            observer: Arc::new(NoObserver),
            rng: SharedRng::default(),
            start: Start::now(),
            calls: std::sync::atomic::AtomicU64::new(0),
        };
        Layer { shared: Arc::new(shared) }
    }

    /// The number of attempts with the first try; 1 never retries.
    pub fn attempts_max(self, attempts_max: u32) -> Layer<P> {
        self.with(|shared| shared.attempts_max = attempts_max)
    }

    pub fn backoff(self, backoff: Backoff) -> Layer<P> {
        self.with(|shared| shared.backoff = backoff)
    }

    pub fn timeouts(self, timeouts: Timeouts) -> Layer<P> {
        self.with(|shared| shared.timeouts = timeouts)
    }

    /// The first try of each operation deposits, every retry withdraws.
    pub fn budget(self, budget: SharedBudget) -> Layer<P> {
        self.with(|shared| shared.budget = Some(budget))
    }

    /// Retries withdraw, and nothing is deposited: a layer above knows better which requests are
    /// fresh and which are its own retries.
    pub fn withdraws_from(self, budget: SharedBudget) -> Layer<P> {
        self.budget(budget).with(|shared| shared.deposits = false)
    }

    pub fn breaker(self, breaker: SharedBreaker) -> Layer<P> {
        self.with(|shared| shared.breaker = Some(breaker))
    }

    /// The observer of retries and ends. A breaker has its own observer, because several layers may
    /// share it.
    pub fn observer(self, observer: Arc<dyn Observer>) -> Layer<P> {
        self.with(|shared| shared.observer = observer)
    }

    /// The source of the jitter.
    pub fn rng(self, rng: SharedRng) -> Layer<P> {
        self.with(|shared| shared.rng = rng)
    }

    fn with(mut self, change: impl FnOnce(&mut Shared<P>)) -> Layer<P> {
        change(Arc::get_mut(&mut self.shared).expect("a layer is cloned after it was built"));
        self
    }
}

impl<P> Clone for Layer<P> {
    fn clone(&self) -> Self {
        Layer { shared: self.shared.clone() }
    }
}

impl<S, P> tower::Layer<S> for Layer<P> {
    type Service = Resilient<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        Resilient::new(inner, self.shared.clone())
    }
}

#[cfg(test)]
mod tests;
