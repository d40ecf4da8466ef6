//! Parameters of the lists.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A list without filters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// Rows of one page.
    #[schema(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// Slots of one product in a span of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AvailabilityQuery {
    pub product_id: Uuid,
    /// Slots that start then or later.
    pub from: jiff::Timestamp,
    /// Slots that start before.
    pub to: jiff::Timestamp,
    #[schema(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// A search for bookings, latest first. All filters must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BookingsQuery {
    pub slot_id: Option<Uuid>,
    /// In any spelling.
    pub customer_email: Option<String>,
    pub state: Option<String>,
    #[schema(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// A search for payments, latest first. All filters must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentsQuery {
    pub booking_id: Option<Uuid>,
    pub reference: Option<String>,
    /// The key that this client asked for the payment with.
    pub idempotency_key: Option<String>,
    pub state: Option<String>,
    #[schema(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// Events after a position. `next_cursor` of a page is a position.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventsQuery {
    /// The position that was read last; 0, or absent, begins at the beginning.
    #[schema(minimum = 0, default = 0)]
    pub after: Option<i64>,
    #[schema(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<i64>,
}
