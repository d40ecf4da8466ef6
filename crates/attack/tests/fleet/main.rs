//! The program as it ships, as several processes on one PostgreSQL.
//!
//! | test | the fault |
//! |---|---|
//! | `rolling` | two servers behind HAProxy and two workers are restarted one after the other, under load |
//!
//! It ends with the provider's own books: each charge that a client got an answer for was captured
//! exactly once, no other charge was, and the oracle agrees. The test prints the seed of its random
//! choices; `SUREHOLD_PROOF_SEED` repeats it.
#![expect(clippy::unwrap_used, reason = "all of it is tests; clippy sees only those with the attribute")]

#[path = "../proof/binary.rs"]
mod binary;
mod deployment;
mod fleet_client;
mod rolling;
