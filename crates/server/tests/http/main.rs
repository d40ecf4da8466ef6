//! The HTTP side with a real listener and a real store, on both engines.
//!
//! PostgreSQL is the server that `SUREHOLD_TEST_POSTGRES` names; `cargo xtask test` starts one and
//! sets the variable. Each test makes its own database there. No provider is called here: a payment
//! that is begun stays in progress.

#![expect(clippy::unwrap_used, reason = "all of it is tests; clippy sees only those with the attribute")]

mod api_keys;
mod baskets;
mod bookings;
mod card_numbers;
mod catalogue;
mod check_ins;
mod contract;
mod dead_letters;
mod documented;
mod guard;
mod idempotency;
mod input;
mod lists;
mod ops;
mod parameters;
mod payments;
mod refunds;
mod resources;
mod rows;
mod schedules;
mod shapes;
mod test_server;
mod texts;
mod walls;
