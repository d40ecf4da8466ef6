//! The outside form of rows: one file per resource. Each view is built from rows by `of`, and a
//! client can parse it.

mod account;
mod api_key;
mod booking;
mod breaker;
mod cancellation;
mod check_in;
mod dead_letter;
mod dispute;
mod event;
mod history;
mod ledger;
mod list;
mod movement;
mod payment;
mod payout;
mod product;
mod quote;
mod reconciliation;
mod refund;
mod resource;
mod review;
mod saved_method;
mod schedule;
mod settings;
mod slot;
mod tax;

use std::collections::BTreeMap;

pub use account::ProviderAccount;
pub use api_key::{ApiKey, ShownApiKey};
pub use booking::{Booking, BookingDetail, BookingItem, BookingSlot, Customer, PAYMENT_STATUSES};
pub use breaker::{BREAKER_STATES, Breaker};
pub use cancellation::{CancellationLine, CancellationPolicy, CancellationQuote, ReturnedMoney, Tier};
pub use check_in::{
    BookingTicket, CheckIn, ManifestEntry, ManifestItem, PublicKey, ScannedTicket, TicketKeys,
};
pub use dead_letter::{DEAD_LETTER_KINDS, DeadLetter};
pub use dispute::{Dispute, DisputeEvidence};
pub use event::Event;
pub use history::HistoryEntry;
pub use ledger::{AccountStatement, LedgerAccount, LedgerClosing, Posting, StatementPosting, Transfer};
pub use list::Page;
pub use movement::Movement;
pub use payment::{NextAction, Payment};
pub use payout::{
    Beneficiary, Payout, Portion, Release, Share, Split, Statement, StatementBalance, StatementMovement,
};
pub use product::{Product, Unit};
pub use quote::{Quote, QuoteLine, QuotedSlot};
pub use reconciliation::{Difference, Reconciliation};
pub use refund::Refund;
pub use resource::{CalendarEntry, Closure, Requirement, Resource};
pub use review::{ReviewCase, ReviewCaseDetail, TimelineEntry};
pub use saved_method::{RemovedPaymentMethod, SavedCard, SavedPaymentMethod, SavedPaymentMethods};
pub use schedule::{
    Blackout, BlackoutDetail, OpeningHours, Schedule, ScheduleDetail, ScheduleRule, SlotWithBookings,
};
pub use settings::Settings;
pub use slot::Slot;
pub use tax::{ProductTax, Tax};

/// A client's own notes on a resource.
pub type Metadata = BTreeMap<String, String>;
