//! Timers: what becomes due by itself.

use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use domain::commands::{ExpireHolds, PruneDeliveries, PruneMessages, PruneReplies};
use domain::limits::IDS_PER_COMMAND_MAX;
use domain::time::Span;
use store::{Clock, Store};
use tokio::sync::watch;
use tracing::warn;

const SWEEP: Duration = Duration::from_secs(1);
/// Holds of one sweep. Many may only wait for their payments to end, so it is not small.
const SWEEP_MAX: usize = 2_048;

/// Lets holds go whose time is up. A reserve that needs their seats does not wait for this.
pub async fn expire_holds(store: Store, clock: Arc<dyn Clock>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        match store.lapsed_holds(clock.now(), SWEEP_MAX).await {
            Ok(holds) => {
                for chunk in holds.chunks(IDS_PER_COMMAND_MAX) {
                    let command = ExpireHolds { holds: chunk.to_vec() };
                    if let Err(error) = store.submit(Box::new(command)).await {
                        warn!(%error, "lapsed holds were not let go; again soon");
                    }
                }
            }
            Err(error) => warn!(%error, "lapsed holds could not be looked up"),
        }
        tokio::select! {
            _ = stop.changed() => {}
            () = tokio::time::sleep(SWEEP) => {}
        }
    }
}

/// Looks for old replies this often, and takes this many a round until none is left.
const PRUNE_EVERY: Duration = Duration::from_hours(24);
const PRUNE_MAX: usize = 4_096;

/// Lets stored replies go that are older than they must be kept. The keys stay.
pub async fn prune_replies(store: Store, clock: Arc<dyn Clock>, kept: Span, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let finished_before = clock.now().minus(kept);
        let keys = store.old_replies(finished_before, PRUNE_MAX).await.unwrap_or_else(|error| {
            warn!(%error, "old replies could not be looked up");
            Vec::new()
        });
        for chunk in keys.chunks(IDS_PER_COMMAND_MAX) {
            let command = PruneReplies { keys: chunk.to_vec(), finished_before };
            if let Err(error) = store.submit(Box::new(command)).await {
                warn!(%error, "old replies were not let go");
            }
        }
        if keys.len() == PRUNE_MAX {
            continue;
        }
        tokio::select! {
            _ = stop.changed() => {}
            () = tokio::time::sleep(PRUNE_EVERY) => {}
        }
    }
}

/// Lets messages go that were received long ago, and their receipts after as long again.
pub async fn prune_messages(
    store: Store,
    clock: Arc<dyn Clock>,
    kept: Span,
    mut stop: watch::Receiver<bool>,
) {
    while !*stop.borrow() {
        if let Err(error) = prune_messages_once(&store, clock.now().minus(kept), kept).await {
            warn!(error, "old messages were not let go");
        }
        tokio::select! {
            _ = stop.changed() => {}
            () = tokio::time::sleep(PRUNE_EVERY) => {}
        }
    }
}

async fn prune_messages_once(store: &Store, received_before: Timestamp, kept: Span) -> Result<(), String> {
    while prune_page_of_messages(store, received_before).await? == PRUNE_MAX {}
    let early = planted::is(planted::Bug::ReceiptsPrunedEarly);
    let receipts_before = if early { received_before.plus(kept) } else { received_before.minus(kept) };
    while prune_page_of_deliveries(store, receipts_before).await? == PRUNE_MAX {}
    Ok(())
}

/// How many were found.
async fn prune_page_of_messages(store: &Store, received_before: Timestamp) -> Result<usize, String> {
    let found =
        store.prunable_messages(received_before, PRUNE_MAX).await.map_err(|error| error.to_string())?;
    for chunk in found.chunks(IDS_PER_COMMAND_MAX) {
        // One after another: of a subject the lowest go first.
        let command = PruneMessages { messages: chunk.to_vec(), received_before };
        store.submit(Box::new(command)).await.map_err(|error| error.to_string())?;
    }
    Ok(found.len())
}

async fn prune_page_of_deliveries(store: &Store, received_before: Timestamp) -> Result<usize, String> {
    let found =
        store.prunable_deliveries(received_before, PRUNE_MAX).await.map_err(|error| error.to_string())?;
    for chunk in found.chunks(IDS_PER_COMMAND_MAX) {
        let command = PruneDeliveries { deliveries: chunk.to_vec(), received_before };
        store.submit(Box::new(command)).await.map_err(|error| error.to_string())?;
    }
    Ok(found.len())
}
