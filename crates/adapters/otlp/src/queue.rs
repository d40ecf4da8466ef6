//! The spans that wait for the collector, and what happened to them.
//!
//! The SDK has its own queue of the same size, and reports only that it drops spans. So each span
//! is counted before it enters that queue, and subtracted when its batch returns.

use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{Span, SpanData, SpanExporter, SpanProcessor};
use tracing::{info, warn};

use server::metrics::catalogue::TRACE_SPANS;
use server::metrics::labels::SpanFate;

use crate::QUEUE_MAX;

/// The number of waiting spans, and what was logged.
#[derive(Clone, Debug, Default)]
pub struct QueueStats(Arc<Entries>);

#[derive(Debug, Default)]
struct Entries {
    waiting: AtomicUsize,
    /// The collector accepts nothing. Logged once, until it accepts spans again.
    away: AtomicBool,
    full: AtomicBool,
    /// Why the last batch did not arrive; the SDK does not report it.
    why: Mutex<String>,
}

impl QueueStats {
    pub fn because(&self, why: String) {
        *self.0.why.lock() = why;
    }

    fn takes_one(&self) -> bool {
        let taken = self.0.waiting.fetch_add(1, Ordering::Relaxed) < QUEUE_MAX;
        if !taken {
            self.0.waiting.fetch_sub(1, Ordering::Relaxed);
            TRACE_SPANS.increment(SpanFate::Dropped);
            if !self.0.full.swap(true, Ordering::Relaxed) {
                warn!(
                    waiting = QUEUE_MAX,
                    "too many spans wait for the collector: those that come meanwhile are dropped"
                );
            }
        }
        taken
    }

    fn is_back(&self, count: usize, outcome: &Result<(), OTelSdkError>) {
        self.0.waiting.fetch_sub(count, Ordering::Relaxed);
        let fate = if outcome.is_ok() { SpanFate::Exported } else { SpanFate::Lost };
        TRACE_SPANS.add(fate, count as u64);
        let was_away = self.0.away.swap(outcome.is_err(), Ordering::Relaxed);
        match outcome {
            Err(error) if !was_away => {
                let why = std::mem::take(&mut *self.0.why.lock());
                warn!(%error, why, "the collector takes no traces; what it does not take is lost");
            }
            Ok(()) if was_away => info!("the collector takes traces again"),
            _ => {}
        }
    }
}

/// Passes on the spans that there is room for.
#[derive(Debug)]
pub struct Bounded<P> {
    inner: P,
    books: QueueStats,
}

impl<P> Bounded<P> {
    pub fn new(inner: P, books: QueueStats) -> Bounded<P> {
        Bounded { inner, books }
    }
}

impl<P: SpanProcessor> SpanProcessor for Bounded<P> {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.inner.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if self.books.takes_one() {
            self.inner.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

#[derive(Debug)]
pub struct Counted<E> {
    inner: E,
    books: QueueStats,
}

impl<E> Counted<E> {
    pub fn new(inner: E, books: QueueStats) -> Counted<E> {
        Counted { inner, books }
    }
}

impl<E: SpanExporter> SpanExporter for Counted<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        let outcome = self.inner.export(batch).await;
        self.books.is_back(count, &outcome);
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_past_the_queue_is_dropped_until_a_batch_is_back() {
        let books = QueueStats::default();
        assert!((0..QUEUE_MAX).all(|_| books.takes_one()));
        assert!(!books.takes_one() && !books.takes_one());
        books.is_back(1, &Err(OTelSdkError::InternalFailure("away".to_owned())));
        assert!(books.takes_one() && !books.takes_one(), "there was room for one");
        books.is_back(QUEUE_MAX, &Ok(()));
        assert_eq!(books.0.waiting.load(Ordering::Relaxed), 0);
    }
}
