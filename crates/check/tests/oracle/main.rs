//! The oracle passes a sound database, and reports each broken promise by its name.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod breaks;
mod payee;
mod seller;
mod sound;
