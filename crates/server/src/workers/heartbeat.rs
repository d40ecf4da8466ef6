//! Keeps a job's lease alive while its work goes on, and stops the work when the lease is lost.

use domain::commands::Heartbeat;
use domain::rows::Job;
use domain::time::Span;
use store::{CommandResult, Store};

/// Works under heartbeats. One is due each third of the lease, so two may fail.
pub(super) async fn under_lease(store: &Store, job: &Job, span: Span, work: impl Future<Output = ()> + Send) {
    tokio::select! {
        () = work => {}
        () = beat_until_lost(store, job, span) => {}
    }
}

/// Runs beside the work, which continues while a heartbeat waits for the store.
async fn beat_until_lost(store: &Store, job: &Job, span: Span) {
    let third = std::time::Duration::from_micros((span.0 / 3).max(1_000).unsigned_abs());
    let mut beat = tokio::time::interval_at(tokio::time::Instant::now() + third, third);
    loop {
        beat.tick().await;
        let beat = Heartbeat { job: job.id, token: job.token, span };
        if let Ok(CommandResult::Refused { .. }) = store.submit(Box::new(beat)).await {
            // Another worker has it, or it is done: nothing that this worker still does takes
            // effect.
            let token = job.token;
            tracing::info!(job = %job.id, token, "the lease is lost; the work stops");
            return;
        }
    }
}
