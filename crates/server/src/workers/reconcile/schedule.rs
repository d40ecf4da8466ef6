//! Starts the runs that are due, one for each account, until `stop`. Any process may start one: under the
//! account's lock only one of them does.

use std::time::Duration;

use domain::commands::{StartReconciliation, StartedBy};
use domain::time::Span;
use domain::{AccountId, TenantId};
use store::{CommandResult, Store};
use tokio::sync::watch;
use tracing::{info, warn};

/// How often it is checked whether a run is due.
const CHECK: Duration = Duration::from_mins(1);
/// How long a run leaves young objects to the next one: much of them is still under way.
pub const MARGIN: Span = Span::seconds(15 * 60);
/// How far a run goes back behind the end of the one before: clocks differ, and a provider's list may lag.
pub const OVERLAP: Span = Span::seconds(6 * 60 * 60);
pub const EVERY: Span = Span::seconds(24 * 60 * 60);

pub async fn start_due(
    store: Store,
    accounts: Vec<(TenantId, AccountId)>,
    every: Span,
    mut stop: watch::Receiver<bool>,
) {
    while !*stop.borrow() {
        for &(tenant, account) in &accounts {
            let by = StartedBy::Timer { every, margin: MARGIN, overlap: OVERLAP };
            let start = StartReconciliation { claim: None, tenant, account, by };
            match store.submit(Box::new(start)).await {
                Ok(CommandResult::Fresh { .. }) => info!(%account, "a reconciliation was started"),
                // No run is due, or one is under way.
                Ok(_) => {}
                Err(unavailable) => {
                    warn!(%account, %unavailable, "a reconciliation could not be started; trying again soon");
                }
            }
        }
        tokio::select! {
            _ = stop.changed() => {}
            () = tokio::time::sleep(CHECK) => {}
        }
    }
}
