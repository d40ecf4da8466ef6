//! The HTTP side: a request becomes a command or a query, and an answer becomes a response.
//!
//! | piece | what it does |
//! |---|---|
//! | [`serve()`] | takes connections, with limits on what a head may be |
//! | [`guard`] | around every request: its id, its place in the queue, its time, its panic, its count |
//! | [`write_request`] | who asks, under which key, and what: everything that is refused before any work |
//! | [`endpoint`], [`endpoints`] | one file per endpoint: makes the command or asks the query |
//! | [`submit`] | whether it is a duplicate that is known without asking the database |
//! | [`answer`] | what the store answered, as a response; the stored text goes out as it is |
//! | [`operation`] | begins work at a provider, and waits for the worker that will answer |
//!
//! What must never be here: a decision, SQL, and a call to a provider.

mod answer;
mod app;
mod auth;
mod docs;
mod endpoint;
mod endpoints;
mod guard;
mod history;
mod idempotency_key;
mod limits;
mod listing;
mod operation;
mod permission;
mod prefer;
mod read_request;
mod read_turns;
mod refused;
mod request_id;
mod routes;
mod serve;
mod submit;
mod webhooks;
mod write_request;

pub use app::{App, AppParts};
pub use endpoints::{document as openapi_json, paths};
pub use limits::Limits;
pub use refused::RefusedRequest;
pub use request_id::RequestId;
pub use routes::{probes, router};
pub use serve::{FAREWELL, serve};
pub use webhooks::router as webhook_router;
