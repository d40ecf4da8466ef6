//! Policies and cancellations.

use std::vec::Vec;

use super::{ANY_AMOUNT, DEADLINE, TENANT, TestWorld, eur};
use crate::cancellation_policy::{CancellationRules, CancelledBy};
use crate::commands::tests::test_store::CommandResult;
use crate::commands::{CancelBooking, CancelledItem, SetCancellationPolicy};
use crate::rows::{Actor, BookingItem, Mode, Payment, Product};
use crate::{BookingId, Refusal};

impl TestWorld {
    pub fn set_policy(&mut self, policy: CancellationRules) {
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

    /// Cancels what the quote says: all tickets, or one of the first item.
    pub fn cancel_as_quoted(&mut self, booking: BookingId, part: bool) -> CancelBooking {
        let mut command = self.cancel_command(booking);
        if part {
            let item = self.items_of(booking)[0].id;
            command.items = Vec::from([CancelledItem { item, quantity: Some(1) }]);
        }
        let quoted = self.run(&command);
        if let CommandResult::Refused(Refusal::ExpectedRefundIsMissing { refund }) = quoted {
            command.expected_refund = Some(refund);
        }
        command.claim = self.claim();
        command
    }

    pub fn items_of(&self, booking: BookingId) -> Vec<BookingItem> {
        self.all::<BookingItem>().into_iter().filter(|item| item.booking == booking).collect()
    }
}
