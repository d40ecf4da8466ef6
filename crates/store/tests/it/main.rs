//! The conformance suite: written once, run against both engines.
//!
//! PostgreSQL is the server that `SUREHOLD_TEST_POSTGRES` names; `cargo xtask test` starts one and
//! sets it. Each test makes a database of its own there. Tests that stop a server start their own.

#![expect(clippy::unwrap_used, reason = "all of it is tests; clippy sees only those with the attribute")]

mod baskets;
mod check;
mod contention;
mod counters;
mod due;
mod failover;
mod faults;
mod full_disk;
mod keys;
mod ledger;
mod migrations;
mod model;
mod newer;
mod notify;
mod plans;
mod poolers;
mod queries;
mod relay;
mod resources;
mod restarts;
mod retention;
mod rows;
mod seats;
mod store_database;
mod test_command;
