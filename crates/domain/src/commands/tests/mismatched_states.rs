//! Rows whose states do not fit together: the command is refused and moves nothing. No command leaves such
//! rows; a lifecycle that lacks a step would.

use super::dead_letters::{decided, kill};
use super::payments::{AUTHORIZED, CAPTURED};
use super::shop::Shop;
use crate::commands::{DeadLetterRef, DiscardDeadLetter};
use crate::lifecycle::{CurrentState, payment, refund};
use crate::rows::{Capture, Payment, Refund};
use crate::{PaymentId, RefundId, Refusal};

fn not_allowed<S: crate::lifecycle::State>(state: S, event: S::Event) -> Refusal {
    Refusal::StateDoesNotAllowIt { lifecycle: S::NAME, state: state.name(), event: S::event_name(event) }
}

fn discard_is_refused(shop: &mut Shop, letter: DeadLetterRef, expected: Refusal) {
    assert_eq!(shop.refused(&DiscardDeadLetter(decided(letter))), expected);
}

fn set_payment(shop: &mut Shop, payment: PaymentId, state: CurrentState<payment::State>) {
    let row: Payment = shop.get(payment);
    shop.set(&Payment { state, ..row });
}

fn set_refund(shop: &mut Shop, refund: RefundId, on: refund::Event) {
    let row: Refund = shop.get(refund);
    shop.set(&Refund { state: CurrentState::<refund::State>::start().require(on).unwrap().to(), ..row });
}

#[test]
fn a_charge_is_not_written_off_beside_a_payment_that_was_never_sent() {
    let mut shop = Shop::new(9);
    let (_, payment) = shop.sent(Capture::Automatic);
    let letter = kill(&mut shop, payment);
    set_payment(&mut shop, payment, CurrentState::start());
    let expected = not_allowed(payment::State::Created, payment::Event::WrittenOff);
    discard_is_refused(&mut shop, letter, expected);
}

#[test]
fn an_unsent_charge_is_not_declined_beside_an_authorized_payment() {
    let mut shop = Shop::new(9);
    let booking = shop.reserve(2);
    let payment = shop.pay(booking);
    let letter = kill(&mut shop, payment);
    let (_, authorized) = shop.sent(Capture::Manual);
    shop.answer(authorized, AUTHORIZED);
    let state = shop.get::<Payment>(authorized).state;
    set_payment(&mut shop, payment, state);
    let expected = not_allowed(payment::State::Authorized, payment::Event::Declined);
    discard_is_refused(&mut shop, letter, expected);
}

#[test]
fn a_charge_is_not_sent_beside_an_authorized_payment() {
    let mut shop = Shop::new(9);
    let booking = shop.reserve(2);
    let payment = shop.pay(booking);
    let (_, authorized) = shop.sent(Capture::Manual);
    shop.answer(authorized, AUTHORIZED);
    let state = shop.get::<Payment>(authorized).state;
    set_payment(&mut shop, payment, state);
    let send = shop.mark_sent_command(payment, payment, None);
    assert_eq!(shop.refused(&send), not_allowed(payment::State::Authorized, payment::Event::Sent));
}

#[test]
fn a_refund_that_the_provider_has_is_neither_declined_nor_written_off() {
    for (sent, expected) in [
        (false, not_allowed(refund::State::Pending, refund::Event::Failed)),
        (true, not_allowed(refund::State::Pending, refund::Event::WrittenOff)),
    ] {
        let mut shop = Shop::new(9);
        let (_, payment) = shop.sent(Capture::Automatic);
        shop.webhook(payment, CAPTURED);
        let refund = shop.refund(payment, None);
        if sent {
            shop.send(refund, payment);
        }
        let letter = kill(&mut shop, refund);
        set_refund(&mut shop, refund, refund::Event::Accepted);
        discard_is_refused(&mut shop, letter, expected);
    }
}
