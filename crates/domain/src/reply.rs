//! The replies of commands, as rows. The API makes JSON of them; the domain knows no JSON of the API.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use uuid::Uuid;

use crate::availability::Availability;
use crate::ids::{MessageId, TenantId};
use crate::lifecycle::State as _;
use crate::rows::{
    ApiKey, Attempt, Beneficiary, Blackout, Booking, BookingItem, CheckIn, Client, Delivery, Difference,
    Dispute, InboundEvent, Job, LedgerClosing, Message, Payment, Payout, Product, Reconciliation, Refund,
    Resource, Review, Schedule, Slot, Tenant, Unit,
};
use crate::time::Timestamp;

#[derive(Clone, Debug, Default)]
pub enum Reply {
    /// The system's own work has nothing to show.
    #[default]
    Done,
    Product(Box<(Product, Vec<Unit>)>),
    Slots(Box<SlotsReply>),
    Schedule(Box<ScheduleReply>),
    Blackout(Box<BlackoutReply>),
    /// A resource that was created or changed.
    Resource(Box<Resource>),
    /// A booking that this request made.
    Booking(Box<BookingReply>),
    /// A booking that this request changed (extended, cancelled, completed).
    BookingChanged(Box<BookingReply>),
    CheckIn(Box<CheckInReply>),
    /// A payment that this request made.
    Payment(Box<Payment>),
    /// A payment that this request changed (captured, cancelled).
    PaymentChanged(Box<Payment>),
    Refund(Box<Refund>),
    Review(Box<Review>),
    /// A dispute for which evidence is being submitted.
    Dispute(Box<Dispute>),
    Beneficiary(Box<Beneficiary>),
    BeneficiaryChanged(Box<Beneficiary>),
    /// A payout that a person recorded.
    Payout(Box<Payout>),
    /// A payout that is being taken back (202).
    PayoutReversal(Box<Payout>),
    /// A tenant with its settings.
    Tenant(Box<Tenant>),
    /// How far a tenant's ledger is closed.
    LedgerClosing(Box<LedgerClosing>),
    /// An API key and its client.
    ApiKey(Box<(ApiKey, Client)>),
    /// Work at a provider was begun and is not finished (202). It is shown as its refund if it has
    /// one, else as its payment. With a lease the server that got the request works on the job.
    Started(Box<AttemptJob>),
    /// Jobs that a worker now holds. Never stored.
    Claimed(Vec<ClaimedJob>),
    /// Whether to process the event. Never stored.
    Proceed(bool),
    /// The number of the provider's key for the call. `None` if the call must not be sent. Never stored.
    Send(Option<i64>),
    /// The mark from which to read an account's events. `None` if no read is due. Never stored.
    Feed(Option<FeedClaim>),
    /// How many rows a sweep moved. Never stored.
    Swept(usize),
    /// Partitions that a relay now holds, and how many it waits for. Never stored.
    Partitions {
        claimed: Vec<ClaimedPartition>,
        to_come: usize,
        /// The time that the ages of messages are measured by. On PostgreSQL it is the database's.
        at: Timestamp,
    },
    /// How many messages a relay marked, and the numbers of partitions. Never stored.
    Marked {
        marked: usize,
        /// Another relay has them.
        lost: Vec<i64>,
        released: Vec<i64>,
    },
    /// How many messages were found received, and which must be published again. Never stored.
    Settled {
        settled: usize,
        again: Vec<MessageId>,
        at: Timestamp,
    },
    /// The state of a delivery. Never stored.
    Delivery(DeliveryStatus),
    /// A dead letter after a person's decision.
    DeadLetter(Box<DeadLetter>),
    /// A reconciliation that was started.
    Reconciliation(Box<Reconciliation>),
    /// A difference after a person's decision.
    Difference(Box<Difference>),
}

/// Slots of one product with their availability.
#[derive(Clone, Debug)]
pub struct SlotsReply {
    pub slots: Vec<OfferedSlot>,
    pub time_zone: String,
}

/// A slot with what can be reserved of it.
#[derive(Clone, Debug)]
pub struct OfferedSlot {
    pub slot: Slot,
    pub vacancies: i64,
    pub availability: Availability,
}

/// A schedule that was created or changed.
#[derive(Clone, Debug)]
pub struct ScheduleReply {
    pub schedule: Schedule,
    /// The product's.
    pub time_zone: String,
    /// Only after a change.
    pub kept: Option<SlotsWithBookings>,
}

/// A blackout that was added or ended.
#[derive(Clone, Debug)]
pub struct BlackoutReply {
    pub blackout: Blackout,
    /// The product's.
    pub time_zone: String,
    /// Only after it was added.
    pub kept: Option<SlotsWithBookings>,
}

/// Slots that a schedule would not have like this, and that stay as they are because they have bookings.
#[derive(Clone, Debug, Default)]
pub struct SlotsWithBookings {
    pub count: i64,
    /// The first of them.
    pub slots: Vec<Slot>,
}

/// A booking with the items that its view shows.
#[derive(Clone, Debug)]
pub struct BookingReply {
    pub booking: Booking,
    /// In the order in which they were reserved.
    pub items: Vec<ItemReply>,
}

/// A ticket that was scanned, or whose check-in was undone.
#[derive(Clone, Debug)]
pub struct CheckInReply {
    pub check_in: CheckIn,
    /// Only after a scan: whether an earlier one counted already.
    pub already_checked_in: Option<bool>,
}

/// An item of a booking with its slot.
#[derive(Clone, Debug)]
pub struct ItemReply {
    pub item: BookingItem,
    pub slot: Slot,
    /// The product's.
    pub time_zone: String,
}

impl BookingReply {
    /// The seats that all items take together.
    pub fn seats(&self) -> i64 {
        self.items.iter().map(|shown| shown.item.seats).sum()
    }
}

/// A job under a worker's lease.
#[derive(Clone, Debug)]
pub enum ClaimedJob {
    /// With the rows that the claim has locked.
    Attempt(Box<AttemptJob>),
    /// Its handler reads the other rows.
    Standalone(Box<Job>),
}

impl ClaimedJob {
    pub fn job(&self) -> &Job {
        match self {
            ClaimedJob::Attempt(attempt) => &attempt.job,
            ClaimedJob::Standalone(job) => job,
        }
    }
}

/// The job of an attempt with its rows.
#[derive(Clone, Debug)]
pub struct AttemptJob {
    pub job: Job,
    pub attempt: Attempt,
    pub payment: Payment,
    pub refund: Option<Refund>,
    /// Only a charge before its first call: a reconciliation may have found the payment's object already, so
    /// the differences are read first.
    pub may_be_found: bool,
}

/// Permission to read an account's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedClaim {
    pub token: i64,
    /// Every earlier event is stored.
    pub read_until: Timestamp,
}

/// A partition under a relay's lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimedPartition {
    pub number: i64,
    pub token: i64,
    /// The lease of the holder before lapsed: one of its messages may have killed it.
    pub left_behind: bool,
    /// No other relay had the partition since this one had it last.
    pub again: bool,
}

/// The state of a delivery, as its consumer needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// The attempt is counted, and the handler may start.
    Begun {
        attempts: i64,
    },
    /// The next attempt is later.
    Waiting,
    /// The effect is committed, or a person decided that there is none.
    Received,
    Dead,
}

/// A dead row of any kind, with the rows that a person needs to decide on it.
#[derive(Clone, Debug, PartialEq)]
pub enum DeadLetter {
    Job {
        job: Job,
        /// `None` for a job of another kind.
        attempt: Option<Attempt>,
    },
    Event(InboundEvent),
    Message {
        delivery: Delivery,
        message: Message,
    },
}

impl DeadLetter {
    pub fn id(&self) -> Uuid {
        match self {
            DeadLetter::Job { job, .. } => job.id.0,
            DeadLetter::Event(event) => event.id.0,
            DeadLetter::Message { delivery, .. } => delivery.id.0,
        }
    }

    pub fn tenant(&self) -> TenantId {
        match self {
            DeadLetter::Job { job, .. } => job.tenant,
            DeadLetter::Event(event) => event.tenant,
            DeadLetter::Message { delivery, .. } => delivery.tenant,
        }
    }

    /// The state: dead, until a person decides.
    pub fn state(&self) -> &'static str {
        match self {
            DeadLetter::Job { job, .. } => job.state.name(),
            DeadLetter::Event(event) => event.state.name(),
            DeadLetter::Message { delivery, .. } => delivery.state.name(),
        }
    }

    pub fn attempts(&self) -> i64 {
        match self {
            DeadLetter::Job { job, .. } => job.attempts,
            DeadLetter::Event(event) => event.attempts,
            DeadLetter::Message { delivery, .. } => delivery.attempts,
        }
    }

    /// Why it was given up.
    pub fn reason(&self) -> &str {
        let reason = match self {
            DeadLetter::Job { job, .. } => &job.last_error,
            DeadLetter::Event(event) => &event.outcome,
            DeadLetter::Message { delivery, .. } => &delivery.last_error,
        };
        reason.as_deref().unwrap_or_default()
    }

    pub fn created_at(&self) -> Timestamp {
        match self {
            DeadLetter::Job { job, .. } => job.created_at,
            DeadLetter::Event(event) => event.received_at,
            DeadLetter::Message { message, .. } => message.created_at,
        }
    }

    /// When it was given up, or moved since.
    pub fn moved_at(&self) -> Timestamp {
        match self {
            DeadLetter::Job { job, .. } => job.updated_at,
            DeadLetter::Event(event) => event.processed_at.unwrap_or(event.received_at),
            DeadLetter::Message { delivery, .. } => delivery.updated_at,
        }
    }
}
