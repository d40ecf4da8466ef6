//! What a command answers, as rows. The wire makes JSON of it; the domain knows no JSON of the API.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use uuid::Uuid;

use crate::availability::Availability;
use crate::ids::{MessageId, TenantId};
use crate::lifecycle::State as _;
use crate::rows::{
    ApiKey, Attempt, Booking, BookingItem, Client, Delivery, InboundEvent, Job, Message, Payment, Product,
    Refund, Review, Slot, Tenant, Unit,
};
use crate::time::Timestamp;

#[derive(Clone, Debug, Default)]
pub enum Reply {
    /// Nothing to show: the system's own work.
    #[default]
    Done,
    Product(Box<(Product, Vec<Unit>)>),
    Slots(Box<SlotsReply>),
    Booking(Box<BookingReply>),
    /// A payment that this request made.
    Payment(Box<Payment>),
    /// A payment that this request changed (captured, cancelled).
    PaymentChanged(Box<Payment>),
    Refund(Box<Refund>),
    Review(Box<Review>),
    /// A tenant with its settings.
    Tenant(Box<Tenant>),
    /// An API key and whose it is.
    ApiKey(Box<(ApiKey, Client)>),
    /// Work at a provider was begun: shown as its refund, where it has one, else as its payment,
    /// and not finished (202). With a lease the job is the asking server's to drive.
    Started(Box<AttemptJob>),
    /// Jobs that a worker now holds. Never stored.
    Claimed(Vec<ClaimedJob>),
    /// Whether the reader of an event is to go on. Never stored.
    Proceed(bool),
    /// Whether the driver of an attempt may call, and the number of the provider's key to call under. Never
    /// stored.
    Send(Option<i64>),
    /// From where an account's events are to be read; `None`: not now. Never stored.
    Feed(Option<FeedClaim>),
    /// How many rows a sweep moved. Never stored.
    Swept(usize),
    /// Partitions that a relay now holds, and how many it waits for. Never stored.
    Partitions {
        claimed: Vec<ClaimedPartition>,
        to_come: usize,
        /// The time by which messages are young or old: on PostgreSQL the database's.
        at: Timestamp,
    },
    /// What a relay's marks came to: how many messages, and numbers of partitions. Never stored.
    Marked {
        marked: usize,
        /// Another relay has them.
        lost: Vec<i64>,
        handed_back: Vec<i64>,
    },
    /// How many messages were found received, and which must be published again. Never stored.
    Settled {
        settled: usize,
        again: Vec<MessageId>,
        at: Timestamp,
    },
    /// Where a message is at a consumer. Never stored.
    Delivery(DeliveryStatus),
    /// A dead letter, as a person left it.
    DeadLetter(Box<DeadLetter>),
}

/// Slots of one product, as they are offered at this moment.
#[derive(Clone, Debug)]
pub struct SlotsReply {
    pub slots: Vec<(Slot, Availability)>,
    pub time_zone: String,
}

/// A booking with what its page shows beside it.
#[derive(Clone, Debug)]
pub struct BookingReply {
    pub booking: Booking,
    /// In the order in which they were reserved.
    pub items: Vec<ItemReply>,
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
    /// With the rows that the claim locked anyway.
    Attempt(Box<AttemptJob>),
    /// Its handler reads what it needs.
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

/// The job of an attempt, and what it works on.
#[derive(Clone, Debug)]
pub struct AttemptJob {
    pub job: Job,
    pub attempt: Attempt,
    pub payment: Payment,
    pub refund: Option<Refund>,
}

/// Leave to read an account's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedClaim {
    pub token: i64,
    /// Every event that came about before is stored.
    pub read_until: Timestamp,
}

/// A partition under a relay's lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimedPartition {
    pub number: i64,
    pub token: i64,
    /// The lease of the one before lapsed: what it had in its hands may have killed it.
    pub left_behind: bool,
    /// Nobody else had it since this relay had it last.
    pub again: bool,
}

/// Where a message is at a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// Counted: the handler may start.
    Begun {
        attempts: i64,
    },
    /// It is tried again later.
    Waiting,
    /// Its effect is committed, or a person decided that it has none.
    Received,
    Dead,
}

/// What was given up, of any kind, with what it takes to judge it.
#[derive(Clone, Debug, PartialEq)]
pub enum DeadLetter {
    Job {
        job: Job,
        /// Where the job is about one.
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

    /// Where it is now: dead, until somebody decides.
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
