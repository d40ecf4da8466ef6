//! What the writers have done since the start, counted where noise does not touch it.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// Totals since the store was opened, and the present state of the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Commands with a result.
    pub commands: u64,
    /// Batches taken from the queue.
    pub batches: u64,
    /// Transactions that wrote something.
    pub commits: u64,
    /// Transactions that were run again: conflicts, deadlocks, halves of a failed batch.
    pub retries: u64,
    /// Commands that waited apart because another transaction held their row.
    pub set_aside: u64,
    /// Waits for a reply of PostgreSQL. A pipeline counts once. SQLite has none.
    pub round_trips: u64,
    /// Bytes appended to SQLite's log. On PostgreSQL the server counts them: see
    /// [`Queries::wal_bytes`](crate::Queries::wal_bytes).
    pub wal_bytes: u64,
    /// Waiting commands.
    pub queue_depth: usize,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub commands: AtomicU64,
    pub batches: AtomicU64,
    pub commits: AtomicU64,
    pub retries: AtomicU64,
    pub set_aside: AtomicU64,
    pub round_trips: AtomicU64,
    pub wal_bytes: AtomicU64,
    /// The time and text of the last failure of the database. `None` after a commit.
    failure: Mutex<Option<(Instant, String)>>,
}

pub(crate) fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Ordering::Relaxed);
}

impl Counters {
    pub fn failed(&self, why: &str) {
        *self.failure.lock() = Some((Instant::now(), why.to_owned()));
    }

    pub fn wrote(&self) {
        *self.failure.lock() = None;
    }

    /// The recent failure of the database, if nothing was committed since.
    pub fn failure(&self, within: Duration) -> Option<String> {
        let failure = self.failure.lock();
        failure.as_ref().filter(|(at, _)| at.elapsed() < within).map(|(_, why)| why.clone())
    }

    pub fn read(&self, queue_depth: usize) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            commands: read(&self.commands),
            batches: read(&self.batches),
            commits: read(&self.commits),
            retries: read(&self.retries),
            set_aside: read(&self.set_aside),
            round_trips: read(&self.round_trips),
            wal_bytes: read(&self.wal_bytes),
            queue_depth,
        }
    }
}
