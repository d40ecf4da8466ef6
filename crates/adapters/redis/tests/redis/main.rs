//! The idempotency cache and the shared floors with a real Redis: their verdicts, the entries that
//! they leave, and that a lost Redis costs only time.
//!
//! The tests of the whole service with Redis are in `crates/server/tests/payments`.

#![expect(clippy::unwrap_used, reason = "all of it is tests; clippy sees only those with the attribute")]

mod absent;
mod floors;
mod lookups;
mod names;
mod redis_fixture;
