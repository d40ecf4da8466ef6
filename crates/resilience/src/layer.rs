//! All of it around a service: `inner` is called within its timeouts, behind the breaker, and again as
//! long as policy, attempts, deadline and budget allow.
//!
//! One operation, told in order:
//!
//! 1. Is there time left for a try? Then the breaker is asked. [`Error::NoTime`] or [`Error::Open`]: nothing was
//!    sent.
//! 2. The first try deposits into the budget; it is sent, and waited for.
//! 3. The policy says what the outcome means for the breaker, and whether the request may be made again.
//! 4. If it may: is there an attempt left? Does the pause (full jitter, no shorter than `Retry-After`) end
//!    before the deadline? Does the budget have a token? Else the outcome is given back as it is.
//! 5. The observer is told, the pause is slept, and it goes on at 1; if the circuit has opened meanwhile, or the
//!    pause took all the time, the last outcome is given back, and the token too.
//!
//! An attempt's timeout ends with the future of the inner service. Where an answer has a body that comes
//! later, collect it in the inner service, or a body that stalls is nobody's.

mod policy;
mod service;

use std::sync::Arc;
use std::time::Duration;

pub use policy::{AttemptOutcome, Policy, RetryAdvice};
pub use service::Resilient;

use crate::{Backoff, Dice, NoObserver, Observer, SharedBreaker, SharedBudget, Start, Timeouts};

/// The default for somebody who waits: the first try and two more.
pub const ATTEMPTS_MAX: u32 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error<E> {
    /// Nothing was sent.
    #[error("the circuit is open; the next call may go out in {} ms", retry_after.as_millis())]
    Open { retry_after: Duration },
    /// Nothing was sent: the operation's time was over before its first try.
    #[error("there was no time left for a try")]
    NoTime,
    /// The last try; whether it was carried out is not known.
    #[error("no answer within {} ms", after.as_millis())]
    TimedOut { after: Duration },
    /// The inner service's own, of the last try.
    #[error(transparent)]
    Inner(E),
}

/// Makes services resilient, as [`tower::Layer`]. All services of one layer, and all clones of it, share
/// its budget and its breaker.
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
    dice: Dice,
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
            dice: Dice::default(),
            start: Start::here(),
            calls: std::sync::atomic::AtomicU64::new(0),
        };
        Layer { shared: Arc::new(shared) }
    }

    /// The first try included; 1 never retries.
    pub fn attempts_max(self, attempts_max: u32) -> Layer<P> {
        self.with(|shared| shared.attempts_max = attempts_max)
    }

    pub fn backoff(self, backoff: Backoff) -> Layer<P> {
        self.with(|shared| shared.backoff = backoff)
    }

    pub fn timeouts(self, timeouts: Timeouts) -> Layer<P> {
        self.with(|shared| shared.timeouts = timeouts)
    }

    /// The first try of each operation deposits, each other one withdraws.
    pub fn budget(self, budget: SharedBudget) -> Layer<P> {
        self.with(|shared| shared.budget = Some(budget))
    }

    /// Retries withdraw, and nothing is deposited: another layer above knows better which requests are
    /// fresh, and which are its own retries.
    pub fn withdraws_from(self, budget: SharedBudget) -> Layer<P> {
        self.budget(budget).with(|shared| shared.deposits = false)
    }

    pub fn breaker(self, breaker: SharedBreaker) -> Layer<P> {
        self.with(|shared| shared.breaker = Some(breaker))
    }

    /// Hears of retries and ends. A breaker has an observer of its own: it may be shared by several layers.
    pub fn observer(self, observer: Arc<dyn Observer>) -> Layer<P> {
        self.with(|shared| shared.observer = observer)
    }

    /// Where the jitter is drawn from.
    pub fn dice(self, dice: Dice) -> Layer<P> {
        self.with(|shared| shared.dice = dice)
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
