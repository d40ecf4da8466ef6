//! Waiting for a condition, never for a fixed time.

use std::time::{Duration, Instant};

/// Far longer than any condition takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);
const POLL_EVERY: Duration = Duration::from_millis(5);

/// Polls until there is a result, and returns it. The failure of a test names `what`.
pub async fn until<T>(what: &str, mut poll: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = poll().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(POLL_EVERY).await;
    }
}
