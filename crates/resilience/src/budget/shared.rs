//! One budget for all who call one dependency from this process, and its floor for the whole fleet.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Budget, Settings};
use crate::Start;

/// The fleet's floor is asked for no longer than this; then the local one counts.
const SOURCE_TIMEOUT: Duration = Duration::from_millis(100);
/// After "nothing is left" the source is not asked again for so long: a storm of denied retries must not
/// become a storm on the source.
const SOURCE_EMPTY_FOR: Duration = Duration::from_millis(100);

/// The source did not answer. Why is its own to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloorUnavailable;

/// A floor that a fleet shares, so that it does not multiply by processes.
///
/// It is a token bucket by name: `settings.floor_per_second` tokens a second, at most
/// `settings.floor_saved_max()` saved, full when it is first asked for. All processes ask with the same
/// settings; after a change of configuration the newest asker's count.
///
/// It answers within [`SOURCE_TIMEOUT`] or is taken as unavailable, and then each process has a floor of
/// its own again: more retries than wanted, never a call that is lost.
pub trait FloorSource: Send + Sync {
    /// Takes up to `wanted` whole tokens from the floor of `budget`; says how many it got, 0 if none is left.
    fn take<'a>(
        &'a self,
        budget: &'a str,
        settings: &'a Settings,
        wanted: u32,
    ) -> Pin<Box<dyn Future<Output = Result<u32, FloorUnavailable>> + Send + 'a>>;
}

struct Inner {
    name: String,
    settings: Settings,
    start: Start,
    budget: Mutex<Budget>,
    source: Option<Arc<dyn FloorSource>>,
    source_empty_until: Mutex<Duration>,
}

/// A handle; clones share the tokens.
#[derive(Clone)]
pub struct SharedBudget(Arc<Inner>);

impl SharedBudget {
    /// `name` is the call site's, the same in every process of the fleet.
    pub fn new(name: impl Into<String>, settings: Settings) -> SharedBudget {
        SharedBudget::with_source(name, settings, None)
    }

    /// With a floor from outside, if there is one.
    pub fn with_source(
        name: impl Into<String>,
        settings: Settings,
        source: Option<Arc<dyn FloorSource>>,
    ) -> SharedBudget {
        let start = Start::here();
        SharedBudget(Arc::new(Inner {
            name: name.into(),
            settings,
            start,
            budget: Mutex::new(Budget::new(&settings, start.elapsed())),
            source,
            source_empty_until: Mutex::new(Duration::ZERO),
        }))
    }

    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// A fresh request is made.
    pub fn deposit(&self) {
        self.with(Budget::deposit);
    }

    /// Whether one retry may be made. Asks the fleet only if the deposits do not cover it.
    pub async fn withdraw(&self) -> bool {
        if fault_injection::is(fault_injection::InjectedFault::BudgetIgnored) {
            return true;
        }
        let Some(source) = &self.0.source else { return self.with(Budget::withdraw) };
        if self.with(Budget::withdraw_deposited) {
            return true;
        }
        if self.0.start.elapsed() < *lock(&self.0.source_empty_until) {
            return false;
        }
        let asked = source.take(&self.0.name, &self.0.settings, 1);
        match tokio::time::timeout(SOURCE_TIMEOUT, asked).await {
            Ok(Ok(0)) => {
                *lock(&self.0.source_empty_until) = self.0.start.elapsed() + SOURCE_EMPTY_FOR;
                false
            }
            Ok(Ok(granted)) => self.with(|budget, now| {
                budget.grant(now, granted);
                budget.withdraw_deposited(now)
            }),
            Ok(Err(FloorUnavailable)) | Err(_) => self.with(Budget::withdraw),
        }
    }

    /// A token that was withdrawn comes back: its retry was answered well, or not made after all.
    pub fn give_back(&self) {
        self.with(Budget::give_back);
    }

    /// Tokens that this process could spend now, without asking anybody.
    pub fn left(&self) -> f64 {
        if self.0.source.is_some() { self.with(Budget::left_deposited) } else { self.with(Budget::left) }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Budget, Duration) -> T) -> T {
        let mut budget = lock(&self.0.budget);
        act(&mut budget, self.0.start.elapsed())
    }
}

/// What is behind the lock is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for SharedBudget {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SharedBudget").field("name", &self.0.name).field("left", &self.left()).finish()
    }
}
