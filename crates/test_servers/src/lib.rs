//! Private instances of the real software that Surehold runs with.
//!
//! A transaction cannot be tested against a mock database, so tests start the real one: in a
//! temporary directory, on its own loopback port, with durability switched on as in production.
//! Software that is installed on the machine is not touched, and nothing is left behind, not even
//! after a `kill -9` of the test (see [`watchdog`]).
//!
//! | module | what it starts | how it differs |
//! |---|---|---|
//! | [`postgres`] | PostgreSQL | has a controller of its own, `pg_ctl`, and does not run as root |
//! | [`redis`] | Redis | an [`Instance`]; its snapshot can be saved and restored |
//! | [`nats`] | NATS with JetStream | an [`Instance`] |
//! | [`pgbouncer`] | PgBouncer in front of PostgreSQL | an [`Instance`] |
//! | [`haproxy`] | HAProxy in front of servers | an [`Instance`]; backends are drained and enabled |
//!
//! What this crate must never do: install anything, connect beyond loopback, or depend on another
//! crate of this workspace. It is shipped for one purpose only: `surehold bench` starts the
//! PostgreSQL that it measures.

mod error;
pub mod haproxy;
mod instance;
pub mod nats;
pub mod pgbouncer;
mod port;
pub mod postgres;
pub mod program;
pub mod redis;
mod watchdog;

pub use error::Error;
pub use instance::{Instance, Peer};
pub use port::NoPort;
