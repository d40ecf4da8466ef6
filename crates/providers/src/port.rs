//! What is asked of a payment provider.
//!
//! | call | moves money | said again under the same key | what settles a doubt |
//! |---|---|---|---|
//! | `create` | no | makes no second object | not needed: nothing can move |
//! | `confirm` | takes or holds it | the first answer again | `fetch` of the object, committed before |
//! | `capture` | takes what is held | the first answer again | `fetch` |
//! | `cancel` | lets go of what is held | the first answer again | `fetch`; it alone proves that nothing moved |
//! | `refund` | gives it back | the first answer again | `fetch_refund`, or `find_refund` where the id was lost |
//!
//! "The same key" holds for [`Provider::key_retention`] and no longer: after it a call that moves money
//! must not be said again.

use std::{collections::BTreeMap, pin::Pin};

use domain::{
    AttemptId, BookingId, Money, PaymentId, RefundId, TenantId, Timestamp,
    provider::{Heard, Observation, RefundObservation},
    rows::Capture,
    time::Span,
};
use http::HeaderMap;

use crate::webhook::{About, Arrived, Malformed, Refused};

/// What became of a call. Boxed, so that a server holds tellers of several providers at once.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Heard<T>> + Send + 'a>>;

/// What a search by our own reference found; heard without an object: it could not look everywhere.
pub type Found<'a, T> = Answer<'a, Option<T>>;

/// A payment as the provider is to make it. The same order always becomes the same bytes: a provider
/// refuses a key that comes back with others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The charge; its idempotency keys at the provider are made from it.
    pub attempt: AttemptId,
    /// The payment; travels as metadata, so that a webhook can be brought home.
    pub operation: PaymentId,
    pub booking: Option<BookingId>,
    pub tenant: TenantId,
    pub amount: Money,
    pub capture: Capture,
    /// A provider's token; never a card number.
    pub payment_method: String,
    /// Where the customer's browser comes back to after 3-D Secure and the like.
    pub return_url: Option<String>,
    /// The client's own; never overwrites ours.
    pub metadata: BTreeMap<String, String>,
    /// The client's name for what is paid.
    pub reference: Option<String>,
}

/// A refund as the provider is to make it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundOrder {
    pub attempt: AttemptId,
    pub refund: RefundId,
    pub payment: PaymentId,
    /// The provider's id of the payment's object.
    pub object: String,
    pub amount: Money,
    pub reason: Option<String>,
}

/// One account at a payment provider.
pub trait Provider: Send + Sync {
    /// As in `payments.provider` and in the path of its webhooks.
    fn name(&self) -> &'static str;

    /// Makes the provider's object, unconfirmed: no money can move.
    fn create<'a>(&'a self, order: &'a Order) -> Answer<'a, Observation>;

    /// Takes the money, or holds it. To be called only once the object's id is committed.
    fn confirm<'a>(&'a self, order: &'a Order, object: &'a str) -> Answer<'a, Observation>;

    /// The object as it is now. [`Heard::Refused`] with `resource_missing` disproves nothing while a
    /// `create` is in flight.
    fn fetch<'a>(&'a self, object: &'a str) -> Answer<'a, Observation>;

    /// Takes what is held, or a part of it: what is left is let go.
    fn capture<'a>(&'a self, attempt: AttemptId, object: &'a str, amount: Money) -> Answer<'a, Observation>;

    /// Ends the object: what is held is let go, and no money can move any more.
    fn cancel<'a>(&'a self, attempt: AttemptId, object: &'a str) -> Answer<'a, Observation>;

    fn refund<'a>(&'a self, refund: &'a RefundOrder) -> Answer<'a, RefundObservation>;

    /// Looks for our refund among those of its payment, by the id it carries as metadata. That there is none
    /// never disproves a call in flight.
    fn find_refund<'a>(&'a self, refund: &'a RefundOrder) -> Found<'a, RefundObservation>;

    /// The refund as it is now, by the provider's id of it.
    fn fetch_refund<'a>(&'a self, object: &'a str) -> Answer<'a, RefundObservation>;

    /// For how long after its first use a call may be said again: the provider's own retention of
    /// idempotency keys less a margin.
    fn key_retention(&self) -> Span;

    /// Whether a delivery comes from the provider, for this account and mode, and which event it is.
    /// `body` is what was received, byte for byte.
    fn verify(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Arrived, Refused>;

    /// What a verified event says. Reads the body alone, so that a stored event can be read again.
    fn interpret(&self, body: &[u8]) -> Result<About, Malformed>;
}
