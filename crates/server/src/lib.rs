//! The server: HTTP requests, webhooks and timers become commands, and committed results go out.
//!
//! | folder | its part |
//! |---|---|
//! | [`http`] | requests become commands or queries, results become responses |
//! | [`webhooks`] | a provider's events are verified, stored, and processed afterwards |
//! | [`accounts`], [`circuits`] | the accounts at providers, and whether they may be called now |
//! | [`workers`] | jobs are claimed under a lease, and their attempts driven at the provider |
//! | [`relay`], [`consumers`] | messages go from the outbox to consumers, which keep receipts |
//! | [`ports`] | what is plugged in: the cache, the broker, traces, the clock; adapters are crates of their own |
//! | [`admin`] | the changes of tenants and keys by the command line |
//! | [`timers`] | what becomes due by itself |
//! | [`schedules`] | the slots of schedules are made ahead |
//! | [`metrics`], [`figures`] | measurements of this process, and of committed rows |
//! | [`work_context`], [`panics`] | the ids in a log line when something fails |
//! | [`tickets`] | the keys that sign tickets |
//! | [`service`] | starts and stops all of it |
//!
//! What must never be here: a rule (it belongs to the domain), SQL (to the store), or a provider's
//! wire format (to the providers). Inside a transaction no provider is called, and nothing leaves
//! the process.

pub mod accounts;
pub mod admin;
pub mod circuits;
pub mod consumers;
pub mod figures;
pub mod http;
pub mod ids;
pub mod metrics;
pub mod panics;
pub mod ports;
pub mod relay;
pub mod roles;
pub mod schedules;
pub mod secret;
pub mod service;
pub mod tickets;
pub mod timers;
pub mod wake;
pub mod webhooks;
pub mod wire;
pub mod work_context;
pub mod workers;
