//! The tables, each described once, and the working set that they form.
//!
//! Money is in minor units, with one currency column per row. Instants are microseconds. The
//! history of a row (who moved it, when, from which state) is in `audit`.

mod booking;
mod catalogue;
mod check_in;
mod dispute;
mod ledger;
mod messages;
mod movement;
mod payment;
mod payment_method;
mod payout;
mod provider_customer;
mod reconciliation;
mod resource;
mod schedule;
mod tenancy;

pub use booking::{Booking, BookingItem, Customer};
pub use catalogue::{Product, Slot, StoredPolicy, Unit};
pub use check_in::CheckIn;
pub use dispute::{Dispute, DisputeEvidence, EvidenceTexts};
pub use ledger::{DayBalance, LedgerAccount, LedgerClosing, Posting, Transfer};
pub use messages::{
    Actor, Audit, Delivery, EventFeed, InboundEvent, Job, Lane, Log, Message, Partition, Review, Subject,
    Subscription,
};
pub use movement::{Movement, MovementKind};
pub use payment::{Attempt, AttemptKind, Capture, Failure, FailureCause, NextAction, Payment, Refund};
pub use payment_method::{
    CHECKOUT_PAGE, MANUAL, ManualMethod, PAYMENT_FORM, PIX, PayBy, Payer, PaymentMethod, PaymentRoute, TaxId,
    TaxIdKind,
};
pub use payout::{Beneficiary, FundsRelease, Payout, PayoutMethod};
pub use provider_customer::ProviderCustomer;
pub use reconciliation::{
    AccountReconciliation, Difference, DifferenceKind, Reconciliation, ReconciliationMark,
    ReconciliationStage,
};
pub use resource::{Resource, ResourceDay};
pub use schedule::{Blackout, OpeningHours, Schedule, ScheduleRule};
pub use tenancy::{Account, ApiKey, Client, Key, LateMoney, Mode, Settings, Tenant};

/// Takes a row of one type. The working set implements it for [`Changes`].
pub trait Put<R> {
    fn put(&mut self, row: R);
}

/// A row that may be deleted after its retention. No other row is ever deleted.
pub trait Removable: crate::working_set::Row {}

crate::working_set! {
    resources resource: Resource,
    resource_days resource_day: ResourceDay,
    tenants tenant: Tenant,
    accounts account: Account,
    subscriptions subscription: Subscription,
    clients client: Client,
    api_keys api_key: ApiKey,
    products product: Product,
    units unit: Unit,
    cancellation_policies cancellation_policy: StoredPolicy,
    blackouts blackout: Blackout,
    beneficiaries beneficiary: Beneficiary,
    keys key: Key,
    customers customer: Customer,
    provider_customers provider_customer: ProviderCustomer,
    schedules schedule: Schedule,
    slots slot: Slot,
    bookings booking: Booking,
    booking_items booking_item: BookingItem of Booking,
    check_ins check_in: CheckIn,
    releases release: FundsRelease,
    payments payment: Payment,
    refunds refund: Refund,
    disputes dispute: Dispute,
    dispute_evidence evidence_row: DisputeEvidence,
    movements movement: Movement,
    account_reconciliations account_reconciliation: AccountReconciliation,
    reconciliations reconciliation: Reconciliation,
    reconciliation_marks reconciliation_mark: ReconciliationMark,
    differences difference: Difference,
    payouts payout: Payout,
    reviews review: Review,
    attempts attempt: Attempt,
    jobs job: Job,
    inbound_events inbound_event: InboundEvent,
    event_feeds event_feed: EventFeed,
    logs log: Log,
    ledger_closings ledger_closing: LedgerClosing,
    ledger_accounts ledger_account: LedgerAccount,
    day_balances day_balance: DayBalance,
    transfers transfer: Transfer,
    postings posting: Posting,
    partitions partition: Partition,
    outbox message: Message,
    inbox delivery: Delivery,
    audit audit_row: Audit,
}
