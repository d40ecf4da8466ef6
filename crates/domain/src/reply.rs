//! What a command answers, as rows. The wire makes JSON of it; the domain knows no JSON of the API.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::rows::{
    ApiKey, Attempt, Booking, Client, Job, Payment, Product, Refund, Review, Slot, Tenant, Unit,
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
