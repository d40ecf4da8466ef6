//! The proof: the program as it ships, killed again and again in the middle of 200 charges.
//!
//! | test | what befalls it |
//! |---|---|
//! | `killed` | `kill -9` of the server and of the provider, faults on; on PostgreSQL the database too |
//! | `stopped` | asked to stop, as by Ctrl-C and by a supervisor, in the middle of the work |
//! | `full` | a disk without room |
//!
//! Each ends the same way: every operation has its definite answer, the provider's own books show each
//! that was not declined captured exactly once, nothing waits for a person, and the oracle agrees. The
//! moments are drawn from a seed, which is printed; `SUREHOLD_PROOF_SEED` repeats it.
#![expect(clippy::unwrap_used, reason = "all of it is tests; clippy sees only those with the attribute")]

mod binary;
mod clients;
mod full;
mod incidents;
mod judge;
mod killed;
mod orders;
mod stopped;
mod town;
