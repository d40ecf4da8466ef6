//! Bookings.

use domain::lifecycle::{State, booking};
use domain::rows::Booking;
use domain::{BookingId, CustomerId, SlotId, TenantId, Timestamp};

use super::filter::{Filter, with};
use super::{Cursor, Queries};
use crate::Error;

/// What a search asks for; what is `None` is not asked for.
#[derive(Clone, Debug, Default)]
pub struct BookingSearch {
    pub slot: Option<SlotId>,
    /// In any case of its letters.
    pub customer_email: Option<String>,
    pub state: Option<booking::State>,
    pub created_from: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
    pub after: Option<Cursor>,
    pub limit: usize,
}

impl Queries {
    pub async fn booking(&self, tenant: TenantId, id: BookingId) -> Result<Option<Booking>, Error> {
        self.row("where tenant = $1 and id = $2", with![tenant, id]).await
    }

    /// Newest first.
    pub async fn bookings(&self, tenant: TenantId, search: &BookingSearch) -> Result<Vec<Booking>, Error> {
        let customer = search.customer_email.as_ref().map(|email| CustomerId::of(tenant, email));
        let (rest, parameters) = Filter::of(tenant)
            .and("slot =", search.slot)
            .and("customer =", customer)
            .and("state =", search.state.map(|state| state.name().to_owned()))
            .and("created_at >=", search.created_from)
            .and("created_at <", search.created_before)
            .after(search.after)
            .newest(search.limit);
        self.rows(&rest, parameters).await
    }
}
