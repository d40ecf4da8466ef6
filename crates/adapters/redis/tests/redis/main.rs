//! The idempotency cache and the shared floors against a real Redis: what they say, what they leave behind, and
//! that nothing but time is lost with it.
//!
//! What the whole service makes of it is tested in `crates/server/tests/payments`.

#![expect(clippy::unwrap_used, reason = "all of it is tests; clippy sees only those with the attribute")]

mod absent;
mod floors;
mod names;
mod redis_fixture;
mod words;
