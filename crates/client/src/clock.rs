//! The wall clock, to compare with dates of others: in `Retry-After` and in a webhook's signature.

use std::time::SystemTime;

/// Reads the clock; tests use their own.
pub type WallClock = fn() -> SystemTime;

#[expect(clippy::disallowed_methods, reason = "the only place in this crate that reads the wall clock")]
pub fn now() -> SystemTime {
    SystemTime::now()
}
