//! The oracle calls a sound database sound, and each broken one broken, by the right name.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod breaks;
mod place;
mod plain_form;
mod shop;
mod sound;
