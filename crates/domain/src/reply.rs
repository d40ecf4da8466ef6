//! What a command answers, as rows. The wire makes JSON of it; the domain knows no JSON of the API.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::ids::MessageId;
use crate::rows::{
    ApiKey, Attempt, Booking, Client, Delivery, InboundEvent, Job, Message, Payment, Product, Refund, Review,
    Slot, Tenant, Unit,
};

#[derive(Clone, Debug, Default)]
pub enum Reply {
    /// Nothing to show: the system's own work.
    #[default]
    Done,
    Product(Box<(Product, Vec<Unit>)>),
    /// The slots and their product's time zone.
    Slots(Vec<Slot>, String),
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
    Started(Box<Claimed>),
    /// Jobs that a worker now holds, with what they drive. Never stored.
    Claimed(Vec<Claimed>),
    /// What the driver of an attempt is to do next. Never stored.
    Proceed(bool),
    /// How many rows a sweep moved. Never stored.
    Swept(usize),
    /// Partitions that a relay now holds, and how many it waits for. Never stored.
    Partitions {
        claimed: Vec<ClaimedPartition>,
        to_come: usize,
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
    },
    /// Where a message is at a consumer. Never stored.
    Delivery(DeliveryIs),
    /// A dead letter, as a person left it.
    DeadLetter(Box<DeadLetter>),
}

/// A booking with what its page shows beside it.
#[derive(Clone, Debug)]
pub struct BookingReply {
    pub booking: Booking,
    pub slot: Slot,
    pub time_zone: String,
}

/// A job under a worker's lease, and what it works on.
#[derive(Clone, Debug)]
pub struct Claimed {
    pub job: Job,
    pub attempt: Attempt,
    pub payment: Payment,
    pub refund: Option<Refund>,
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
pub enum DeliveryIs {
    /// Counted: the handler may start.
    Begun,
    /// It is tried again later.
    Waiting,
    /// Its effect is committed, or a person decided that it has none.
    Received,
    Dead,
}

/// What was given up, of any kind, with what it takes to judge it.
#[derive(Clone, Debug, PartialEq)]
pub enum DeadLetter {
    Job { job: Job, attempt: Attempt },
    Event(InboundEvent),
    Message { delivery: Delivery, message: Message },
}
