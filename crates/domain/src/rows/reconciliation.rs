//! Reconciliation: the runs that compare the provider's books with ours, and the differences that they find.

use alloc::string::String;

use crate::ids::{
    AccountId, DifferenceId, PaymentId, PayoutId, ReconciliationId, ReconciliationMarkId, TenantId,
};
use crate::lifecycle::{CurrentState, difference, reconciliation};
use crate::money::Currency;
use crate::rows::Removable;
use crate::time::Timestamp;

/// The parts of a run, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReconciliationStage {
    /// The provider's list, against our rows.
    Provider,
    /// Our payments of the time that the list did not show.
    Payments,
    /// Our refunds of the time that the list did not show.
    Refunds,
    /// Our payouts of the time that the list did not show.
    Payouts,
    /// Open differences of earlier runs that this one has not met.
    Recheck,
    /// The run's marks are deleted.
    Clear,
}

impl ReconciliationStage {
    pub const ALL: [ReconciliationStage; 6] = [
        ReconciliationStage::Provider,
        ReconciliationStage::Payments,
        ReconciliationStage::Refunds,
        ReconciliationStage::Payouts,
        ReconciliationStage::Recheck,
        ReconciliationStage::Clear,
    ];

    pub fn name(&self) -> &'static str {
        match self {
            ReconciliationStage::Provider => "provider",
            ReconciliationStage::Payments => "payments",
            ReconciliationStage::Refunds => "refunds",
            ReconciliationStage::Payouts => "payouts",
            ReconciliationStage::Recheck => "recheck",
            ReconciliationStage::Clear => "clear",
        }
    }
    pub fn from_name(name: &str) -> Option<ReconciliationStage> {
        ReconciliationStage::ALL.into_iter().find(|stage| stage.name() == name)
    }

    /// The stage after this one. The last has none.
    pub fn next(self) -> Option<ReconciliationStage> {
        ReconciliationStage::ALL.into_iter().find(|stage| *stage > self)
    }
}
crate::named_column!(ReconciliationStage);

macro_rules! difference_kinds {
    ($( $(#[$doc:meta])* $kind:ident = $name:literal ),+ $(,)?) => {
        /// How the provider's books and ours differ.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum DifferenceKind { $( $(#[$doc])* $kind ),+ }

        impl DifferenceKind {
            pub const ALL: &'static [DifferenceKind] = &[ $( DifferenceKind::$kind ),+ ];

            pub fn name(&self) -> &'static str {
                match self { $( DifferenceKind::$kind => $name ),+ }
            }
            pub fn from_name(name: &str) -> Option<DifferenceKind> {
                DifferenceKind::ALL.iter().copied().find(|kind| kind.name() == name)
            }
        }
        crate::named_column!(DifferenceKind);
    };
}

difference_kinds! {
    /// The provider captured money that our books do not have: a lost webhook.
    CapturedNotHere = "captured_not_here",
    /// Our books have captured money that the provider's object does not show.
    CapturedNotThere = "captured_not_there",
    /// The provider has no such object.
    MissingThere = "missing_there",
    OtherAmount = "other_amount",
    OtherCurrency = "other_currency",
    /// A second object with money carries the reference of our payment or payout.
    OtherObject = "other_object",
    /// The object carries a reference of our form, and our books have no such payment.
    PaymentUnknownHere = "payment_unknown_here",
    /// The object carries no reference of ours, and no payment of this account has it.
    ForeignObject = "foreign_object",
    RefundUnknownHere = "refund_unknown_here",
    RefundUnknownThere = "refund_unknown_there",
    /// A transfer carries a reference of our form, and our books have no such payout.
    PayoutUnknownHere = "payout_unknown_here",
    /// The provider does not have the transfer of our payout.
    PayoutUnknownThere = "payout_unknown_there",
    /// A transfer carries no reference of ours, and no payout of this account has it.
    ForeignTransfer = "foreign_transfer",
    /// A transfer went to another account than our payout names.
    OtherDestination = "other_destination",
    /// The object's state is ahead of ours.
    StateBehind = "state_behind",
    LedgerLacksTransfer = "ledger_lacks_transfer",
    LedgerExtraTransfer = "ledger_extra_transfer",
    LedgerOtherAmount = "ledger_other_amount",
}

crate::row! {
    /// The reconciliations of one account. At most one runs at a time.
    AccountReconciliation in "account_reconciliations" as lock {
        key id: AccountId,
        fixed tenant: TenantId,
        guard version: i64,
        moves current: Option<ReconciliationId>,
        /// The runs that finished have compared every earlier time.
        moves compared_until: Option<Timestamp>,
        moves succeeded_at: Option<Timestamp>,
        /// When the timer starts the next run.
        moves due_at: Timestamp,
        fixed created_at: Timestamp,
    }
}

crate::row! {
    /// One comparison of an account's books at the provider with ours, over the objects of a time.
    Reconciliation in "reconciliations" as lock {
        key id: ReconciliationId,
        fixed tenant: TenantId,
        fixed account: AccountId,
        fixed begins_at: Timestamp,
        /// Not included.
        fixed ends_at: Timestamp,
        /// The person who started it. The timer is nobody.
        fixed requested_by: Option<String>,
        guard state: CurrentState<reconciliation::State>,
        /// Rises with each page, so that a page is counted once.
        guard pages: i64,
        moves stage: ReconciliationStage,
        /// Where the stage continues.
        moves cursor: Option<String>,
        moves provider_objects: i64,
        moves own_objects: i64,
        /// Differences that the provider's own object settled at once, as evidence.
        moves repaired: i64,
        moves found: i64,
        moves settled: i64,
        moves error: Option<String>,
        fixed created_at: Timestamp,
        moves updated_at: Timestamp,
        moves finished_at: Option<Timestamp>,
    }
}

crate::row! {
    /// A payment, refund or payout of ours that the run has met in the provider's list. The marks of a run are deleted
    /// at its end.
    ReconciliationMark in "reconciliation_marks" as lock {
        key id: ReconciliationMarkId,
        fixed tenant: TenantId,
        fixed run: ReconciliationId,
        fixed subject: uuid::Uuid,
    }
}

impl Removable for ReconciliationMark {}

crate::row! {
    /// A difference between the provider's books and ours.
    Difference in "differences" as lock, side_effects crate::side_effects::of_difference {
        key id: DifferenceId,
        fixed tenant: TenantId,
        fixed account: AccountId,
        fixed kind: DifferenceKind,
        /// The provider's id of what differs, or ours if the provider has none.
        fixed object: String,
        moves payment: Option<PaymentId>,
        /// The payout, if the object is a transfer that has one or names one.
        moves payout: Option<PayoutId>,
        moves provider_minor: Option<i64>,
        moves provider_currency: Option<Currency>,
        moves own_minor: Option<i64>,
        moves own_currency: Option<Currency>,
        moves ledger_minor: Option<i64>,
        moves detail: String,
        guard state: CurrentState<difference::State>,
        moves assignee: Option<String>,
        fixed first_run: ReconciliationId,
        moves last_run: ReconciliationId,
        /// When the object was made, as far as it is known.
        moves object_at: Timestamp,
        fixed found_at: Timestamp,
        moves seen_at: Timestamp,
        moves closed_at: Option<Timestamp>,
        /// The person who accepted it, and why; or what settled it.
        moves closed_by: Option<String>,
        moves closed_because: Option<String>,
    }
}
