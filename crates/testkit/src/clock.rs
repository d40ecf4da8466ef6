//! A clock that a test moves, and unique ids.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use domain::time::Span;
use domain::{Ids, Timestamp};
use server::ports::clock::SystemClock;
use store::Clock;
use uuid::Uuid;

/// The machine's time plus an offset, or a fixed time. On PostgreSQL commands use the database's
/// own clock, which no test moves.
#[derive(Default)]
pub struct TestClock {
    ahead: AtomicI64,
    /// 0 while time passes.
    stopped_at: AtomicI64,
}

impl TestClock {
    pub fn stopped_at(at: Timestamp) -> TestClock {
        TestClock { ahead: AtomicI64::new(0), stopped_at: AtomicI64::new(at.0) }
    }

    pub fn advance(&self, span: Span) {
        self.ahead.fetch_add(span.0, Ordering::SeqCst);
    }

    pub fn stop(&self) {
        self.stopped_at.store(SystemClock.now().0, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let stopped_at = self.stopped_at.load(Ordering::SeqCst);
        let now = if stopped_at == 0 { SystemClock.now().0 } else { stopped_at };
        Timestamp(now + self.ahead.load(Ordering::SeqCst))
    }
}

/// Unix milliseconds by the clock that a service uses.
pub fn now_ms() -> i64 {
    SystemClock.now().0 / 1_000
}

/// Unique in this process and in others, and ascending.
pub struct AscendingIds;

impl Ids for AscendingIds {
    fn next(&self) -> Uuid {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Uuid::from_u64_pair(NEXT.fetch_add(1, Ordering::SeqCst), rand::random())
    }
}

pub fn new_id<T: From<Uuid>>() -> T {
    T::from(AscendingIds.next())
}
