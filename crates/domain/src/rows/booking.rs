//! Bookings and the customers who hold them.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::ids::{
    BookingId, BookingItemId, CancellationPolicyId, ClientId, CustomerId, PaymentId, ProductId, SlotId,
    TenantId, UnitId,
};
use crate::lifecycle::{CurrentState, booking, booking_item};
use crate::money::{Currency, Money};
use crate::tax::{self, Tax};
use crate::time::Timestamp;
use crate::working_set::Json;

crate::row! {
    Booking in "bookings" as lock, side_effects crate::side_effects::of_booking {
        key id: BookingId,
        fixed tenant: TenantId,
        fixed client: ClientId,
        fixed customer: CustomerId,
        /// From the request of this booking. The customer's own row may change later.
        fixed customer_name: String,
        fixed customer_email: String,
        fixed customer_phone: Option<String>,
        guard state: CurrentState<booking::State>,
        /// Counts the messages about it. It is raised under the booking's lock, so the messages
        /// have an order.
        guard seq: i64,
        /// Its seats count against the client's limit while they are held.
        fixed counts_for_client: bool,
        /// The price of its items, less what cancellations credited.
        moves total_minor: i64,
        fixed currency: Currency,
        /// The payment under way. Another payment is refused until it ends.
        moves open_payment: Option<PaymentId>,
        moves payments: i64,
        /// Reserved by the provider, by evidence.
        moves authorized_minor: i64,
        /// Captured, by evidence.
        moves paid_minor: i64,
        moves refunded_minor: i64,
        /// The full amounts of the captured payments, including the rest that a smaller capture
        /// released and money that was refunded later, less what cancellations give back. None of it is due again.
        moves settled_minor: i64,
        moves hold_expires_at: Timestamp,
        /// A hold that is paid with Pix lives as long as the Pix can be paid, and never longer than this.
        fixed hold_expires_max: Timestamp,
        /// When the sweep checks the hold: at its expiry, and at the end of the grace if a payment
        /// is under way at the expiry.
        moves sweep_at: Timestamp,
        moves confirmed_at: Option<Timestamp>,
        moves ended_at: Option<Timestamp>,
        moves metadata: Json<BTreeMap<String, String>>,
        fixed created_at: Timestamp,
        moves updated_at: Timestamp,
        /// The taxes in `total_minor`.
        moves tax_minor: i64,
        /// The money that was recognized, less what was refunded of it since: what the messages for the ledger sum to.
        moves recognized_minor: i64,
        /// The part of it that is tax.
        moves recognized_tax_minor: i64,
    }
}

impl Booking {
    /// Counts money that becomes revenue, or that leaves it if negative. Returns the part of it that is tax.
    pub fn recognize(&mut self, minor: i64) -> i64 {
        self.recognized_minor += minor;
        let tax_minor = tax::of_kept(self.recognized_minor, self.total_minor, self.tax_minor);
        let more_minor = tax_minor - self.recognized_tax_minor;
        self.recognized_tax_minor = tax_minor;
        more_minor
    }

    pub fn total(&self) -> Money {
        Money::new(self.total_minor, self.currency)
    }

    /// The payment under way has ended: another can be started, and a hold lapses at its expiry.
    pub fn close_payment(&mut self, payment: PaymentId) {
        if self.open_payment == Some(payment) {
            self.open_payment = None;
            self.sweep_at = self.hold_expires_at;
        }
    }

    /// The amount that is still to be paid, including a payment under way. Refunded money is not due again, and of a
    /// cancelled booking nothing is due.
    pub fn due_minor(&self) -> i64 {
        if self.state.is(booking::State::Cancelled) {
            return 0;
        }
        if fault_injection::is(fault_injection::InjectedFault::RefundedIsOwedAgain) {
            return self.chargeable_minor();
        }
        (self.total_minor - self.settled_minor).max(0)
    }

    /// The most that can be charged now: the total less the money that the booking has.
    pub fn chargeable_minor(&self) -> i64 {
        (self.total_minor - (self.paid_minor - self.refunded_minor)).max(0)
    }
}

crate::row! {
    /// A quantity of one unit for one slot, at its price at the time of the reservation. A slot's seats are
    /// counted over its items. An item changes only under its booking's lock.
    BookingItem in "booking_items" as owned {
        key id: BookingItemId,
        fixed tenant: TenantId,
        owner booking: BookingId,
        fixed slot: SlotId,
        /// The slot's product, so that both rows can be loaded at once.
        fixed product: ProductId,
        fixed unit: UnitId,
        /// The unit's name at the time of the reservation.
        fixed name: String,
        /// A partial cancellation leaves the rest here, and gets an item of its own.
        moves quantity: i64,
        /// The seats of the whole quantity.
        moves seats: i64,
        /// The price of one.
        fixed price_minor: i64,
        guard state: CurrentState<booking_item::State>,
        /// When the booking was made. The bookings of a slot are listed in this order.
        fixed booked_at: Timestamp,
        /// The cancellation policy of the product at that time. `None`: nothing goes back.
        fixed policy: Option<CancellationPolicyId>,
        /// How many of its tickets are checked in.
        moves checked_in: i64,
        /// What its cancellation took off its price. The rest of the price is the penalty.
        moves credited_minor: Option<i64>,
        /// The taxes in the price of one, as they were at the time of the reservation.
        fixed taxes: Json<Vec<Tax>>,
    }
}

impl BookingItem {
    /// The price of the whole quantity.
    pub fn cost_minor(&self) -> i64 {
        self.price_minor * self.quantity
    }

    /// What is kept of its price. `None`: it was not cancelled under its policy.
    pub fn penalty_minor(&self) -> Option<i64> {
        self.credited_minor.map(|credited| self.cost_minor() - credited)
    }

    /// The taxes in what one ticket costs now: in its price, or in what is kept of it after a cancellation.
    pub fn taxes_of_one(&self) -> Vec<Tax> {
        match self.penalty_minor() {
            // A cancellation credits each ticket alike.
            Some(penalty) => tax::of_part(&self.taxes.0, penalty / self.quantity, self.price_minor),
            None => self.taxes.0.clone(),
        }
    }

    /// All taxes in what the quantity costs now.
    pub fn tax_minor(&self) -> i64 {
        tax::sum(&self.taxes_of_one()) * self.quantity
    }
}

crate::row! {
    /// A person who books: one row per tenant and e-mail address. The lock of the row protects the
    /// limit on held seats.
    Customer in "customers" as lock {
        key id: CustomerId,
        fixed tenant: TenantId,
        fixed email: String,
        moves name: String,
        /// Seats in holds that are neither confirmed nor ended.
        guard held_seats: i64,
        fixed created_at: Timestamp,
    }
}
