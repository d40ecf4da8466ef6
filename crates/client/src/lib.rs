//! The client: typed calls of Surehold's API that can be retried safely. An operation has one
//! idempotency key from the moment it is created, and every attempt sends the same bytes under it.
//!
//! ```no_run
//! # async fn example() -> client::Result<()> {
//! use client::{Charge, Client, Currency, Money, requests::NewCharge};
//!
//! let client = Client::builder("http://127.0.0.1:8080", "sh_test_...").build()?;
//! let charge = client.charge(&NewCharge {
//!     reference: Some("order-17".to_owned()),
//!     ..NewCharge::new(Money::new(1_250, Currency::EUR), "stripe", "pm_card_visa")
//! });
//! // Store it before anything is sent: a later run of the program can send the same charge again.
//! println!("key {}", charge.idempotency_key());
//!
//! match charge.send().await {
//!     Ok(reply) => match reply.value {
//!         Charge::Accepted(payment) => println!("payment {} is {}", payment.id, payment.state),
//!         Charge::Declined(declined) => println!("declined: {}", declined.failure.code),
//!     },
//!     // The outcome is unknown. Send it again under the same key, now or after a restart.
//!     Err(error) if error.is_outcome_unknown() => println!("try again later: {error}"),
//!     Err(error) => return Err(error),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! `examples/charge.rs` has the same as a program that runs against `surehold demo`.
//!
//! **Retries.** A call is retried if it got no reply, an incomplete one, or one that asks for a
//! retry: at most three attempts, with full jitter and `Retry-After`, within the operation's
//! deadline and a budget that all calls of a client share, and not while the circuit to the server
//! is open. A `409 request_in_progress` is not a failure: the server is already working on this
//! operation, so the client waits for it until the operation's deadline. [`error`] describes every
//! way it can end.
//!
//! **Lists.** A call that lists returns one page; its counterpart that begins with `all_` returns
//! all rows as a stream.
//!
//! **Webhooks.** [`webhook::Verifier`] verifies that a delivery comes from Surehold.
//!
//! Reading order: [`api_request`] is a request, built once; [`transport`] sends one attempt;
//! [`reply_meaning`] says what a reply means; [`attempt`] turns it into a result or a failure;
//! [`retry_loop`] retries; [`endpoints`] are the typed calls.
//!
//! What must never be here: a second idempotency key for one operation, a retry of a call that
//! would then be done twice, or a panic on any reply of a server.

pub mod error;
pub mod events;
pub mod webhook;

mod api_request;
mod attempt;
mod client;
mod clock;
mod endpoints;
mod failure;
mod key;
mod listing;
mod observer;
mod operation;
mod reply;
mod reply_meaning;
mod retry_loop;
#[cfg(test)]
mod script;
mod settings;
mod transport;

pub use api::{Currency, Money, Problem, problem, requests, views};
pub use client::Client;
pub use error::{Error, Refused, Result, Stop, Stopped};
pub use events::Events;
pub use failure::RequestFailure;
pub use key::{IdempotencyKey, InvalidKey};
pub use listing::Listing;
pub use observer::{Observer, Retry};
pub use operation::Operation;
pub use reply::{Charge, Declined, OperationReply};
pub use resilience::{Backoff, Timeouts, breaker, budget};
pub use settings::Builder;
