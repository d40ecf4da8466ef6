//! Reads the outbox at intervals, for the report.

use std::time::Duration;

use domain::Timestamp;
use server::ports::clock::SystemClock;
use store::{Clock as _, Location, Store};

use crate::timeline::Timeline;

const EVERY: Duration = Duration::from_millis(250);

/// Runs until it is aborted. While the database is away there are no readings, and the report shows
/// the gap.
pub(super) async fn outbox(location: Location, timeline: Timeline) {
    let queries = loop {
        match Store::open_read_only(&location).await {
            Ok(queries) => break queries,
            Err(_) => tokio::time::sleep(EVERY).await,
        }
    };
    loop {
        if let Ok(backlog) = queries.backlog().await {
            let age = |oldest: Timestamp| SystemClock.now().since(oldest).as_millis().max(0);
            let oldest_ms = backlog.outbox_oldest_pending.map_or(0, age);
            timeline.lag(backlog.outbox_pending.unsigned_abs(), oldest_ms.unsigned_abs());
        }
        tokio::time::sleep(EVERY).await;
    }
}
