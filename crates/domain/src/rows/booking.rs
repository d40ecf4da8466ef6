//! Bookings and the customers who hold them.

use alloc::collections::BTreeMap;
use alloc::string::String;

use crate::ids::{
    BookingId, BookingItemId, ClientId, CustomerId, PaymentId, ProductId, SlotId, TenantId, UnitId,
};
use crate::lifecycle::{CurrentState, booking, booking_item};
use crate::money::{Currency, Money};
use crate::time::Timestamp;
use crate::working_set::Json;

crate::row! {
    Booking in "bookings" as lock, side_effects crate::side_effects::of_booking {
        key id: BookingId,
        fixed tenant: TenantId,
        fixed client: ClientId,
        fixed customer: CustomerId,
        /// As given with this booking; the customer's own row may change later.
        fixed customer_name: String,
        fixed customer_email: String,
        fixed customer_phone: Option<String>,
        guard state: CurrentState<booking::State>,
        /// Counts the messages about it; assigned under its lock, so they have an order.
        guard seq: i64,
        /// Its seats count against the client's limit while they are held.
        fixed counts_for_client: bool,
        fixed total_minor: i64,
        fixed currency: Currency,
        /// The one payment under way, if any: a second is refused meanwhile.
        moves open_payment: Option<PaymentId>,
        moves payments: i64,
        /// Reserved by the provider, on evidence.
        moves authorized_minor: i64,
        /// Captured, on evidence.
        moves paid_minor: i64,
        moves refunded_minor: i64,
        /// What is no longer asked for: the payments that were captured, whatever a smaller capture let go
        /// of and whatever went back later.
        moves settled_minor: i64,
        moves hold_expires_at: Timestamp,
        /// When the sweep looks at the hold: as it expires, and where a payment is under way then, as its
        /// grace ends.
        moves sweep_at: Timestamp,
        moves confirmed_at: Option<Timestamp>,
        moves ended_at: Option<Timestamp>,
        moves metadata: Json<BTreeMap<String, String>>,
        fixed created_at: Timestamp,
        moves updated_at: Timestamp,
    }
}

impl Booking {
    pub fn total(&self) -> Money {
        Money::new(self.total_minor, self.currency)
    }

    /// Its payment under way has ended: another may be started, and a hold lapses in its time.
    pub fn close_payment(&mut self, payment: PaymentId) {
        if self.open_payment == Some(payment) {
            self.open_payment = None;
            self.sweep_at = self.hold_expires_at;
        }
    }

    /// What is still to be paid, not counting a payment under way. Money that was given back is not owed
    /// again.
    pub fn due_minor(&self) -> i64 {
        if fault_injection::is(fault_injection::InjectedFault::RefundedIsOwedAgain) {
            return self.chargeable_minor();
        }
        (self.total_minor - self.settled_minor).max(0)
    }

    /// The most that may be charged for it now: its total, less the money that it holds.
    pub fn chargeable_minor(&self) -> i64 {
        (self.total_minor - (self.paid_minor - self.refunded_minor)).max(0)
    }
}

crate::row! {
    /// Some of one unit for one slot, at the price when it was reserved. The seats of a slot are counted
    /// over the items that name it. An item changes only under its booking's lock.
    BookingItem in "booking_items" as owned {
        key id: BookingItemId,
        fixed tenant: TenantId,
        owner booking: BookingId,
        fixed slot: SlotId,
        /// The slot's, so that both can be loaded at once.
        fixed product: ProductId,
        fixed unit: UnitId,
        /// The unit's, when it was reserved.
        fixed name: String,
        fixed quantity: i64,
        /// The seats that all of them take.
        fixed seats: i64,
        /// The price of one.
        fixed price_minor: i64,
        guard state: CurrentState<booking_item::State>,
        /// When its booking was made: the bookings of a slot are listed in this order.
        fixed booked_at: Timestamp,
    }
}

crate::row! {
    /// A person who books, one row a tenant and e-mail address. Its lock is what makes the limit on
    /// held seats hold.
    Customer in "customers" as lock {
        key id: CustomerId,
        fixed tenant: TenantId,
        fixed email: String,
        moves name: String,
        /// Seats in holds that are neither confirmed nor given up.
        guard held_seats: i64,
        fixed created_at: Timestamp,
    }
}
