//! Bookings: reserve seats, extend a hold, cancel tickets, expire holds.

mod cancel_booking;
mod cancellation;
mod expire_holds;
mod extend_hold;
mod item_rows;
mod reserve;
mod seats;

pub use cancel_booking::CancelBooking;
pub use cancellation::{Cancellation, CancelledItem, CancelledLine, MoneyBack, QuotedCancellation};
pub use expire_holds::{ExpireHolds, LapsedHold};
pub use extend_hold::ExtendHold;
pub use item_rows::ItemRows;
pub use reserve::{CustomerDetails, Reserve};
pub(super) use seats::Seats;

use alloc::collections::BTreeSet;

use crate::commands::draft::{About, Draft};
use crate::rows::{Booking, BookingItem, Subject};
use serde_json::json;

pub(super) fn about(booking: &Booking) -> About {
    About { tenant: booking.tenant, kind: Subject::Booking, id: booking.id.0 }
}

/// Appends a message about a booking to the outbox. It contains no data of the customer.
pub(super) fn append_message<'i>(
    draft: &mut Draft<'_>,
    booking: &mut Booking,
    items: impl Iterator<Item = &'i BookingItem> + Clone,
    kind: &str,
) {
    let slots: BTreeSet<_> = items.clone().map(|item| item.slot.0).collect();
    let payload = json!({
        "booking_id": booking.id.0,
        "slot_ids": slots,
        "state": crate::lifecycle::State::name(&*booking.state),
        "seats": items.map(|item| item.seats).sum::<i64>(),
        "total": booking.total(),
        "paid_minor": booking.paid_minor,
        "refunded_minor": booking.refunded_minor,
    });
    let about = about(booking);
    draft.append_message(about, &mut booking.seq, kind, &payload);
}
