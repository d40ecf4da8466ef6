//! Tokio's clock, told as the pure modules want it.

use std::time::Duration;

use tokio::time::Instant;

/// A start to measure from. Follows `tokio::time::pause` and `advance`.
#[derive(Clone, Copy, Debug)]
pub struct Start(Instant);

impl Start {
    pub fn here() -> Start {
        Start(Instant::now())
    }

    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
