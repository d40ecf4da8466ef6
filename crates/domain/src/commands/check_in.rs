//! Check-in: a ticket is shown at the entrance, once.
//!
//! Devices scan without a network, and send their scans later, in any order and perhaps twice. So a scan says
//! when it was made, and what counts does not depend on when it arrives:
//!
//! | the ticket | the scan | what happens |
//! |---|---|---|
//! | was not scanned | | it is checked in |
//! | is checked in | is not earlier | nothing: the reply says when and by whom it was used |
//! | is checked in | is earlier | the check-in has the time of the earlier scan; the reply says that it was used |
//! | was undone by a person | is later than that | it is checked in again |
//! | was undone by a person | is not later | refused: the person has decided since |

mod check_in_ticket;
mod undo_check_in;

pub use check_in_ticket::{CheckInTicket, Scan, TicketRef};
pub use undo_check_in::UndoCheckIn;

use alloc::format;
use alloc::string::String;
use serde_json::json;

use crate::commands::booking::about;
use crate::commands::draft::Draft;
use crate::rows::{Booking, BookingItem, CheckIn};

/// The ticket of a check-in, as the audit of its booking names it.
fn named(item: &BookingItem, check_in: &CheckIn) -> String {
    format!("{} {} of {}", item.name, check_in.number, item.id)
}

/// Counts a check-in that begins or ends, and tells the tenant's programs of it.
fn count(
    draft: &mut Draft<'_>,
    booking: &Booking,
    item: &BookingItem,
    check_in: &CheckIn,
    (change, message): (i64, &str),
) {
    let mut booking = booking.clone();
    let payload = json!({
        "booking_id": booking.id.0,
        "item_id": item.id.0,
        "number": check_in.number,
        "slot_id": item.slot.0,
        "check_in_id": check_in.id.0,
        "checked_in": item.checked_in + change,
        "quantity": item.quantity,
    });
    draft.append_message(about(&booking), &mut booking.seq, message, &payload);
    draft.put(BookingItem { checked_in: item.checked_in + change, ..item.clone() });
    draft.put(booking);
}
