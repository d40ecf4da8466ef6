//! The faults of each connection: counted, and recorded with their times.

use parking_lot::Mutex;
use std::time::Instant;

use serde::Serialize;
use tokio::sync::watch;

use super::Fault;

/// Later entries are only counted.
const ENTRIES_MAX: usize = 10_000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    pub connections: u64,
    /// Connections that a fault has reached, counted once per fault and connection.
    pub struck: u64,
    pub unreachable: u64,
    pub ended: u64,
    pub request_bytes: u64,
    pub response_bytes: u64,
    pub swallowed_bytes: u64,
    /// Requests that were sent a second time and answered.
    pub copies: u64,
    /// Requests that should have been sent a second time and were not: too many, too long, or not
    /// HTTP.
    pub copies_left_out: u64,
    pub log_left_out: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A fault reached a connection, after this many of its bytes were delivered in each direction.
    Struck {
        connection: u64,
        fault: Fault,
        request_bytes: u64,
        response_bytes: u64,
    },
    Unreachable {
        connection: u64,
    },
    /// A command to all connections.
    Commanded(Fault),
    ResetAll,
    /// From here on no client can connect.
    Closed,
    Opened,
}

#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub at: Instant,
    pub what: What,
}

pub(super) struct Chronicle {
    counters: watch::Sender<Counters>,
    entries: Mutex<Vec<Entry>>,
}

impl Chronicle {
    pub fn new() -> Chronicle {
        Chronicle { counters: watch::Sender::new(Counters::default()), entries: Mutex::new(Vec::new()) }
    }

    pub fn count(&self, change: impl FnOnce(&mut Counters)) {
        self.counters.send_modify(change);
    }

    /// Recorded before it is counted, so that a test that waits for the count finds the entry.
    pub fn record(&self, what: What) {
        let mut entries = self.entries.lock();
        let full = entries.len() >= ENTRIES_MAX;
        if !full {
            entries.push(Entry { at: Instant::now(), what });
        }
        drop(entries);
        self.count(|counters| {
            counters.log_left_out += u64::from(full);
            counters.struck += u64::from(matches!(what, What::Struck { .. }));
            counters.unreachable += u64::from(matches!(what, What::Unreachable { .. }));
        });
    }

    pub fn counters(&self) -> Counters {
        *self.counters.borrow()
    }

    pub async fn wait_for(&self, so: impl FnMut(&Counters) -> bool) -> Counters {
        let mut counters = self.counters.subscribe();
        let found = counters.wait_for(so).await.map(|counters| *counters);
        found.expect("the sender lives as long as this")
    }

    pub fn log(&self) -> Vec<Entry> {
        self.entries.lock().clone()
    }
}
