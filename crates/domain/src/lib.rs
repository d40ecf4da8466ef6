//! The rules. Every decision of Surehold is made here, by pure functions: rows and a command go in,
//! changed rows and a reply, or a refusal, come out.
//!
//! What this crate must never do: read a clock, draw a random number or an id, touch a file, a
//! socket or a thread. It is `no_std` so that the compiler enforces this. Time and ids come in
//! through [`working_set::Context`].
//!
//! Reading order: [`money`], [`time`], [`ids`] are the nouns; [`mod@lifecycle`] has the moves;
//! [`rows`] are the tables; [`availability`] is whether a slot can be reserved, [`pricing`] what a
//! basket costs, [`tax`] which taxes, and [`cancellation_policy`] what goes back of its price; [`mod@working_set`] is how
//! rows go in and changes come out, and [`side_effects`] are what they start; [`commands`] has one file
//! for each thing that can be requested; [`jobs`] is the work that continues after a transaction,
//! [`split`] divides a booking's money, [`consumers`] who receives which messages, and [`ledger`] turns
//! what happened into balanced transfers; [`reconciliation`] compares the provider's books with ours.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod money;
pub mod time;
#[macro_use]
pub mod ids;
pub mod idempotency;
#[macro_use]
pub mod lifecycle;
#[macro_use]
pub mod working_set;
pub mod rows;

pub mod availability;
pub mod cancellation_policy;
pub mod limits;
pub mod pricing;
pub mod provider;
pub mod refusal;
pub mod resources;
pub mod side_effects;
pub mod split;
pub mod tax;

pub mod commands;
pub mod consumers;
pub mod jobs;
pub mod ledger;
pub mod reconciliation;
pub mod reply;

pub use ids::*;
pub use money::{Currency, Money};
pub use refusal::Refusal;
pub use reply::Reply;
pub use time::Timestamp;
