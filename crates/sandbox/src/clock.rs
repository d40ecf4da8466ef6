//! The only place in this crate that reads the time of day.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch.
#[expect(
    clippy::disallowed_methods,
    reason = "the sandbox stands for the outside world, which has its own clock"
)]
pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as i64)
}

/// Nanoseconds since the Unix epoch: the seed of values that must differ between two journals.
#[expect(
    clippy::disallowed_methods,
    reason = "the sandbox stands for the outside world, which has its own clock"
)]
pub fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_nanos() as u64)
}
