//! Consumers: each takes what the relay brings, and keeps its own receipt of it.

pub mod ledger;
