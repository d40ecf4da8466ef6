//! Policies and cancellations.

use std::vec::Vec;

use super::{ANY_AMOUNT, DEADLINE, TENANT, TestWorld, eur};
use crate::BookingId;
use crate::cancellation_policy::{CancellationPolicy, CancelledBy};
use crate::commands::{CancelBooking, SetCancellationPolicy};
use crate::rows::{Actor, BookingItem, Mode, Payment, Product};

impl TestWorld {
    pub fn set_policy(&mut self, policy: CancellationPolicy) {
        let product: Product = self.get(self.product);
        let command = SetCancellationPolicy {
            claim: None,
            tenant: TENANT,
            by: Actor::Person,
            product: product.id,
            policy: Some(policy),
            version: product.version,
            all_units: Vec::new(),
        };
        self.run(&command).reply();
    }

    /// Cancels all tickets, for the customer, and expects nothing.
    pub fn cancel_command(&mut self, booking: BookingId) -> CancelBooking {
        let of_booking = |payment: &Payment| payment.booking == Some(booking);
        CancelBooking {
            claim: self.claim(),
            booking,
            mode: Mode::Test,
            items: Vec::new(),
            by: CancelledBy::Customer,
            expected_refund: None,
            payments: self
                .all::<Payment>()
                .into_iter()
                .filter(of_booking)
                .map(|payment| payment.id)
                .collect(),
            amounts: ANY_AMOUNT,
            deadline: DEADLINE,
        }
    }

    /// The same, expecting this refund.
    pub fn cancel_for(&mut self, booking: BookingId, refund_minor: i64) -> CancelBooking {
        CancelBooking { expected_refund: Some(eur(refund_minor)), ..self.cancel_command(booking) }
    }

    pub fn items_of(&self, booking: BookingId) -> Vec<BookingItem> {
        self.all::<BookingItem>().into_iter().filter(|item| item.booking == booking).collect()
    }
}
