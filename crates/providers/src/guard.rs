//! Guards the wire of one account: a circuit breaker and a retry budget, shared by all callers of
//! that account in this process.
//!
//! | result of a call | for the circuit | the adapter retries it |
//! |---|---|---|
//! | a reply below 500, including refusals | good: the provider works | no |
//! | 429 | unclear: it is about our rate | no; the caller receives the time to wait |
//! | 5xx that the provider stores under the key | unclear: it belongs to an earlier call | no |
//! | other 5xx | bad | a read, once |
//! | no connection | bad | any call, once: not a byte was written |
//! | connection broke, no complete reply in time | bad | a read, once |
//! | the circuit is open | not counted | no |
//!
//! The driver of an attempt deposits into the budget, and withdraws before it drives the attempt
//! again, because only it knows which is which. The adapter's own retries withdraw from the same
//! budget.
//!
//! Calls about one payment count once: an object that the provider cannot process says nothing
//! about the others.
//!
//! **One guard per account.** A revoked key, or a rate limit of one account, must not stop the
//! others; and a failure of the whole provider opens all circuits within moments.

use std::{fmt, sync::Arc};

use resilience::{
    NoObserver, Observer, SharedBreaker, SharedBudget, SharedRng, breaker, budget, budget::FloorSource,
};

/// The same settings for all accounts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    pub breaker: breaker::Settings,
    pub budget: budget::Settings,
}

impl Settings {
    /// The error is a sentence that says what is wrong.
    pub fn check(&self) -> Result<(), String> {
        self.breaker.check()?;
        self.budget.check()
    }
}

#[derive(Clone)]
pub struct Guard {
    pub breaker: SharedBreaker,
    pub budget: SharedBudget,
    pub observer: Arc<dyn Observer>,
}

impl Guard {
    /// `name` identifies the account and is the same in every process: the fleet's shared floor
    /// uses it.
    pub fn new(
        name: &str,
        settings: &Settings,
        floor: Option<Arc<dyn FloorSource>>,
        observer: Arc<dyn Observer>,
    ) -> Guard {
        Guard {
            breaker: SharedBreaker::observed(settings.breaker, SharedRng::default(), observer.clone()),
            budget: SharedBudget::with_source(name, settings.budget, floor),
            observer,
        }
    }
}

/// A guard with default settings and no observer.
impl Default for Guard {
    fn default() -> Self {
        Guard::new("", &Settings::default(), None, Arc::new(NoObserver))
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Guard").field("breaker", &self.breaker).field("budget", &self.budget).finish()
    }
}
