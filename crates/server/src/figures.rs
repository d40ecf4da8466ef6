//! Figures: the part of `/metrics` that is counted from committed rows, so that a killed process
//! loses nothing.

use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use domain::lifecycle::booking;
use metrics_exporter_prometheus::PrometheusHandle;
use store::queries::{Figures, RowCount, WaitingRows};
use store::{Clock, Store};
use tokio::sync::watch;

use crate::circuits::Circuits;
use crate::metrics::catalogue::*;
use crate::metrics::labels::{Age, BookingState, Letter};

/// Often enough for an alert, and cheap: partial indexes find what is open, and the rest has
/// counters.
pub const EVERY: Duration = Duration::from_secs(5);

/// What is shown if no dispute needs evidence: longer than any bank waits.
const NO_DISPUTE_DUE: domain::time::Span = domain::time::Span::seconds(365 * 24 * 60 * 60);

#[derive(Clone)]
pub struct MetricsText {
    pub store: Store,
    pub queue_max: usize,
    pub circuits: Circuits,
    pub handle: Option<PrometheusHandle>,
}

impl MetricsText {
    pub fn text(&self) -> String {
        let stats = self.store.stats();
        STORE_COMMANDS.absolute((), stats.commands);
        STORE_BATCHES.absolute((), stats.batches);
        STORE_COMMITS.absolute((), stats.commits);
        STORE_RETRIES.absolute((), stats.retries);
        STORE_SET_ASIDE.absolute((), stats.set_aside);
        STORE_ROUND_TRIPS.absolute((), stats.round_trips);
        STORE_WAL_BYTES.absolute((), stats.wal_bytes);
        QUEUE_DEPTH.set((), stats.queue_depth as f64);
        self.circuits.show();
        QUEUE_LIMIT.set((), self.queue_max as f64);
        self.handle.as_ref().map(PrometheusHandle::render).unwrap_or_default()
    }
}

/// Keeps the figures current until `stop`.
pub async fn refresh(
    scrape: MetricsText,
    every: Duration,
    clock: Arc<dyn Clock>,
    mut stop: watch::Receiver<bool>,
) {
    while !*stop.borrow() {
        let now = clock.now();
        match scrape.store.figures(now).await {
            Ok(figures) => show(&figures, now),
            Err(error) => tracing::warn!(%error, "figures could not be counted"),
        }
        // A histogram keeps its samples until they are put into buckets, and there may be no scrape
        // that does it.
        if let Some(handle) = &scrape.handle {
            handle.run_upkeep();
        }
        tokio::select! {
            _ = stop.changed() => {}
            () = tokio::time::sleep(every) => {}
        }
    }
}

fn show(figures: &Figures, now: Timestamp) {
    let age = |since: Option<Timestamp>| since.map_or(0.0, |since| seconds(now.since(since)).max(0.0));
    let backlog = &figures.backlog;
    OUTBOX_PENDING.set((), backlog.outbox_pending as f64);
    OUTBOX_UNRECEIVED.set((), backlog.outbox_unreceived as f64);
    OUTBOX_LAG_SECONDS.set((), age(backlog.outbox_oldest_pending));
    INBOUND_EVENTS_WAITING.set((), backlog.events_received as f64);
    JOBS.set_all(pairs(&figures.jobs));
    let WaitingRows { count, oldest } = figures.jobs_due;
    JOBS_DUE.set((), count as f64);
    JOBS_DUE_SECONDS.set((), age(oldest));
    ATTEMPTS_OPEN.set_all(pairs(&figures.attempts_open));
    DEAD_LETTERS.set(Letter::Job, figures.jobs_dead as f64);
    DEAD_LETTERS.set(Letter::Event, figures.events_dead as f64);
    DEAD_LETTERS.set(Letter::Message, figures.deliveries_dead as f64);
    for (age, count) in [Age::WithinAnHour, Age::WithinADay, Age::Older].into_iter().zip(figures.reviews_open)
    {
        REVIEW_CASES_OPEN.set(age, count as f64);
    }
    REVIEW_CASE_AGE_SECONDS.set((), age(figures.reviews_oldest));
    RECONCILIATION_AGE_SECONDS.set((), age(figures.reconciled_oldest));
    DISPUTES_OPEN.set_all(pairs(&figures.disputes_open.by_state));
    let due = figures.disputes_open.next_due.map_or(NO_DISPUTE_DUE, |due| due.since(now));
    DISPUTE_EVIDENCE_DUE_SECONDS.set((), seconds(due));
    let WaitingRows { count, oldest } = figures.holds_lapsed;
    HOLDS_OVERDUE.set((), count as f64);
    HOLDS_OVERDUE_SECONDS.set((), age(oldest));
    AUTHORIZATIONS_EXPIRING.set((), figures.authorizations_expiring as f64);
    let WaitingRows { count, oldest } = figures.releases_due;
    RELEASES_DUE.set((), count as f64);
    RELEASES_DUE_SECONDS.set((), age(oldest));
    show_payouts(figures);
    show_counters(&figures.counters);
    BOOKINGS.set(BookingState(booking::State::Held), figures.holds as f64);
    FIGURES_COUNTED.set((), seconds(now.since(Timestamp(0))));
}

/// Open payouts are counted from their rows, and all others by the counters.
fn show_payouts(figures: &Figures) {
    let ended = figures.counters.iter().filter(|counter| counter.labels[0] == "payouts");
    let ended = ended.map(|counter| (&counter.labels[1..], counter.count));
    PAYOUTS.set_all(pairs(&figures.payouts_open).chain(ended));
}

fn show_counters(counters: &[RowCount]) {
    let of = |subject: &'static str| {
        let counters = counters
            .iter()
            .filter(move |counter| counter.labels.first().is_some_and(|value| value == subject));
        counters.map(|counter| (&counter.labels[1..], counter.count))
    };
    BOOKINGS.set_all(of("bookings"));
    EFFECTS_APPLIED.set_all(of("transfers"));
    ATTEMPTS_RESOLVED.set_all(of("unknown_attempts"));
    DIFFERENCES_OPEN.set_all(of("differences"));
    LATE_PAYMENTS.set_all(of("late_payments"));
    let operation = |operation: &str, (values, count): (&[String], i64)| {
        // A charge has succeeded when its money is captured.
        let outcome = if values == ["captured"] { "succeeded".to_owned() } else { values.concat() };
        (vec![operation.to_owned(), outcome], count)
    };
    let charges = of("payments").map(|counter| operation("charge", counter));
    let refunds = of("refunds").map(|counter| operation("refund", counter));
    let operations: Vec<(Vec<String>, i64)> = charges.chain(refunds).collect();
    OPERATIONS.set_all(operations.iter().map(|(values, count)| (values.as_slice(), *count)));
}

fn pairs(counted: &[RowCount]) -> impl Iterator<Item = (&[String], i64)> {
    counted.iter().map(|counted| (counted.labels.as_slice(), counted.count))
}

fn seconds(span: domain::time::Span) -> f64 {
    span.0 as f64 / 1_000_000.0
}
