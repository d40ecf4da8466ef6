//! The HTTP side: a request becomes a command or a query, and a result becomes a response.
//!
//! | piece | what it does |
//! |---|---|
//! | [`serve()`] | takes connections, with limits on the head of a request |
//! | [`guard`] | around every request: its id, its limits, its time, its panic, its count |
//! | [`write_request`] | the client, the key and the body: everything that is refused before any work |
//! | [`endpoint`], [`endpoints`] | one file per endpoint: makes the command or runs the query |
//! | [`submit`] | answers a known duplicate without the database |
//! | [`answer`] | the store's result as a response; a stored text is sent unchanged |
//! | [`operation`] | begins work at a provider, and waits for the worker's outcome |
//!
//! What must never be here: a decision, SQL, or a call to a provider.

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
