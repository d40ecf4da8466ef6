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

use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::validation_errors::ValidationErrors;

/// A body or a query that can be asked for. Its shape is checked as it is read; `check` and `check_together` find
/// what the shape does not tell.
pub trait Request: DeserializeOwned + ToSchema {
    /// Pointers of the members that hold telephone numbers.
    const PHONES: &'static [&'static str] = &[];

    /// Whether no body at all asks for the same as an empty one. Where it does not, a body that got lost on
    /// its way is told, and not taken for a change of nothing.
    const BODY_IS_OPTIONAL: bool = false;

    /// Looks at each member for itself.
    fn check(&self, findings: &mut ValidationErrors);

    /// Looks at members together: asked only where the shape of all of them is right.
    fn check_together(&self, _: &mut ValidationErrors) {}

    /// Brings members that have several spellings to one. Called after the checks.
    #[must_use]
    fn canonical(self) -> Self {
        self
    }
}
