//! The HTTP side: a request becomes a command or a query, and an answer becomes a response.
//!
//! | piece | what it does |
//! |---|---|
//! | [`serve()`] | takes connections, with limits on what a head may be |
//! | [`guard`] | around every request: its id, its place in the queue, its time, its panic, its count |
//! | [`call`] | who asks, under which key, and what: everything that is refused before any work |
//! | one file an endpoint | makes the command or asks the query |
//! | [`hot_path`] | whether it is a duplicate that is known without asking the database |
//! | [`answer`] | what the store answered, as a response; the stored text goes out as it is |
//! | [`operation`] | begins work at a provider, and waits for the worker that will answer |
//!
//! What must never be here: a decision, SQL, and a call to a provider.

mod answer;
mod api_keys;
mod app;
mod auth;
mod bookings;
mod call;
mod catalogue;
mod dead_letters;
mod docs;
mod events;
mod guard;
mod health;
mod history;
mod hot_path;
mod idempotency_key;
mod ledger;
mod limits;
mod listing;
mod look;
mod operation;
mod ops;
mod payments;
mod permission;
mod prefer;
mod refunds;
mod refused;
mod request_id;
mod routes;
pub mod secret;
mod serve;
mod turns;
mod waiters;
mod wire;

pub use app::{Accounts, App, Hands, Parts, Place};
pub use hot_path::{Asked, HotPath, Known, Marker, NoHotPath};
pub use limits::Limits;
pub use refused::Refused;
pub use request_id::RequestId;
pub use routes::{probes, router};
pub use serve::{FAREWELL, serve};
pub use waiters::Waiters;
pub use wire::Wire;
