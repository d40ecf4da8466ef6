//! The calls that a payment provider must support, and the description of what it can do.
//!
//! | call | moves money | repeated under the same key | how an unknown outcome is resolved |
//! |---|---|---|---|
//! | `create`, in two steps | no | makes no second object | not needed: nothing can move |
//! | `create`, in one step | captures or authorises it | makes no second object | `find` by our reference |
//! | `confirm` | captures or authorises it | the first reply again | `fetch` of the object, whose id was committed before |
//! | `capture` | captures what is authorised | the first reply again | `fetch` |
//! | `cancel` | voids what is authorised | the first reply again | `fetch`; only it proves that nothing moved |
//! | `refund` | returns it | the first reply again | `fetch_refund`, or `refunds_of` if the id was lost |
//!
//! "The same key" holds for [`Capabilities::key_retention`] and no longer: after it, a call that moves
//! money must not be repeated. "The first reply" may be an error of the provider
//! ([`CallOutcome::Unknown`] with `key_spent`). Then the call needs another key, and a call that
//! moves money may get one only after a look-up has shown that nothing moved.
//!
//! Whoever makes these calls reads [`Capabilities`], and never a provider's name.

use std::{
    collections::BTreeMap,
    future::{Future, ready},
    pin::Pin,
};

use domain::{
    AttemptId, BookingId, Money, PaymentId, RefundId, TenantId, Timestamp,
    provider::{CallOutcome, Observation, PaymentAtProvider, RefundAtProvider, RefundObservation},
    rows::{Capture, FailureCause, Payer, PaymentMethod},
    time::Span,
};

use crate::webhook::{EventContent, MalformedEvent, VerifiedEvent, WebhookHead, WebhookRefused};

/// The outcome of a call. Boxed, so that a server can hold adapters of several providers.
pub type CallFuture<'a, T> = Pin<Box<dyn Future<Output = CallOutcome<T>> + Send + 'a>>;

/// What a provider can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    pub creation: Creation,
    /// How long after its first use a key may be used again: the provider's own retention of
    /// idempotency keys minus a margin.
    pub key_retention: Span,
    /// Whether a refund carries our reference, so that one whose reply was lost can be recognised.
    pub refunds_carry_reference: bool,
    pub listing: ListedByTime,
}

/// What a provider lists of an account, by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListedByTime {
    /// The payments and the refunds that were made within the time. A payment that was made before it and
    /// captured within it is not shown.
    Made,
    /// The payments that were made or changed within the time, each with its refunds. A refund has no time of
    /// its own.
    MadeAndChanged,
    /// Nothing. Only our own payments are compared, by the provider's ids.
    Nothing,
}

/// How a payment is created at a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    /// `create` makes an object that moves no money; `confirm` moves it.
    TwoSteps,
    /// `create` moves the money. So the attempt is committed as sent before it, and an object whose
    /// id was lost is found by our reference.
    OneStep,
}

/// A payment to make at the provider. The same order always becomes the same bytes: a provider
/// refuses a key that comes with other bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentOrder {
    /// The charge attempt; its idempotency keys at the provider are made from this id.
    pub attempt: AttemptId,
    /// The number of the attempt's key.
    pub key_number: i64,
    /// The payment. It is sent as metadata, so that a webhook can be assigned to it.
    pub operation: PaymentId,
    pub booking: Option<BookingId>,
    pub tenant: TenantId,
    pub amount: Money,
    pub capture: Capture,
    pub method: PaymentMethod,
    pub payer: Option<Payer>,
    /// Where the customer's browser returns after 3-D Secure and similar steps.
    pub return_url: Option<String>,
    /// The client's own entries; they never overwrite ours.
    pub metadata: BTreeMap<String, String>,
    /// The client's reference for what is paid.
    pub reference: Option<String>,
}

/// A refund to make at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundOrder {
    pub attempt: AttemptId,
    /// The number of the attempt's key.
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
    /// The number of the attempt's key.
    pub key_number: i64,
    /// The provider's id of the payment's object.
    pub object: &'a str,
}

/// One of a payment's refunds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRefund {
    /// Our id, if the refund carries one. `None`: somebody else made it.
    pub refund: Option<RefundId>,
    pub observation: RefundObservation,
}

/// Events as the provider's API lists them, which proves that they are authentic. Newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventPage {
    pub events: Vec<VerifiedEvent>,
    /// The cursor of the next page, if there is one.
    pub next: Option<String>,
}

/// A page of what a provider lists of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedPage {
    pub payments: Vec<PaymentAtProvider>,
    pub refunds: Vec<RefundAtProvider>,
    /// The cursor of the next page, if there is one. A page may be empty and have a next one.
    pub next: Option<String>,
}

/// A call that a provider's [`Capabilities`], or its events, leave out.
fn not_offered<'a, T: Send + 'a>() -> CallFuture<'a, T> {
    let code = "not_offered_by_provider".to_owned();
    Box::pin(ready(CallOutcome::Refused { code, cause: FailureCause::OurRequest, object: None }))
}

/// One account at a payment provider.
pub trait Provider: Send + Sync {
    /// As in `payments.provider` and in the path of its webhooks.
    fn name(&self) -> &'static str;

    fn capabilities(&self) -> Capabilities;

    /// Creates the provider's object. In two steps it is unconfirmed, and no money can move.
    fn create<'a>(&'a self, order: &'a PaymentOrder) -> CallFuture<'a, Observation>;

    /// Captures or authorises the money, in two steps. To be called only once the object's id is committed.
    fn confirm<'a>(&'a self, _order: &'a PaymentOrder, _object: &'a str) -> CallFuture<'a, Observation> {
        not_offered()
    }

    /// The current object. [`CallOutcome::Refused`] with `resource_missing` disproves nothing while
    /// a `create` is in flight.
    fn fetch<'a>(&'a self, object: &'a str) -> CallFuture<'a, Observation>;

    /// In one step: the object of a payment whose id was lost, by our reference. `None` disproves
    /// nothing while a `create` is in flight.
    fn find(&self, _payment: PaymentId) -> CallFuture<'_, Option<Observation>> {
        not_offered()
    }

    /// Captures what is authorised, or a part of it; the rest is released.
    fn capture<'a>(&'a self, action: ObjectCall<'a>, amount: Money) -> CallFuture<'a, Observation>;

    /// Ends the object: what is authorised is released, and no money can move any more.
    fn cancel<'a>(&'a self, action: ObjectCall<'a>) -> CallFuture<'a, Observation>;

    fn refund<'a>(&'a self, refund: &'a RefundOrder) -> CallFuture<'a, RefundObservation>;

    /// All refunds of a payment's object. A refund that is missing here may still be in flight.
    fn refunds_of<'a>(&'a self, object: &'a str) -> CallFuture<'a, Vec<ListedRefund>>;

    /// The current refund of a payment's object, by the provider's ids.
    fn fetch_refund<'a>(
        &'a self,
        payment_object: &'a str,
        object: &'a str,
    ) -> CallFuture<'a, RefundObservation>;

    /// Events of the relevant kinds by their time; `page` is the cursor from the page before.
    fn events<'a>(
        &'a self,
        from: Timestamp,
        before: Timestamp,
        page: Option<&'a str>,
    ) -> CallFuture<'a, EventPage>;

    /// The account's payments and refunds of this time, as [`Capabilities::listing`] says, page by page; `page`
    /// is the cursor from the page before. `before` is not included. An object may be on several pages.
    fn listed<'a>(
        &'a self,
        _from: Timestamp,
        _before: Timestamp,
        _page: Option<&'a str>,
    ) -> CallFuture<'a, ListedPage> {
        not_offered()
    }

    /// What an object shows now, as events to store. An event that only names its object
    /// ([`EventContent::Fetch`]) becomes these.
    fn fetch_events<'a>(&'a self, _object: &'a str) -> CallFuture<'a, Vec<VerifiedEvent>> {
        not_offered()
    }

    /// Whether a delivery is signed in the right form. The body of any other need not be read.
    fn check_head(&self, head: WebhookHead<'_>) -> Result<(), WebhookRefused>;

    /// Verifies that a delivery comes from the provider for this account and mode, and returns its
    /// events. `body` is the received body, byte for byte.
    fn verify(
        &self,
        head: WebhookHead<'_>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Vec<VerifiedEvent>, WebhookRefused>;

    /// What a verified event says. Reads the body alone, so that a stored event can be read again.
    fn interpret(&self, body: &[u8]) -> Result<EventContent, MalformedEvent>;
}
