//! Each payment provider's wire behind one port, [`Provider`].
//!
//! A teller carries a call out and says what it heard, in the words of [`domain::provider`]. It
//! decides nothing: when to call, whether to call again and what the answer means for a payment is
//! for others. Therefore it says a call twice only where the first time provably did nothing (not a byte
//! was written, or it was a look-up), never sees the store, reads no wall clock (the time of a webhook's
//! check is an argument) and makes no key by chance (the provider's idempotency keys are made from our
//! own ids, so that a restored database makes the same ones).
//!
//! Reading order: [`port`] is what is asked of a provider; [`webhook`] what it tells unasked; [`guard`]
//! what stands before its wire; [`registry`] finds the teller of an account; then one folder a provider:
//! [`stripe`].

pub mod guard;
pub mod port;
pub mod registry;
pub mod secret;
pub mod stripe;
pub mod webhook;

pub use guard::Guard;
pub use port::{
    CallFuture, EventPage, ListedEvent, ListedRefund, ObjectCall, PaymentOrder, Provider, RefundOrder,
};
pub use registry::Registry;
pub use secret::Secret;
pub use webhook::{EventContent, VerifiedEvent};

use domain::provider::AmountRules;

/// Which amounts each provider moves.
pub const AMOUNTS: AmountRules = AmountRules(|provider, currency| match provider {
    stripe::NAME => stripe::amounts(currency),
    _ => None,
});
