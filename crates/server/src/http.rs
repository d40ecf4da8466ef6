//! The HTTP side: a request becomes a command or a query, and an answer becomes a response.
//!
//! | piece | what it does |
//! |---|---|
//! | [`serve()`] | takes connections, with limits on what a head may be |
//! | [`guard`] | around every request: its id, its place in the queue, its time, its panic, its count |
//! | [`write_request`] | who asks, under which key, and what: everything that is refused before any work |
//! | one file per endpoint | makes the command or asks the query |
//! | [`idempotency_cache`] | whether it is a duplicate that is known without asking the database |
//! | [`answer`] | what the store answered, as a response; the stored text goes out as it is |
//! | [`operation`] | begins work at a provider, and waits for the worker that will answer |
//!
//! What must never be here: a decision, SQL, and a call to a provider.

mod answer;
mod api_keys;
mod app;
mod auth;
mod bookings;
mod catalogue;
mod dead_letters;
mod docs;
mod events;
mod guard;
mod health;
mod history;
mod idempotency_cache;
mod idempotency_key;
mod ledger;
mod limits;
mod listing;
mod operation;
mod ops;
mod payments;
mod permission;
mod prefer;
mod read_request;
mod read_turns;
mod refunds;
mod refused;
mod request_id;
mod routes;
pub mod secret;
mod serve;
mod waiters;
mod wire;
mod write_request;

pub use app::{Accounts, App, AppParts, WorkerPermit, WorkerPool};
pub use idempotency_cache::{
    CacheLookup, IdempotencyCache, InFlightMarker, KnownDuplicate, NoIdempotencyCache,
};
pub use limits::Limits;
pub use refused::RefusedRequest;
pub use request_id::RequestId;
pub use routes::{probes, router};
pub use serve::{FAREWELL, serve};
pub use waiters::Waiters;
pub use wire::Wire;
