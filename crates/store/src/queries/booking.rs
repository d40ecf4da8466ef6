//! Bookings.

use domain::lifecycle::{State, booking};
use domain::rows::{Booking, BookingItem};
use domain::{BookingId, CustomerId, SlotId, TenantId, Timestamp};

use super::filter::{Filter, with};
use super::{Cursor, Queries};
use crate::Error;

/// The conditions of a search. `None` is no condition.
#[derive(Clone, Debug, Default)]
pub struct BookingSearch {
    pub slot: Option<SlotId>,
    /// Compared without case.
    pub customer_email: Option<String>,
    pub state: Option<booking::State>,
    pub created_from: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
    pub after: Option<Cursor>,
    pub limit: usize,
}

/// Whether an item is its booking's first one in the slot, so that each booking is listed once. It
/// is a scalar that an index finds, because a planner may turn `exists` into a scan of the whole
/// table.
const IS_FIRST_IN_SLOT: &str = "(select 1 from booking_items as earlier where earlier.booking = item.booking \
     and earlier.slot = item.slot and earlier.id < item.id limit 1) is null";

impl BookingSearch {
    fn filter(&self, tenant: TenantId, filter: Filter) -> Filter {
        let customer = self.customer_email.as_ref().map(|email| CustomerId::of(tenant, email));
        filter
            .and("bookings.customer =", customer)
            .and("bookings.state =", self.state.map(|state| state.name().to_owned()))
            .and("bookings.created_at >=", self.created_from)
            .after(Cursor::behind(self.after, self.created_before))
    }
}

impl Queries {
    pub async fn booking(&self, tenant: TenantId, id: BookingId) -> Result<Option<Booking>, Error> {
        self.row("where tenant = $1 and id = $2", with![tenant, id]).await
    }

    /// Newest first.
    pub async fn bookings(&self, tenant: TenantId, search: &BookingSearch) -> Result<Vec<Booking>, Error> {
        let Some(slot) = search.slot else {
            let (rest, parameters) = search.filter(tenant, Filter::of(tenant)).newest(search.limit);
            return self.rows(&rest, parameters).await;
        };
        let of_slot = Filter::over("item.tenant", ["item.booked_at", "item.booking"], tenant)
            .and("item.slot =", Some(slot))
            .holds(IS_FIRST_IN_SLOT);
        let (rest, parameters) = search.filter(tenant, of_slot).newest(search.limit);
        let sql = format!(
            "select item.booking from booking_items as item \
             join bookings on bookings.id = item.booking and bookings.tenant = item.tenant {rest}"
        );
        let ids = self.ids(&sql, parameters).await?;
        self.rows_in(tenant, "id", &ids, "created_at desc, id desc").await
    }

    /// The items of these bookings, those of one booking in the order in which they were reserved.
    pub async fn items_of_bookings(
        &self,
        tenant: TenantId,
        bookings: &[BookingId],
    ) -> Result<Vec<BookingItem>, Error> {
        self.rows_in(tenant, "booking", bookings, "id").await
    }
}
