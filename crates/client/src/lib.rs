//! The client: typed calls of Surehold's own API that may be retried without a second thought: an operation
//! has one idempotency key from the moment it is made, and every attempt sends the same bytes under it.
//!
//! ```no_run
//! # async fn example() -> client::Result<()> {
//! use client::{Charge, Client, Currency, Money, requests::NewCharge};
//!
//! let client = Client::builder("http://127.0.0.1:8080", "sh_test_...").build()?;
//! let charge = client.charge(&NewCharge {
//!     amount: Money::new(1_250, Currency::EUR),
//!     provider: "stripe".to_owned(),
//!     payment_method: "pm_card_visa".to_owned(),
//!     reference: Some("order-17".to_owned()),
//!     return_url: None,
//!     metadata: Default::default(),
//! });
//! // Keep it before anything is sent: a later run of the program can ask for the very same charge.
//! println!("key {}", charge.idempotency_key());
//!
//! match charge.send().await {
//!     Ok(reply) => match reply.value {
//!         Charge::Accepted(payment) => println!("payment {} is {}", payment.id, payment.state),
//!         Charge::Declined(declined) => println!("declined: {}", declined.failure.code),
//!     },
//!     // Nobody knows yet. Ask again under the same key: now, or after a restart.
//!     Err(error) if error.is_outcome_unknown() => println!("later again: {error}"),
//!     Err(error) => return Err(error),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! `examples/charge.rs` is the same as a program, to be run against `surehold demo`.
//!
//! **Retries.** What got no answer, a broken one, or one that bids to ask again is asked again: at most
//! three attempts, full jitter, `Retry-After` honoured, never past the operation's deadline, within a budget
//! that all calls of a client share, and not at all while the circuit to the server is open. A `409
//! request_in_progress` is no failure: the server is at work on this very operation, so the client waits for
//! it, as long as the operation's time lasts. [`error`] says how each end is told.
//!
//! **Lists.** A call that lists gives one page; its twin that begins with `all_` gives all rows, as a stream.
//!
//! **Webhooks.** [`webhook::Verifier`] says whether a delivery comes from Surehold.
//!
//! Reading order: [`api_request`] is a request, made once; [`transport`] carries one attempt; [`answer`] says what
//! came back; [`attempt`] makes a result or a failure of it; [`retry_loop`] retries; [`endpoints`] are the typed
//! calls.
//!
//! What must never be here: a second idempotency key for one operation, a retry of what may be done twice,
//! a panic on anything that a server may answer.

pub mod error;
pub mod events;
pub mod webhook;

mod answer;
mod api_request;
mod attempt;
mod client;
mod clock;
mod endpoints;
mod failure;
mod key;
mod observer;
mod operation;
mod reply;
mod retry_loop;
mod rows;
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
pub use observer::{Observer, Retry};
pub use operation::Operation;
pub use reply::{Charge, Declined, OperationReply};
pub use resilience::{Backoff, Timeouts, breaker, budget};
pub use rows::Listing;
pub use settings::Builder;
