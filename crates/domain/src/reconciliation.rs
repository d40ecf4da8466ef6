//! Reconciliation: what differs between the provider's books, our rows and the ledger. Pure: it compares
//! rows that are given, and changes none.
//!
//! | compared | with | by |
//! |---|---|---|
//! | an object of the provider's list | our payment, refund or payout | the provider's id, then our reference |
//! | our payment, refund or payout | the provider's object, fetched | the provider's id |
//! | a fee of the provider's list | the movements of its payment | what the provider lists it by |
//! | the movements of a payment | the ledger's transfers | the movement's name |
//!
//! A missing object is a difference. It never proves that a call in flight moved nothing: no outcome is
//! decided here.

mod fees;
mod ledger;
mod payments;
mod payouts;
mod refunds;

pub use fees::{FeeComparison, compare_fee};
pub use ledger::{PostedTransfer, compare_ledger};
pub use payments::{compare_payment, missing_payment, without_payment};
pub use payouts::{compare_payout, missing_payout, without_payout};
pub use refunds::{compare_refund, missing_refund, without_refund};

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::fmt;

use crate::ids::{AccountId, DifferenceId, PaymentId, PayoutId};
use crate::money::Money;
use crate::rows::DifferenceKind;
use crate::time::Timestamp;

/// A difference that is not a row yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundDifference {
    pub kind: DifferenceKind,
    /// The provider's id of what differs, or ours if the provider has none.
    pub object: String,
    pub payment: Option<PaymentId>,
    pub payout: Option<PayoutId>,
    pub at_provider: Option<Money>,
    pub here: Option<Money>,
    pub in_ledger: Option<Money>,
    pub detail: String,
    pub object_at: Timestamp,
}

impl FoundDifference {
    /// Without amounts, and about no row of ours.
    fn of(kind: DifferenceKind, object: String, detail: String, object_at: Timestamp) -> FoundDifference {
        FoundDifference {
            kind,
            object,
            payment: None,
            payout: None,
            at_provider: None,
            here: None,
            in_ledger: None,
            detail,
            object_at,
        }
    }

    pub fn id(&self, account: AccountId) -> DifferenceId {
        DifferenceId::of(account, self.kind.name(), &self.object)
    }
}

/// What an object carries, of which we have no row.
fn carries(reference: Option<impl fmt::Display>) -> String {
    match reference {
        Some(reference) => format!("it carries the reference {reference}"),
        None => "it carries no reference of ours".to_owned(),
    }
}
