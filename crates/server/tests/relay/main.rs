//! Relay, broker, consumers and sweep on both engines: what is published, in which order, how
//! often, and what happens to a message that fails, panics, or kills its process.
//!
//! PostgreSQL is the server that `SUREHOLD_TEST_POSTGRES` names; `cargo xtask test` starts one and
//! sets the variable. Each test makes its own database there.

#![expect(clippy::unwrap_used, reason = "all of it is tests; clippy sees only those with the attribute")]

mod catch_up;
mod consumers;
mod due;
mod failing;
mod order;
mod pruning;
mod taking_over;
