//! Timers: what becomes due by itself.

use std::sync::Arc;
use std::time::Duration;

use domain::commands::ExpireHolds;
use domain::limits::IDS_PER_COMMAND_MAX;
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
