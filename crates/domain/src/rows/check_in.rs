//! Tickets that were shown at the entrance.

use alloc::string::String;

use crate::ids::{BookingId, BookingItemId, CheckInId, ClientId, SlotId, TenantId};
use crate::time::Timestamp;

crate::row! {
    /// The use of one ticket. A ticket has one row, however often it is scanned and undone. It changes only
    /// under its booking's lock, as does the number of checked-in tickets of its item.
    CheckIn in "check_ins" as lock {
        key id: CheckInId,
        fixed tenant: TenantId,
        fixed booking: BookingId,
        fixed item: BookingItemId,
        fixed slot: SlotId,
        /// The tickets of an item are numbered from 1.
        fixed number: i64,
        /// The earliest scan that counts, by the clock of the device, and never later than its arrival.
        guard scanned_at: Timestamp,
        /// When that scan arrived.
        moves recorded_at: Timestamp,
        moves client: ClientId,
        /// Who scanned it: a person, a gate or a device, as the request has it.
        moves who: Option<String>,
        /// A person took it back. A later scan may check the ticket in again.
        guard undone_at: Option<Timestamp>,
        moves undone_by: Option<String>,
        moves undone_why: Option<String>,
    }
}

impl CheckIn {
    pub fn is_in_force(&self) -> bool {
        self.undone_at.is_none()
    }
}
