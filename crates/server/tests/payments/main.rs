//! Payments, captures, refunds and webhooks: the whole service over HTTP against the sandbox, on both
//! engines.
//!
//! Every test ends with the same questions: do all promises hold, in the rows and in the provider's
//! books, is nothing left open, and did every call that moves money come under one key?
//!
//! PostgreSQL is the server that `SUREHOLD_TEST_POSTGRES` names; `cargo xtask test` starts one and
//! sets it. Each test makes a database of its own there, and has a sandbox of its own.

#![expect(clippy::unwrap_used, reason = "all of it is tests; clippy sees only those with the attribute")]

mod apart;
mod authentication;
mod bookings;
mod by_hand;
mod captures;
mod charges;
mod dead_letters;
mod delivery;
mod duplicates;
mod expiry;
mod handed_over;
mod kept_errors;
mod lanes;
mod leases;
mod outage;
mod refunds;
mod restarts;
mod storm;
mod webhooks;
