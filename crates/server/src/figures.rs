//! Figures: what `/metrics` shows besides the counters of this process, counted from committed rows,
//! so that a killed process forgets nothing.

use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, gauge};
use metrics_exporter_prometheus::PrometheusHandle;
use store::queries::{Counted, Figures};
use store::{Clock, Store};
use tokio::sync::watch;

/// Often enough for an alert, and cheap: what is open is found by partial indexes, all else is tallied.
const EVERY: Duration = Duration::from_secs(5);

/// The text of `/metrics`.
pub struct Scrape {
    pub store: Store,
    pub handle: Option<PrometheusHandle>,
}

impl Scrape {
    pub fn text(&self) -> String {
        let stats = self.store.stats();
        counter!("surehold_store_commands_total").absolute(stats.commands);
        counter!("surehold_store_batches_total").absolute(stats.batches);
        counter!("surehold_store_commits_total").absolute(stats.commits);
        counter!("surehold_store_retries_total").absolute(stats.retries);
        counter!("surehold_store_set_aside_total").absolute(stats.set_aside);
        counter!("surehold_store_round_trips_total").absolute(stats.round_trips);
        counter!("surehold_store_wal_bytes_total").absolute(stats.wal_bytes);
        gauge!("surehold_queue_depth").set(stats.queue_depth as f64);
        self.handle.as_ref().map(PrometheusHandle::render).unwrap_or_default()
    }
}

/// Keeps the figures fresh until told to stop.
pub async fn refresh(store: Store, clock: Arc<dyn Clock>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let now = clock.now();
        match store.figures(now).await {
            Ok(figures) => show(&figures, now),
            Err(error) => tracing::warn!(%error, "figures could not be counted"),
        }
        tokio::select! {
            _ = stop.changed() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

fn show(figures: &Figures, now: domain::Timestamp) {
    let backlog = &figures.backlog;
    let lag = backlog.outbox_oldest_pending.map_or(0, |oldest| now.since(oldest).as_millis().max(0));
    gauge!("surehold_outbox_pending").set(backlog.outbox_pending as f64);
    gauge!("surehold_outbox_lag_seconds").set(lag as f64 / 1_000.0);
    gauge!("surehold_dead_jobs").set(figures.jobs_dead as f64);
    gauge!("surehold_review_cases_open").set(figures.reviews_open.iter().sum::<i64>() as f64);
    gauge!("surehold_inbound_events_waiting").set(backlog.events_received as f64);
    for Counted { words, count } in &figures.tallies {
        let [subject, word] = words.as_slice() else { continue };
        let count = *count as f64;
        match subject.as_str() {
            "payments" => {
                gauge!("surehold_operations", "operation" => "charge", "outcome" => word.clone()).set(count);
            }
            "refunds" => {
                gauge!("surehold_operations", "operation" => "refund", "outcome" => word.clone()).set(count);
            }
            "transfers" => gauge!("surehold_effects_applied", "kind" => word.clone()).set(count),
            "bookings" => gauge!("surehold_bookings", "state" => word.clone()).set(count),
            _ => {}
        }
    }
}
