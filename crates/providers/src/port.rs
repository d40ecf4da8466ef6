//! What is asked of a payment provider.
//!
//! | call | moves money | said again under the same key | what settles a doubt |
//! |---|---|---|---|
//! | `create` | no | makes no second object | not needed: nothing can move |
//! | `confirm` | takes or holds it | the first answer again | `fetch` of the object, committed before |
//! | `capture` | takes what is held | the first answer again | `fetch` |
//! | `cancel` | lets go of what is held | the first answer again | `fetch`; it alone proves that nothing moved |
//! | `refund` | gives it back | the first answer again | `fetch_refund`, or `refunds_of` where the id was lost |
//!
//! "The same key" holds for [`Provider::key_retention`] and no longer: after it a call that moves money
//! must not be said again. "The first answer" may be an error of the provider's own
//! ([`CallOutcome::Unknown`] with `key_spent`): then the call needs another key, and one that moves money may have
//! it only once a look has shown that nothing moved.

use std::{collections::BTreeMap, pin::Pin};

use domain::{
    AttemptId, BookingId, Money, PaymentId, RefundId, TenantId, Timestamp,
    provider::{CallOutcome, Observation, RefundObservation},
    rows::Capture,
    time::Span,
};
use http::HeaderMap;

use crate::webhook::{EventContent, MalformedEvent, VerifiedEvent, WebhookRefused};

/// What became of a call. Boxed, so that a server holds tellers of several providers at once.
pub type CallFuture<'a, T> = Pin<Box<dyn Future<Output = CallOutcome<T>> + Send + 'a>>;

/// A payment as the provider is to make it. The same order always becomes the same bytes: a provider
/// refuses a key that comes back with others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentOrder {
    /// The charge; its idempotency keys at the provider are made from it.
    pub attempt: AttemptId,
    /// Which of its keys.
    pub key_number: i64,
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
    /// Which of its keys.
    pub key_number: i64,
    pub refund: RefundId,
    pub payment: PaymentId,
    /// The provider's id of the payment's object.
    pub object: String,
    pub amount: Money,
    pub reason: Option<String>,
}

/// A call on a payment's object.
#[derive(Clone, Copy, Debug)]
pub struct ObjectCall<'a> {
    pub attempt: AttemptId,
    /// Which of its keys.
    pub key_number: i64,
    /// The provider's id of the payment's object.
    pub object: &'a str,
}

/// A refund among those of a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRefund {
    /// Ours, as it carries it. `None`: made by somebody else.
    pub refund: Option<RefundId>,
    pub observation: RefundObservation,
}

/// Events as the provider lists them, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventPage {
    pub events: Vec<ListedEvent>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

/// An event that proved to be the provider's by where it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedEvent {
    pub arrived: VerifiedEvent,
    /// As a webhook would bring it.
    pub body: Vec<u8>,
}

/// One account at a payment provider.
pub trait Provider: Send + Sync {
    /// As in `payments.provider` and in the path of its webhooks.
    fn name(&self) -> &'static str;

    /// Makes the provider's object, unconfirmed: no money can move.
    fn create<'a>(&'a self, order: &'a PaymentOrder) -> CallFuture<'a, Observation>;

    /// Takes the money, or holds it. To be called only once the object's id is committed.
    fn confirm<'a>(&'a self, order: &'a PaymentOrder, object: &'a str) -> CallFuture<'a, Observation>;

    /// The object as it is now. [`CallOutcome::Refused`] with `resource_missing` disproves nothing while a
    /// `create` is in flight.
    fn fetch<'a>(&'a self, object: &'a str) -> CallFuture<'a, Observation>;

    /// Takes what is held, or a part of it: what is left is let go.
    fn capture<'a>(&'a self, action: ObjectCall<'a>, amount: Money) -> CallFuture<'a, Observation>;

    /// Ends the object: what is held is let go, and no money can move any more.
    fn cancel<'a>(&'a self, action: ObjectCall<'a>) -> CallFuture<'a, Observation>;

    fn refund<'a>(&'a self, refund: &'a RefundOrder) -> CallFuture<'a, RefundObservation>;

    /// All refunds of a payment's object. That one is not among them never disproves a call in flight.
    fn refunds_of<'a>(&'a self, object: &'a str) -> CallFuture<'a, Vec<ListedRefund>>;

    /// The refund as it is now, by the provider's id of it.
    fn fetch_refund<'a>(&'a self, object: &'a str) -> CallFuture<'a, RefundObservation>;

    /// Events of the kinds that matter here, by when they came about; `page` as the page before it said.
    fn events<'a>(
        &'a self,
        from: Timestamp,
        before: Timestamp,
        page: Option<&'a str>,
    ) -> CallFuture<'a, EventPage>;

    /// For how long after its first use a call may be said again: the provider's own retention of
    /// idempotency keys less a margin.
    fn key_retention(&self) -> Span;

    /// Whether a delivery is signed at all, in the right form: what is not need not be read.
    fn check_headers(&self, headers: &HeaderMap) -> Result<(), WebhookRefused>;

    /// Whether a delivery comes from the provider, for this account and mode, and which event it is.
    /// `body` is what was received, byte for byte.
    fn verify(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<VerifiedEvent, WebhookRefused>;

    /// What a verified event says. Reads the body alone, so that a stored event can be read again.
    fn interpret(&self, body: &[u8]) -> Result<EventContent, MalformedEvent>;
}
