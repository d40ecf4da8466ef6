//! The HTTP side over a real listener and a real store, on both engines.
//!
//! PostgreSQL is the server that `SUREHOLD_TEST_POSTGRES` names; `cargo xtask test` starts one and
//! sets it. Each test makes a database of its own there. No provider is called here: what is begun at
//! one stays in progress.

#![expect(clippy::unwrap_used, reason = "all of it is tests; clippy sees only those with the attribute")]

mod api_keys;
mod bookings;
mod card_numbers;
mod catalogue;
mod contract;
mod dead_letters;
mod documented;
mod door;
mod idempotency;
mod input;
mod lists;
mod ops;
mod parameters;
mod payments;
mod refunds;
mod rows;
mod shapes;
mod test_server;
mod texts;
mod walls;
