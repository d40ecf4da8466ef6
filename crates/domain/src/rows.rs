//! The tables, each described once, and the working set that they form.
//!
//! Money stands as minor units beside one currency column a row; instants are microseconds. What a
//! row remembers of the past (who, when, from which state) is in `audit`, not here.

mod booking;
mod catalogue;
mod ledger;
mod messages;
mod movement;
mod payment;
mod tenancy;

pub use booking::{Booking, BookingItem, Customer};
pub use catalogue::{Product, Slot, Unit};
pub use ledger::{LedgerAccount, Posting, Transfer};
pub use messages::{
    Actor, Audit, Delivery, EventFeed, InboundEvent, Job, Lane, Log, Message, Partition, Review, Subject,
    Subscription,
};
pub use movement::{Movement, MovementKind};
pub use payment::{Attempt, AttemptKind, Capture, Failure, FailureCause, NextAction, Payment, Refund};
pub use tenancy::{Account, ApiKey, Client, Key, LateMoney, Mode, Settings, Tenant};

/// Takes a row of one kind; implemented for [`Changes`] by the working set.
pub trait Put<R> {
    fn put(&mut self, row: R);
}

/// A row that may be let go when its time is over. Nothing else is ever removed.
pub trait Removable: crate::working_set::Row {}

crate::working_set! {
    tenants tenant: Tenant,
    accounts account: Account,
    subscriptions subscription: Subscription,
    clients client: Client,
    api_keys api_key: ApiKey,
    products product: Product,
    units unit: Unit,
    keys key: Key,
    customers customer: Customer,
    slots slot: Slot,
    bookings booking: Booking,
    booking_items booking_item: BookingItem of Booking,
    payments payment: Payment,
    refunds refund: Refund,
    movements movement: Movement,
    reviews review: Review,
    attempts attempt: Attempt,
    jobs job: Job,
    inbound_events inbound_event: InboundEvent,
    event_feeds event_feed: EventFeed,
    logs log: Log,
    ledger_accounts ledger_account: LedgerAccount,
    transfers transfer: Transfer,
    postings posting: Posting,
    partitions partition: Partition,
    outbox message: Message,
    inbox delivery: Delivery,
    audit audit_row: Audit,
}
