//! The sandbox as its users meet it: over HTTP, on a port of its own, with a journal of its own.
//!
//! What Stripe's own SDK makes of the answers is tested beside this, in `official_sdk`.

#![expect(clippy::unwrap_used, reason = "a test's own client and endpoint may stop the test")]

mod client;
mod currencies;
mod disputes;
mod durability;
mod events;
mod expansion;
mod faults;
mod idempotency;
mod lifecycle;
mod method_types;
mod parameters;
mod payment_methods;
mod receiver;
mod refunds;
mod versions;
mod webhooks;
