//! The one HTTP client for everything that Surehold calls: payment providers, its own API from the
//! SDK, a collector of traces. [`HttpConnection`] is for the oracle, the demo, load and tests, which
//! want one connection of their own.
//!
//! What it promises is what its callers build on: of a request without a reply it says whether a
//! byte of it was written ([`Error::NotSent`]) or not known to be ([`Error::Broken`]), and it never
//! sends a request twice. Every reply is limited in size. The time of a whole exchange is limited by
//! the caller, who knows how long its answer is worth waiting for; [`HttpClient`] limits the time to
//! connect.
//!
//! What must never be here: a retry, a circuit breaker or a budget (they are `resilience`'s, over
//! this), and anything that knows whom it calls.

mod address;
mod connection;
mod connector;
mod http_client;
mod identity;

pub use address::{Address, AddressError};
pub use connection::HttpConnection;
pub use http_client::{Error, HttpClient, HttpReply, Settings, error_chain};
pub use identity::ClientIdentity;

/// Whether this build can call an `https` address.
pub const HAS_TLS: bool = cfg!(feature = "tls");
