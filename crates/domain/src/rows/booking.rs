//! Bookings and the customers who hold them.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use crate::ids::{BookingId, ClientId, CustomerId, PaymentId, ProductId, SlotId, TenantId, UnitId};
use crate::lifecycle::{CurrentState, booking};
use crate::money::{Currency, Money};
use crate::time::Timestamp;
use crate::working_set::Json;

/// Some of one unit, at the price when it was reserved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookingLine {
    pub unit: UnitId,
    pub name: String,
    pub quantity: i64,
    /// The price of one.
    pub price_minor: i64,
    /// The seats that one takes.
    pub seats: i64,
}

crate::row! {
    Booking in "bookings" as lock {
        key id: BookingId,
        fixed tenant: TenantId,
        fixed client: ClientId,
        fixed slot: SlotId,
        fixed product: ProductId,
        fixed customer: CustomerId,
        /// As given with this booking; the customer's own row may change later.
        fixed customer_name: String,
        fixed customer_email: String,
        fixed customer_phone: Option<String>,
        guard state: CurrentState<booking::State>,
        /// Counts the messages about it; assigned under its lock, so they have an order.
        guard seq: i64,
        fixed seats: i64,
        /// Its seats count against the client's limit while they are held.
        fixed counts_for_client: bool,
        fixed lines: Json<Vec<BookingLine>>,
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
