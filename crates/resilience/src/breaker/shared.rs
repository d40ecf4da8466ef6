//! One breaker for all who call one dependency from this process.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Breaker, BreakerState, BreakerSubject, Health, Permit, Rejected, Settings};
use crate::{Dice, NoObserver, Observer, Start};

/// A handle; clones share the state.
#[derive(Clone)]
pub struct SharedBreaker(Arc<Inner>);

struct Inner {
    start: Start,
    breaker: Mutex<Breaker>,
    dice: Dice,
    observer: Arc<dyn Observer>,
}

/// What an operator sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerSnapshot {
    pub state: BreakerState,
    /// Calls in the window, or probes.
    pub calls: u32,
    pub failures: u32,
    pub open_left: Duration,
}

/// A call that was let through. Dropped without a word, it said nothing about the dependency: its caller
/// went away.
#[must_use = "what became of the call must be reported"]
pub struct PermittedCall {
    breaker: SharedBreaker,
    permit: Option<Permit>,
}

impl SharedBreaker {
    pub fn new(settings: Settings) -> SharedBreaker {
        SharedBreaker::observed(settings, Dice::default(), Arc::new(NoObserver))
    }

    /// With a seed to repeat its open times, and somebody who hears of each change of state.
    pub fn observed(settings: Settings, dice: Dice, observer: Arc<dyn Observer>) -> SharedBreaker {
        let breaker = Mutex::new(Breaker::new(settings));
        SharedBreaker(Arc::new(Inner { start: Start::here(), breaker, dice, observer }))
    }

    pub fn admit(&self) -> Result<PermittedCall, Rejected> {
        let admitted = self.with(|breaker, now, dice| dice.with(|rng| breaker.admit(now, rng)));
        admitted.map(|permit| PermittedCall { breaker: self.clone(), permit: Some(permit) })
    }

    /// How many calls would be let through now; `None`: any number. A promise it is not: others may take
    /// the places.
    pub fn room(&self) -> Option<u32> {
        // Time alone may give up the probes that are out: what is asked is the room after that.
        self.with(|breaker, now, dice| {
            dice.with(|rng| breaker.pass(now, rng));
            breaker.room(now)
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

    fn with<T>(&self, act: impl FnOnce(&mut Breaker, Duration, &Dice) -> T) -> T {
        let mut breaker = self.0.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        let done = act(&mut breaker, self.0.start.elapsed(), &self.0.dice);
        // Told under the lock, so that moves are heard in their order.
        if let Some(moved) = breaker.take_move() {
            self.0.observer.moved(&moved);
        }
        done
    }
}

impl PermittedCall {
    /// What the call is about, if that is known.
    pub fn about(mut self, subject: Option<BreakerSubject>) -> PermittedCall {
        self.permit = self.permit.take().map(|permit| permit.about(subject));
        self
    }

    pub fn end(mut self, health: Health) {
        self.report(health);
    }

    fn report(&mut self, health: Health) {
        if let Some(permit) = self.permit.take() {
            self.breaker.with(|breaker, now, dice| dice.with(|rng| breaker.report(permit, health, now, rng)));
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
