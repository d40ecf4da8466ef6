//! The wall clock, for the dates that others wrote: in `Retry-After`, and in a webhook's signature.

use std::time::SystemTime;

/// How it is read; a test has its own.
pub type Wall = fn() -> SystemTime;

#[expect(clippy::disallowed_methods, reason = "the one place of this crate that reads the wall clock")]
pub fn now() -> SystemTime {
    SystemTime::now()
}
