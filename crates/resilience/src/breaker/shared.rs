//! One breaker for all callers of one dependency in this process.

use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Breaker, BreakerState, BreakerSubject, Health, Permit, Rejected, Settings};
use crate::{NoObserver, Observer, SharedRng, Start};

/// A handle; clones share the state.
#[derive(Clone)]
pub struct SharedBreaker(Arc<Inner>);

struct Inner {
    start: Start,
    breaker: Mutex<Breaker>,
    rng: SharedRng,
    observer: Arc<dyn Observer>,
}

/// The breaker as an operator sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerSnapshot {
    pub state: BreakerState,
    /// Calls in the window, or probes.
    pub calls: u32,
    pub failures: u32,
    pub open_left: Duration,
}

/// A call that was admitted. If it is dropped without a report, its caller went away, and it says
/// nothing about the dependency.
#[must_use = "the result of the call must be reported"]
pub struct PermittedCall {
    breaker: SharedBreaker,
    permit: Option<Permit>,
}

impl SharedBreaker {
    pub fn new(settings: Settings) -> SharedBreaker {
        SharedBreaker::observed(settings, SharedRng::default(), Arc::new(NoObserver))
    }

    /// With a seed that makes its open times repeatable, and an observer of each change of state.
    pub fn observed(settings: Settings, rng: SharedRng, observer: Arc<dyn Observer>) -> SharedBreaker {
        let breaker = Mutex::new(Breaker::new(settings));
        SharedBreaker(Arc::new(Inner { start: Start::now(), breaker, rng, observer }))
    }

    pub fn admit(&self) -> Result<PermittedCall, Rejected> {
        let admitted = self.with(|breaker, now, rng| rng.with(|rng| breaker.admit(now, rng)));
        admitted.map(|permit| PermittedCall { breaker: self.clone(), permit: Some(permit) })
    }

    /// How many calls would be admitted now; `None`: any number. Other callers may take these
    /// permits before the next call.
    pub fn permits_left(&self) -> Option<u32> {
        // Overdue probes count as failed first: that may leave permits.
        self.with(|breaker, now, rng| {
            rng.with(|rng| breaker.advance(now, rng));
            breaker.permits_left(now)
        })
    }

    pub fn state(&self) -> BreakerState {
        self.with(|breaker, now, _| breaker.state(now))
    }

    pub fn snapshot(&self) -> BreakerSnapshot {
        self.with(|breaker, now, _| {
            let (calls, failures) = breaker.counted(now);
            BreakerSnapshot { state: breaker.state(now), calls, failures, open_left: breaker.open_left(now) }
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Breaker, Duration, &SharedRng) -> T) -> T {
        let mut breaker = self.0.breaker.lock();
        let done = act(&mut breaker, self.0.start.elapsed(), &self.0.rng);
        // Called under the lock, so that the observer sees transitions in their order.
        if let Some(transition) = breaker.take_transition() {
            self.0.observer.state_changed(&transition);
        }
        done
    }
}

impl PermittedCall {
    /// Names the subject of the call, if it is known.
    pub fn about(mut self, subject: Option<BreakerSubject>) -> PermittedCall {
        self.permit = self.permit.take().map(|permit| permit.about(subject));
        self
    }

    pub fn end(mut self, health: Health) {
        self.report(health);
    }

    fn report(&mut self, health: Health) {
        if let Some(permit) = self.permit.take() {
            self.breaker.with(|breaker, now, rng| rng.with(|rng| breaker.report(permit, health, now, rng)));
        }
    }
}

impl Drop for PermittedCall {
    fn drop(&mut self) {
        self.report(Health::Unclear);
    }
}

impl fmt::Debug for SharedBreaker {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("SharedBreaker").field(&self.snapshot()).finish()
    }
}
