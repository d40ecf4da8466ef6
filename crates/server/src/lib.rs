//! The server: HTTP, webhooks and timers become commands, and what was decided goes out again.
//!
//! | folder | its part |
//! |---|---|
//! | [`http`] | requests become commands or queries, answers become responses |
//! | [`webhooks`] | a provider's events are verified, stored, and looked at afterwards |
//! | [`accounts`], [`circuits`] | who is called at which provider, and whether now |
//! | [`workers`] | jobs are claimed under a lease, and their attempts driven at the provider |
//! | [`relay`], [`consumers`] | messages go from the outbox to those who keep receipts |
//! | [`ports`] | what is plugged in: the cache, the broker, traces, the clock; adapters are crates of their own |
//! | [`admin`] | tenants and keys, as the command line changes them |
//! | [`timers`] | what becomes due by itself |
//! | [`metrics`], [`figures`] | what is measured: of this process, and of committed rows |
//! | [`work_context`], [`panics`] | what a line of the log names when something fails |
//! | [`service`] | all of it, put together and taken apart |
//!
//! What must never be here: a rule (they are the domain's), SQL (the store's), and a provider's wire
//! format (the providers'). A provider is never called, and nothing leaves the process, inside a
//! transaction.

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
pub mod secret;
pub mod service;
pub mod timers;
pub mod wake;
pub mod webhooks;
pub mod wire;
pub mod work_context;
pub mod workers;
