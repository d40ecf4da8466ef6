//! The calls that a payment provider must support, and the description of what it can do.
//!
//! | call | moves money | repeated under the same key | how an unknown outcome is resolved |
//! |---|---|---|---|
//! | `create`, in two steps | no | makes no second object | not needed: nothing can move |
//! | `create`, in one step | captures or authorises it | makes no second object | `find` by our reference |
//! | `confirm` | captures or authorises it | the first reply again | `fetch` of the object, whose id was committed before |
//! | `capture` | captures what is authorised | the first reply again | `fetch` |
//! | `cancel` | voids what is authorised | the first reply again | `fetch`; only it proves that nothing moved |
//! | `transfer` | pays a beneficiary | the first reply again | `fetch_transfer`, or `transfers_of` if the id was lost |
//! | `reverse_transfer` | takes it back | the first reply again | `fetch_transfer`, which shows our reversals by number |
//! | `refund` | returns it | the first reply again | `fetch_refund`, or `refunds_of` if the id was lost |
//! | `create_customer` | no | makes no second customer | not needed: its id is committed before its first use |
//! | `detach_method` | no | the first reply again | `saved_method`; a call under another key moves nothing either |
//! | `submit_evidence` | no | the first reply again | `fetch_dispute` |
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
    AttemptId, BeneficiaryId, BookingId, CustomerId, DisputeEvidenceId, Money, PaymentId, PayoutId,
    ProviderCustomerId, RefundId, TenantId, Timestamp,
    provider::{
        CallOutcome, DisputeObservation, FeeAtProvider, Observation, PaymentAtProvider, RefundAtProvider,
        RefundObservation, TransferAnswer, TransferAtProvider, TransferObservation,
    },
    rows::{Capture, EvidenceTexts, FailureCause, Payer, PaymentMethod},
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
    pub listing: ListedObjects,
    /// Whether the provider itself ends an object that the customer did not pay in time. If not, it shows
    /// as payable, and whoever drives the payment cancels it.
    pub ends_expired_objects: bool,
    pub payouts: Payouts,
    /// Whether payment methods can be saved for a customer, and charged while the customer is absent. Only
    /// where a payment is created in two steps: its customer is made before anything can move money.
    pub saved_methods: bool,
}

/// What a provider lists of an account, by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListedObjects {
    /// The payments, the refunds, the transfers and the fees that were made within the time. A payment that was
    /// made before it and captured within it is not shown.
    Made,
    /// The payments that were made or changed within the time, each with its refunds. A refund has no time of
    /// its own.
    MadeAndChanged,
    /// Nothing. Only our own payments are compared, by the provider's ids.
    Nothing,
}

/// How a beneficiary can be paid through a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payouts {
    /// Not at all: a person pays.
    None,
    /// By a transfer to the beneficiary's own account at the provider. It carries our payout's id, and is
    /// found by its booking.
    Transfers,
}

/// How a payment is created at a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    /// `create` makes an object that moves no money; `confirm` moves it.
    TwoSteps,
    /// `create` moves the money, or lets the customer move it. So the attempt is committed as sent
    /// before it, and an object whose id was lost is found by our reference.
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
    /// The provider's id of the customer whose saved payment methods it may use, or adds to.
    pub customer: Option<String>,
    /// The payment method is saved for the customer once it has paid.
    pub saves_method: bool,
    /// The customer is absent and cannot authenticate: a bank that requires it declines.
    pub off_session: bool,
    /// The provider's API that it is made by, as [`Provider::api`] named it before the first call.
    pub api: Option<String>,
    /// When the payment was made here. A search that needs a time begins before it: the database may have been
    /// restored since the object was made.
    pub made_at: Timestamp,
}

/// A customer to make at the provider, to save payment methods for. The order has no personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerOrder {
    /// The provider's idempotency keys are made from this id, which stands for the account and the customer.
    pub id: ProviderCustomerId,
    /// The version of our row: a customer that the provider has lost is made again, as another one.
    pub version: i64,
    /// The number of the key.
    pub key_number: i64,
    pub tenant: TenantId,
    pub customer: CustomerId,
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
    /// The incoming payments of the object whose money is refunded, if it can have several. Money of others is
    /// in suspense, and no refund's.
    pub counted: Vec<String>,
}

/// A transfer to make to a beneficiary's account at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferOrder {
    /// The provider's idempotency keys are made from this id.
    pub payout: PayoutId,
    pub key_number: i64,
    pub booking: BookingId,
    pub beneficiary: BeneficiaryId,
    pub tenant: TenantId,
    pub amount: Money,
    /// The beneficiary's account.
    pub destination: String,
}

/// A transfer to take back, all of it or a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferReversalOrder {
    /// The provider's idempotency keys are made from this id and the number of the reversal.
    pub payout: PayoutId,
    pub number: i64,
    pub key_number: i64,
    /// The provider's id of the transfer.
    pub object: String,
    pub amount: Money,
}

/// One of a booking's transfers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedTransfer {
    /// Our id, if the transfer carries one. `None`: somebody else made it.
    pub payout: Option<PayoutId>,
    pub observation: TransferObservation,
}

/// A call on an object of the provider.
#[derive(Clone, Copy, Debug)]
pub struct ObjectCall<'a> {
    pub attempt: AttemptId,
    /// The number of the attempt's key.
    pub key_number: i64,
    /// The provider's id of the object.
    pub object: &'a str,
}

/// Evidence to submit for a dispute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceOrder {
    pub evidence: DisputeEvidenceId,
    /// The number of the key.
    pub key_number: i64,
    /// The provider's id of the dispute.
    pub object: String,
    pub texts: EvidenceTexts,
}

/// One of a payment's refunds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRefund {
    /// Our id, if the refund carries one. `None`: somebody else made it.
    pub refund: Option<RefundId>,
    pub observation: RefundObservation,
}

/// A payment method as the provider has it. It shows nothing that could be charged elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedMethod {
    /// The provider's id, which a later payment takes as its payment method.
    pub object: String,
    /// The provider's id of the customer it is attached to. `None`: it was detached, or never attached.
    pub customer: Option<String>,
    /// The provider's word for the way to pay, such as `card`.
    pub kind: String,
    pub card: Option<SavedCard>,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedCard {
    pub brand: String,
    pub last_digits: String,
    pub expiry_month: i64,
    pub expiry_year: i64,
}

/// The newest methods of a customer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavedMethods {
    pub methods: Vec<SavedMethod>,
    /// The customer has older ones besides.
    pub has_more: bool,
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
    /// What the provider kept of payments. Fees of other things than a payment are left out.
    pub fees: Vec<FeeAtProvider>,
    /// Only of a provider that makes transfers ([`Capabilities::payouts`]).
    pub transfers: Vec<TransferAtProvider>,
    /// The cursor of the next page, if there is one. A page may be empty and have a next one.
    pub next: Option<String>,
}

/// The code of a refused `create` or `saved_methods` whose customer the provider does not have any more.
pub const CUSTOMER_IS_MISSING: &str = "customer_not_found_at_provider";

/// A call that a provider's [`Capabilities`], or its events, leave out.
pub fn not_offered<'a, T: Send + 'a>() -> CallFuture<'a, T> {
    let code = "not_offered_by_provider".to_owned();
    Box::pin(ready(CallOutcome::Refused { code, cause: FailureCause::OurRequest, object: None }))
}

/// One account at a payment provider.
pub trait Provider: Send + Sync {
    /// As in `payments.provider` and in the path of its webhooks.
    fn name(&self) -> &'static str;

    fn capabilities(&self) -> Capabilities;

    /// The API that a payment of this method is made by from now on, where the provider has several. Committed
    /// before the first call: each repetition of it, and each look-up of an object whose id was lost, goes to
    /// the same one, whatever the account's settings are by then. An object's id says which API it is of.
    fn api(&self, _method: &PaymentMethod) -> Option<&'static str> {
        None
    }

    /// Creates the provider's object. In two steps it is unconfirmed, and no money can move.
    fn create<'a>(&'a self, order: &'a PaymentOrder) -> CallFuture<'a, Observation>;

    /// Makes a customer, to save payment methods for, and returns the provider's id.
    fn create_customer<'a>(&'a self, _order: &'a CustomerOrder) -> CallFuture<'a, String> {
        not_offered()
    }

    /// The newest payment methods that are attached to a customer, by the provider's id of the customer.
    fn saved_methods<'a>(&'a self, _customer: &'a str) -> CallFuture<'a, SavedMethods> {
        not_offered()
    }

    /// The current payment method, whomever it is attached to. `None`: the account has no such one.
    fn saved_method<'a>(&'a self, _object: &'a str) -> CallFuture<'a, Option<SavedMethod>> {
        not_offered()
    }

    /// Detaches a payment method from its customer: it cannot be charged any more.
    fn detach_method<'a>(&'a self, _action: ObjectCall<'a>) -> CallFuture<'a, SavedMethod> {
        not_offered()
    }

    /// Captures or authorises the money, in two steps. To be called only once the object's id is committed.
    fn confirm<'a>(&'a self, _order: &'a PaymentOrder, _object: &'a str) -> CallFuture<'a, Observation> {
        not_offered()
    }

    /// The current object. [`CallOutcome::Refused`] with `resource_missing` disproves nothing while
    /// a `create` is in flight.
    fn fetch<'a>(&'a self, object: &'a str) -> CallFuture<'a, Observation>;

    /// In one step: the object of an order whose id was lost, by our reference. `None` disproves
    /// nothing while a `create` is in flight.
    fn find<'a>(&'a self, _order: &'a PaymentOrder) -> CallFuture<'a, Option<Observation>> {
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

    /// Submits evidence for a dispute to the bank, which reads evidence once.
    fn submit_evidence<'a>(&'a self, _order: &'a EvidenceOrder) -> CallFuture<'a, DisputeObservation> {
        not_offered()
    }

    /// The current dispute, by the provider's id.
    fn fetch_dispute<'a>(&'a self, _object: &'a str) -> CallFuture<'a, DisputeObservation> {
        not_offered()
    }

    /// Pays a beneficiary.
    fn transfer<'a>(&'a self, _order: &'a TransferOrder) -> CallFuture<'a, TransferAnswer> {
        not_offered()
    }

    /// All transfers of a booking. A transfer that is missing here may still be in flight.
    fn transfers_of(&self, _booking: BookingId) -> CallFuture<'_, Vec<ListedTransfer>> {
        not_offered()
    }

    /// Takes a transfer back, and returns the provider's id of the reversal.
    fn reverse_transfer<'a>(&'a self, _order: &'a TransferReversalOrder) -> CallFuture<'a, String> {
        not_offered()
    }

    fn fetch_transfer<'a>(&'a self, _object: &'a str) -> CallFuture<'a, TransferObservation> {
        not_offered()
    }

    /// Events of the relevant kinds by their time; `page` is the cursor from the page before.
    fn events<'a>(
        &'a self,
        from: Timestamp,
        before: Timestamp,
        page: Option<&'a str>,
    ) -> CallFuture<'a, EventPage>;

    /// The account's payments, refunds, transfers and fees of this time, as [`Capabilities::listing`] says, page by
    /// page; `page` is the cursor from the page before. `before` is not included. An object may be on several
    /// pages.
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
