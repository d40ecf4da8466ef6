//! Requests. An unknown member is refused: a typing error must not silently become a default.

mod api_key;
mod basket;
mod booking;
mod cancellation;
mod catalogue;
mod check_in;
mod dispute;
mod ledger;
mod operations;
mod payer;
mod payment;
mod payout;
mod queries;
mod reconciliation;
mod recorded;
mod resource;
mod review;
mod saved_methods;
mod schedule;
mod tax;

pub use api_key::{NewApiKey, Scope};
pub use basket::{BookedSlot, BookedUnit, NewQuote};
pub use booking::{NewBooking, NewCustomer, NewExtension};
pub use cancellation::{
    CancellationQuoteQuery, CancelledTickets, Canceller, NewCancellation, NewCancellationPolicy, NewTier,
    PolicyPreset,
};
pub use catalogue::{ChangedProduct, ChangedUnit, NewProduct, NewSlot, NewSlots, NewUnit};
pub use check_in::NewCheckIn;
pub use dispute::NewDisputeEvidence;
pub use ledger::{AccountStatementQuery, LedgerAccountsQuery, NewLedgerClosing};
pub use operations::{ChangedSettings, ClientLimit, LateMoney, LetterDecision, Resolution};
pub use payer::{Payer, TaxId, TaxIdKind};
pub use payment::{
    Alternative, Capture, NewCapture, NewCharge, NewPayment, NewPaymentCancellation, NewRefund,
};
pub use payout::{
    BeneficiaryMethod, ChangedBeneficiary, NewBeneficiary, NewCompletion, NewPayoutReversal, NewPortion,
    NewShare, NewSplit, PayoutRecord, PayoutsQuery, RecordedOutcome, StatementQuery,
};
pub use queries::{AvailabilityQuery, BookingsQuery, DisputesQuery, EventsQuery, ListQuery, PaymentsQuery};
pub use reconciliation::{DifferencesQuery, NewReconciliation};
pub use recorded::{ManualMethod, NewRecordedPayment, NewRecordedRefund};
pub use resource::{
    CalendarQuery, ChangedResource, NewClosure, NewProductResources, NewRequirement, NewResource, Per,
};
pub use review::{REVIEW_ACTIONS, ReviewAction, ReviewAssignment, ReviewCasesQuery};
pub use saved_methods::{SavedMethodRemoval, SavedMethodsQuery, SetupFutureUsage};
pub use schedule::{ChangedSchedule, NewBlackout, NewOpeningHours, NewSchedule, NewScheduleRule};
pub use tax::NewTax;

use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::validation_errors::ValidationErrors;

/// A body or a query. Its shape is checked when it is read; `check` and `check_together` find what
/// the shape does not express.
pub trait Request: DeserializeOwned + ToSchema {
    /// Pointers of the members that contain telephone numbers.
    const PHONES: &'static [&'static str] = &[];

    /// Whether no body means the same as an empty one. Otherwise a lost body is an error, and not
    /// taken for a change of nothing.
    const BODY_IS_OPTIONAL: bool = false;

    /// Checks each member by itself.
    fn check(&self, findings: &mut ValidationErrors);

    /// Checks members together; called only if the shape of all members is right.
    fn check_together(&self, _: &mut ValidationErrors) {}

    /// Normalises members that have several spellings. Called after the checks.
    #[must_use]
    fn canonical(self) -> Self {
        self
    }
}
