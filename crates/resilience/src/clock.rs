//! Tokio's clock in the form that the pure modules need.

use std::time::Duration;

use tokio::time::Instant;

/// The start of a measurement. It follows `tokio::time::pause` and `advance`.
#[derive(Clone, Copy, Debug)]
pub struct Start(Instant);

impl Start {
    pub fn now() -> Start {
        Start(Instant::now())
    }

    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
