//! The sandbox as its users see it: over HTTP, on its own port, with its own journal.
//!
//! Stripe's own SDK is tested against the sandbox beside this, in `official_sdk`.

#![expect(clippy::unwrap_used, reason = "a test's own client and endpoint may stop the test")]

mod bank;
mod client;
mod currencies;
mod customers;
mod disputes;
mod durability;
mod events;
mod expansion;
mod faults;
mod idempotency;
mod lifecycle;
mod mercado_pago;
mod method_types;
mod parameters;
mod payment_methods;
mod receiver;
mod refunds;
mod traffic;
mod transfers;
mod versions;
mod webhooks;
