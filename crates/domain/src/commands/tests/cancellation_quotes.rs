//! The quote of a cancellation over rows that commands cannot easily arrange.

use std::vec;
use std::vec::Vec;
use uuid::Uuid;

use super::cancellations::{half, sold};
use super::test_world::{ANY_AMOUNT, PRICE, TestWorld};
use crate::cancellation_policy::CancelledBy;
use crate::commands::{Cancellation, ItemRows, MoneyBack, QuotedCancellation};
use crate::lifecycle::{booking, payment};
use crate::provider::{AmountRule, AmountRules};
use crate::rows::{Booking, Capture, Payment, Product, Slot};
use crate::time::Span;
use crate::{BookingId, PaymentId};

/// All rows of a booking of four tickets, of whose price half goes back.
struct Rows {
    world: TestWorld,
    booking: Booking,
    payments: Vec<Payment>,
}

impl Rows {
    fn of(capture: Capture) -> Rows {
        let (world, id, payment): (TestWorld, BookingId, PaymentId) = sold(half(), capture);
        let (booking, payment) = (world.get(id), world.get(payment));
        Rows { world, booking, payments: vec![payment] }
    }

    fn quote(&self, amounts: AmountRules) -> QuotedCancellation {
        let items = self.world.items_of(self.booking.id);
        let (slot, product): (Slot, Product) =
            (self.world.get(self.world.slot), self.world.get(self.world.product));
        let items: Vec<ItemRows<'_>> =
            items.iter().map(|item| ItemRows { item, slot: &slot, product: &product }).collect();
        let rules = half();
        let cancellation = Cancellation {
            booking: &self.booking,
            items: &items,
            payments: &self.payments.iter().collect::<Vec<_>>(),
            policy: &|_| Some(&rules),
            cancelled: &[],
            by: CancelledBy::Customer,
            now: self.world.now,
            amounts,
        };
        cancellation.quote().unwrap()
    }

    /// The same payment once more, of this amount, made later.
    fn another(&self, number: u128, captured_minor: i64) -> Payment {
        let first = &self.payments[0];
        let created_at = first.created_at.plus(Span::seconds(60));
        Payment { id: PaymentId(Uuid::from_u128(number)), captured_minor, created_at, ..first.clone() }
    }
}

#[test]
fn the_newest_payment_is_refunded_first() {
    let mut rows = Rows::of(Capture::Automatic);
    rows.payments[0].captured_minor = 3 * PRICE;
    let newer = rows.another(9, PRICE);
    let (first, second) = (rows.payments[0].id, newer.id);
    rows.payments.push(newer);
    let quote = rows.quote(ANY_AMOUNT);
    let expected =
        [(second, MoneyBack::Refund { minor: PRICE }), (first, MoneyBack::Refund { minor: PRICE })];
    assert_eq!(quote.payments, expected);
    assert_eq!(quote.refund.minor, 2 * PRICE);
}

#[test]
fn a_payment_that_the_bank_decides_about_gives_nothing() {
    let mut rows = Rows::of(Capture::Automatic);
    rows.payments[0].open_disputes = 1;
    assert_eq!(rows.quote(ANY_AMOUNT).refund.minor, 0);
    rows.payments.push(Payment { open_disputes: 0, ..rows.another(9, PRICE) });
    assert_eq!(rows.quote(ANY_AMOUNT).refund.minor, PRICE, "as far as there is money");
}

/// Half of the price is kept. What was paid of it covers the penalty first.
#[test]
fn a_deposit_covers_the_penalty_first() {
    let mut rows = Rows::of(Capture::Automatic);
    for (paid, back) in [(PRICE, 0), (2 * PRICE, 0), (3 * PRICE, PRICE), (4 * PRICE, 2 * PRICE)] {
        rows.booking.settled_minor = paid;
        rows.payments[0].captured_minor = paid;
        assert_eq!(rows.quote(ANY_AMOUNT).refund.minor, back, "{paid} paid");
    }
}

/// Otherwise a customer who has got half back would get the other half, and pay no penalty.
#[test]
fn money_that_was_given_back_before_counts() {
    let mut rows = Rows::of(Capture::Automatic);
    for (refunded, back) in [(500, 1_500), (2 * PRICE, 0), (4 * PRICE, 0)] {
        rows.payments[0].refunded_minor = refunded;
        assert_eq!(rows.quote(ANY_AMOUNT).refund.minor, back, "{refunded} refunded before");
    }
    // A part of the reserved money was captured, and the rest was released.
    rows.payments[0].refunded_minor = 0;
    rows.payments[0].captured_minor = 3 * PRICE;
    assert_eq!(rows.quote(ANY_AMOUNT).refund.minor, PRICE);
}

#[test]
fn what_the_provider_cannot_move_is_kept() {
    let steps = AmountRules(|_, _| Some(AmountRule { min_minor: 1, max_minor: 1_000_000, step_minor: 300 }));
    let rows = Rows::of(Capture::Automatic);
    assert_eq!(rows.quote(steps).refund.minor, 1_800);
    // Of reserved money the customer keeps what cannot be captured.
    let rows = Rows::of(Capture::Manual);
    let quote = rows.quote(steps);
    let captured = MoneyBack::Capture { captured_minor: 1_800, released_minor: 4 * PRICE - 1_800 };
    assert_eq!((quote.payments[0].1, quote.refund.minor), (captured, 4 * PRICE - 1_800));
}

#[test]
fn a_quote_says_until_when_it_holds() {
    let rows = Rows::of(Capture::Automatic);
    let slot: Slot = rows.world.get(rows.world.slot);
    assert_eq!(rows.quote(ANY_AMOUNT).holds_until, Some(slot.starts_at));
    assert_eq!(*rows.booking.state, booking::State::Confirmed);
    assert!(rows.payments[0].state.is(payment::State::Captured));
}
