//! Events: what happened, delivered to every subscriber.
//!
//! Memory holds forty bytes per event. The object that it shows is in the journal line of the call
//! that caused it; the envelope is rendered around it when needed.

use serde::{Deserialize, Serialize};

use crate::{ids, journal::LineSpan, line::JournalRecord, snapshot::SnapshotView, stripe::version};

macro_rules! kinds {
    ($($kind:ident = $name:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Kind { $(#[serde(rename = $name)] $kind,)* }

        impl Kind {
            pub fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }
        }
    };
}

kinds! {
    IntentCreated = "payment_intent.created",
    IntentRequiresAction = "payment_intent.requires_action",
    IntentProcessing = "payment_intent.processing",
    IntentCapturable = "payment_intent.amount_capturable_updated",
    IntentSucceeded = "payment_intent.succeeded",
    IntentFailed = "payment_intent.payment_failed",
    IntentCanceled = "payment_intent.canceled",
    ChargeSucceeded = "charge.succeeded",
    ChargeFailed = "charge.failed",
    ChargeCaptured = "charge.captured",
    ChargeRefunded = "charge.refunded",
    ChargeExpired = "charge.expired",
    ChargeRefundUpdated = "charge.refund.updated",
    DisputeCreated = "charge.dispute.created",
    DisputeUpdated = "charge.dispute.updated",
    DisputeFundsWithdrawn = "charge.dispute.funds_withdrawn",
    DisputeFundsReinstated = "charge.dispute.funds_reinstated",
    DisputeClosed = "charge.dispute.closed",
    TransferCreated = "transfer.created",
    TransferReversed = "transfer.reversed",
    RefundCreated = "refund.created",
    RefundUpdated = "refund.updated",
    RefundFailed = "refund.failed",
    CustomerCreated = "customer.created",
    CustomerDeleted = "customer.deleted",
    MethodAttached = "payment_method.attached",
    MethodDetached = "payment_method.detached",
    PaymentCreated = "payment.created",
    PaymentUpdated = "payment.updated",
    PixReceived = "pix.received",
    PixReturned = "pix.returned",
    ChargebackCreated = "chargeback.created",
    ChargebackUpdated = "chargeback.updated",
}

/// An event as its journal line stores it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct JournaledEvent {
    pub number: u64,
    pub kind: Kind,
    /// Position among the line's snapshots.
    pub snapshot: usize,
}

/// An event as it is stored in memory.
#[derive(Clone, Copy, Debug)]
pub struct StoredEvent {
    pub number: u64,
    pub kind: Kind,
    /// Unix seconds.
    pub created: i64,
    pub place: LineSpan,
    /// How many endpoints subscribe to it and have not received it yet.
    pub pending: u8,
}

#[derive(Serialize)]
struct Envelope<'a> {
    id: String,
    object: &'static str,
    api_version: &'a str,
    created: i64,
    data: Data<'a>,
    livemode: bool,
    pending_webhooks: u8,
    request: EventCause<'a>,
    r#type: &'static str,
}

#[derive(Serialize)]
struct Data<'a> {
    object: SnapshotView<'a>,
}

#[derive(Serialize)]
struct EventCause<'a> {
    id: Option<&'a str>,
    idempotency_key: Option<&'a str>,
}

/// Renders the event from its journal line, as an account sees it. A line without the event means
/// that the journal is broken.
pub fn render(salt: &str, kept: StoredEvent, line: &JournalRecord) -> Option<Vec<u8>> {
    render_as(version::DEFAULT.name(), salt, kept, line)
}

/// As `render`, for an endpoint that requested a version. The shapes are still those of the newest
/// version.
pub fn render_as(api_version: &str, salt: &str, kept: StoredEvent, line: &JournalRecord) -> Option<Vec<u8>> {
    let noted = line.events.iter().find(|event| event.number == kept.number)?;
    let call = line.call.as_ref();
    let envelope = Envelope {
        id: ids::name("evt", salt, kept.number),
        object: "event",
        api_version,
        created: kept.created,
        data: Data { object: line.snapshots.get(noted.snapshot)?.view() },
        livemode: false,
        pending_webhooks: kept.pending,
        request: EventCause {
            id: call.map(|call| &*call.request),
            idempotency_key: call.and_then(|call| call.key.as_deref()),
        },
        r#type: kept.kind.name(),
    };
    serde_json::to_vec(&envelope).ok()
}
