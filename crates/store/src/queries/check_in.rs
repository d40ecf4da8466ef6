//! The entrance: the bookings of a slot that are to be checked in, and check-ins.

use domain::rows::{Booking, CheckIn};
use domain::{BookingId, SlotId, TenantId};

use super::filter::{limit, with};
use super::{Cursor, Queries};
use crate::Error;

/// The bookings that have sold seats in a slot, in the order in which they were made. Each is listed once, by its
/// first sold item. As scalars the conditions are found by an index.
const BOOKINGS_OF_SLOT: &str = "select item.booking from booking_items as item \
     where item.tenant = $1 and item.slot = $2 and item.state = 'sold' \
     and (select 1 from booking_items as earlier where earlier.booking = item.booking \
        and earlier.slot = item.slot and earlier.state = 'sold' and earlier.id < item.id limit 1) is null";

impl Queries {
    /// The first first; the cursor is of the instant of the booking.
    pub async fn manifest(
        &self,
        tenant: TenantId,
        slot: SlotId,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<Vec<Booking>, Error> {
        let mut parameters = with![tenant, slot, limit(max)];
        let behind = match after {
            Some(Cursor { created_at, id }) => {
                parameters.extend(with![created_at, id]);
                "and (item.booked_at, item.booking) > ($4, $5)"
            }
            None => "",
        };
        let sql = format!("{BOOKINGS_OF_SLOT} {behind} order by item.booked_at, item.booking limit $3");
        let ids = self.ids(&sql, parameters).await?;
        self.rows_in(tenant, "id", &ids, "created_at, id").await
    }

    /// The check-ins of these bookings, also those that were undone, by item and number.
    pub async fn check_ins_of_bookings(
        &self,
        tenant: TenantId,
        bookings: &[BookingId],
    ) -> Result<Vec<CheckIn>, Error> {
        self.rows_in(tenant, "booking", bookings, "booking, item, number").await
    }
}
