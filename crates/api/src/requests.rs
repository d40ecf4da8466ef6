//! What may be asked. A member that is not known is refused: a typing error must not be a default.

mod api_key;
mod booking;
mod catalogue;
mod operations;
mod payment;
mod queries;

pub use api_key::{NewApiKey, Scope};
pub use booking::{BookedUnit, NewBooking, NewCancellation, NewCustomer};
pub use catalogue::{ChangedProduct, ChangedUnit, NewProduct, NewSlot, NewSlots, NewUnit};
pub use operations::{ChangedSettings, ClientLimit, LateMoney, LetterDecision, Resolution};
pub use payment::{Capture, NewCapture, NewCharge, NewPayment, NewRefund};
pub use queries::{AvailabilityQuery, BookingsQuery, EventsQuery, ListQuery, PaymentsQuery};

use crate::findings::Findings;

/// A body that can be asked for. Its shape is checked as it is read; `check` finds what the shape
/// does not tell.
pub trait Request {
    /// Pointers of the members that hold telephone numbers.
    const PHONES: &'static [&'static str] = &[];

    fn check(&self, findings: &mut Findings);

    /// Brings members that have several spellings to one. Called after the checks.
    #[must_use]
    fn canonical(self) -> Self
    where
        Self: Sized,
    {
        self
    }
}
