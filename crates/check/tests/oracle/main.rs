//! The oracle calls a sound database sound, and each broken one broken, by the right name.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod breaks;
mod seller;
mod sound;
