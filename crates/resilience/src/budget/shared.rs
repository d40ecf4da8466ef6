//! One budget for all callers of one dependency in this process, with a floor that the fleet may
//! share.

use parking_lot::Mutex;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::{Budget, Settings};
use crate::Start;

/// How long to wait for the shared floor. After that the local floor applies.
const SOURCE_TIMEOUT: Duration = Duration::from_millis(100);
/// How long the source is not called after it had no tokens. Otherwise a storm of denied retries
/// would become a storm of calls to the source.
const SOURCE_EMPTY_FOR: Duration = Duration::from_millis(100);

/// The source did not reply. The source itself logs the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloorUnavailable;

/// A floor that all processes of a fleet share, so that it does not multiply with their number.
///
/// It is a token bucket with a name: `settings.floor_per_second` tokens per second, at most
/// `settings.floor_saved_max()` saved, full on first use. All processes use the same settings;
/// after a change of configuration the most recent caller's settings apply.
///
/// If it does not reply within [`SOURCE_TIMEOUT`], it counts as unavailable and each process uses a
/// floor of its own. That allows more retries than wanted, but loses no call.
pub trait FloorSource: Send + Sync {
    /// Takes up to `wanted` whole tokens from the floor of `budget`. Returns how many it took; 0 if
    /// none is left.
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
    /// `name` identifies the call site and is the same in every process of the fleet.
    pub fn new(name: impl Into<String>, settings: Settings) -> SharedBudget {
        SharedBudget::with_source(name, settings, None)
    }

    /// With a shared floor, if there is one.
    pub fn with_source(
        name: impl Into<String>,
        settings: Settings,
        source: Option<Arc<dyn FloorSource>>,
    ) -> SharedBudget {
        let start = Start::now();
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

    /// Records a fresh request.
    pub fn deposit(&self) {
        self.with(Budget::deposit);
    }

    /// Takes a token for one retry. Calls the shared floor only if the deposits are not enough.
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

    /// Returns a token: its retry succeeded, or was not made.
    pub fn give_back(&self) {
        self.with(Budget::give_back);
    }

    /// Tokens that this process could spend now without the shared floor.
    pub fn left(&self) -> f64 {
        if self.0.source.is_some() { self.with(Budget::left_deposited) } else { self.with(Budget::left) }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Budget, Duration) -> T) -> T {
        let mut budget = lock(&self.0.budget);
        act(&mut budget, self.0.start.elapsed())
    }
}

/// The state behind the lock is consistent after every statement, so a poisoned lock can be used.
fn lock<T>(mutex: &Mutex<T>) -> parking_lot::MutexGuard<'_, T> {
    mutex.lock()
}

impl fmt::Debug for SharedBudget {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SharedBudget").field("name", &self.0.name).field("left", &self.left()).finish()
    }
}
