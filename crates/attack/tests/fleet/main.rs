//! The program as it ships, as several processes on one PostgreSQL.
//!
//! | test | what befalls it |
//! |---|---|
//! | `rolling` | two servers behind HAProxy and two workers, each asked to stop and started again, under load |
//!
//! It ends with the provider's own books: each charge that a client was told of was captured exactly once,
//! nothing else was, and the oracle agrees. What is drawn is drawn from a seed, which is printed;
//! `SUREHOLD_PROOF_SEED` repeats it.
#![expect(clippy::unwrap_used, reason = "all of it is tests; clippy sees only those with the attribute")]

#[path = "../proof/binary.rs"]
mod binary;
mod deployment;
mod fleet_client;
mod rolling;
