//! The times of faults, retries and the outbox's lag, all by one clock.

use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

/// Readings of the outbox: enough for hours. Faults and retries have no limit, because verdicts depend on them.
const LAGS_MAX: usize = 20_000;

/// A fault that was injected into the deployment.
#[derive(Clone, Debug, Serialize)]
pub struct RecordedFault {
    pub at_ms: u64,
    /// The end of the fault; none if it was over at once.
    pub until_ms: Option<u64>,
    /// Such as `kill -9`, `stall`, `network cut`.
    pub what: String,
    /// Such as `server-1`, `postgres`, `provider`.
    pub whom: String,
    #[serde(rename = "words")]
    pub details: String,
}

/// A request that was sent again.
#[derive(Clone, Debug, Serialize)]
pub struct RecordedRetry {
    pub at_ms: u64,
    pub operation: String,
    /// The number of the next attempt, from 2.
    pub attempt: u32,
    pub delay_ms: u64,
    /// The outcome of the previous attempt, such as `409 request_in_progress` or `no answer`.
    pub reason: String,
    /// The server's Retry-After.
    pub retry_after_ms: Option<u64>,
}

impl RecordedRetry {
    /// The delay was at least the server's Retry-After.
    pub fn kept_to_retry_after(&self) -> bool {
        self.retry_after_ms.is_some_and(|minimum| minimum > 0 && self.delay_ms >= minimum)
    }
}

/// The outbox at one moment.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Lag {
    pub at_ms: u64,
    pub pending: u64,
    pub oldest_ms: u64,
}

/// The events of one scenario.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TimelineEvents {
    pub faults: Vec<RecordedFault>,
    pub retries: Vec<RecordedRetry>,
    pub lag: Vec<Lag>,
}

/// Records the events of a scenario. Clones share one record.
#[derive(Clone)]
pub struct Timeline {
    begun: Instant,
    events: Arc<Mutex<TimelineEvents>>,
}

/// A fault that lasts; see [`Timeline::begin`].
#[derive(Clone, Copy, Debug)]
pub struct Lasting(usize);

impl Timeline {
    pub fn begin_now() -> Timeline {
        Timeline { begun: Instant::now(), events: Arc::default() }
    }

    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Milliseconds since the scenario began.
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// A fault that was over at once.
    pub fn fault(&self, what: impl Into<String>, whom: impl Into<String>, details: impl Into<String>) {
        self.push(what.into(), whom.into(), details.into());
    }

    /// A fault with the time at which it happened.
    pub fn fault_at(&self, at: Instant, what: &str, whom: &str, details: String) {
        let at_ms = u64::try_from(at.saturating_duration_since(self.begun).as_millis()).unwrap_or(u64::MAX);
        let (what, whom) = (what.to_owned(), whom.to_owned());
        self.events().faults.push(RecordedFault { at_ms, until_ms: None, what, whom, details });
    }

    /// A fault that lasts until [`Timeline::end`].
    pub fn begin(&self, what: impl Into<String>, whom: impl Into<String>) -> Lasting {
        self.begin_with(what, whom, "")
    }

    pub fn begin_with(
        &self,
        what: impl Into<String>,
        whom: impl Into<String>,
        details: impl Into<String>,
    ) -> Lasting {
        Lasting(self.push(what.into(), whom.into(), details.into()))
    }

    pub fn end(&self, lasting: Lasting) {
        let now = self.now_ms();
        if let Some(fault) = self.events().faults.get_mut(lasting.0) {
            fault.until_ms = Some(now);
        }
    }

    pub fn retry(&self, retry: RecordedRetry) {
        self.events().retries.push(retry);
    }

    pub fn lag(&self, pending: u64, oldest_ms: u64) {
        let at_ms = self.now_ms();
        let mut events = self.events();
        if events.lag.len() < LAGS_MAX {
            events.lag.push(Lag { at_ms, pending, oldest_ms });
        }
    }

    pub fn taken(&self) -> TimelineEvents {
        self.events().clone()
    }

    fn push(&self, what: String, whom: String, details: String) -> usize {
        let at_ms = self.now_ms();
        let mut events = self.events();
        events.faults.push(RecordedFault { at_ms, until_ms: None, what, whom, details });
        events.faults.len() - 1
    }

    fn events(&self) -> MutexGuard<'_, TimelineEvents> {
        self.events.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A scenario that checks retries needs the last one too.
    #[test]
    fn every_retry_is_kept() {
        let timeline = Timeline::begin_now();
        for attempt in 0..30_000 {
            let (operation, reason) = ("one".to_owned(), "503".to_owned());
            timeline.retry(RecordedRetry {
                at_ms: 0,
                operation,
                attempt,
                delay_ms: 0,
                reason,
                retry_after_ms: None,
            });
        }
        let retries = timeline.taken().retries;
        assert_eq!((retries.len(), retries.last().map(|retry| retry.attempt)), (30_000, Some(29_999)));
    }
}
