//! The read side: plain SQL on connections of its own, decoded into the domain's rows.
//!
//! The result of a query may be stale when it returns. Ids that it found go into a command, which
//! decides again under the lock. Every query of a tenant takes the tenant.
//!
//! | file | used by |
//! |---|---|
//! | [`tenancy`] | authentication, webhooks |
//! | [`catalogue`] | the catalogue and the availability of slots |
//! | [`booking`], [`payment`], [`dispute`] | clients and people who read one row, or search |
//! | [`check_in`] | the manifest of a slot, and check-ins |
//! | [`schedule`] | schedules, their slots and blackouts; the timer that makes slots |
//! | [`payout`] | beneficiaries, releases and payouts; the timer that releases funds |
//! | [`history`] | audit, event log, review cases |
//! | [`ledger`] | the ledger's accounts, balances at a time, statements and transfers |
//! | [`work`] | timers, workers |
//! | [`reconciliation`] | runs that compare the provider's books with ours |
//! | [`relay`] | the relay, its sweep and its pruning |
//! | [`retention`] | the timer that prunes the audit |
//! | [`dead_letters`] | people who decide on dead letters |
//! | [`figures`] | metrics, counted from committed rows |
//! | [`check`] | `surehold check`: one statement per invariant |
//!
//! What must never be here: a statement that writes, and the writers' connections.

mod booking;
mod catalogue;
pub mod check;
mod check_in;
mod dead_letters;
mod dispute;
mod due;
mod figures;
mod filter;
mod history;
mod ledger;
mod payment;
mod payout;
mod reader;
mod reconciliation;
mod relay;
mod resource;
mod retention;
mod schedule;
mod tenancy;
mod work;

pub use booking::BookingSearch;
pub use dispute::{DisputeSearch, OpenDisputes};
pub use due::DueJob;
pub use figures::{Backlog, COUNT_MAX, Figures, RowCount, WaitingRows};
pub use filter::Cursor;
pub use history::ReviewSearch;
pub use ledger::{StatementLine, StatementSearch};
pub use payment::PaymentSearch;
pub use payout::PayoutSearch;
pub use reader::{Plans, Queries};
pub use reconciliation::{DifferenceSearch, PaymentRows};
pub use relay::PartitionBacklog;
pub use schedule::DueSchedule;
pub use work::OldRows;
