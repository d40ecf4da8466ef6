//! What stands between the teller of an account and its wire: a circuit breaker and a retry budget, shared
//! by all who call that account from this process.
//!
//! | what a call came to | for the circuit | said again by the teller |
//! |---|---|---|
//! | an answer below 500, a refusal too | good: somebody is there to refuse | no |
//! | 429 | says nothing: it is our number that it speaks of | no; whoever asked is told when to come back |
//! | 5xx that the provider keeps under the key | says nothing: it is of an earlier call | no |
//! | other 5xx | bad | a look-up, once |
//! | no connection | bad | anything, once: not a byte was written |
//! | connection broke, no whole answer in time | bad | a look-up, once |
//! | the circuit is open | was not made | no |
//!
//! Whoever drives an attempt deposits into the budget, and withdraws before driving it again: it knows
//! which is which. The teller's own second tries withdraw from the same budget.
//!
//! Calls about one payment count once: what the provider cannot cope with of one says nothing about the others.
//!
//! **One account, one guard.** A key that was revoked, or a limit that one account ran into, must not stop
//! the others; and what fails for all of them opens all their circuits within moments.

use std::{fmt, sync::Arc};

use resilience::{
    Dice, NoObserver, Observer, SharedBreaker, SharedBudget, breaker, budget, budget::FloorSource,
};

/// The same forevery account.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    pub breaker: breaker::Settings,
    pub budget: budget::Settings,
}

impl Settings {
    /// Says in a sentence what is wrong.
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
    /// `name` is the account's, the same in every process: a floor that the fleet shares goes by it.
    pub fn new(
        name: &str,
        settings: &Settings,
        floor: Option<Arc<dyn FloorSource>>,
        observer: Arc<dyn Observer>,
    ) -> Guard {
        Guard {
            breaker: SharedBreaker::observed(settings.breaker, Dice::default(), observer.clone()),
            budget: SharedBudget::with_source(name, settings.budget, floor),
            observer,
        }
    }
}

/// The guard of an account that nobody watches.
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
