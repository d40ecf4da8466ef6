//! Rows whose states do not fit together: the command is refused and moves nothing, or repairs them by
//! audited moves. No command leaves such rows, but a lifecycle that lacks a step would.

use super::dead_letters::{decided, kill};
use super::payments::AUTHORIZED;
use super::test_world::TestWorld;
use crate::commands::{DeadLetterRef, DiscardDeadLetter};
use crate::lifecycle::{CurrentState, payment, refund};
use crate::rows::{Capture, Payment, Refund};
use crate::{PaymentId, RefundId, Refusal};

fn not_allowed<S: crate::lifecycle::State>(state: S, event: S::Event) -> Refusal {
    Refusal::StateDoesNotAllowIt { lifecycle: S::NAME, state: state.name(), event: S::event_name(event) }
}

fn discard_is_refused(world: &mut TestWorld, letter: DeadLetterRef, expected: Refusal) {
    assert_eq!(world.refused(&DiscardDeadLetter(decided(letter))), expected);
}

fn set_payment(world: &mut TestWorld, payment: PaymentId, state: CurrentState<payment::State>) {
    let row: Payment = world.get(payment);
    world.set(&Payment { state, ..row });
}

fn set_refund(world: &mut TestWorld, refund: RefundId, on: refund::Event) {
    let row: Refund = world.get(refund);
    world.set(&Refund { state: CurrentState::<refund::State>::start().require(on).unwrap().to(), ..row });
}

#[test]
fn a_charge_is_not_written_off_beside_a_payment_that_was_never_sent() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.sent(Capture::Automatic);
    let letter = kill(&mut world, payment);
    set_payment(&mut world, payment, CurrentState::start());
    let expected = not_allowed(payment::State::Created, payment::Event::WrittenOff);
    discard_is_refused(&mut world, letter, expected);
}

#[test]
fn an_unsent_charge_is_not_declined_beside_an_authorized_payment() {
    let mut world = TestWorld::new(9);
    let booking = world.reserve(2);
    let payment = world.pay(booking);
    let letter = kill(&mut world, payment);
    let (_, authorized) = world.sent(Capture::Manual);
    world.answer(authorized, AUTHORIZED);
    let state = world.get::<Payment>(authorized).state;
    set_payment(&mut world, payment, state);
    let expected = not_allowed(payment::State::Authorized, payment::Event::Declined);
    discard_is_refused(&mut world, letter, expected);
}

#[test]
fn a_charge_is_not_sent_beside_an_authorized_payment() {
    let mut world = TestWorld::new(9);
    let booking = world.reserve(2);
    let payment = world.pay(booking);
    let (_, authorized) = world.sent(Capture::Manual);
    world.answer(authorized, AUTHORIZED);
    let state = world.get::<Payment>(authorized).state;
    set_payment(&mut world, payment, state);
    let send = world.mark_sent_command(payment, payment, None);
    assert_eq!(world.refused(&send), not_allowed(payment::State::Authorized, payment::Event::Sent));
}

#[test]
fn a_refund_that_the_provider_has_is_neither_declined_nor_written_off() {
    for (sent, expected) in [
        (false, not_allowed(refund::State::Pending, refund::Event::Failed)),
        (true, not_allowed(refund::State::Pending, refund::Event::WrittenOff)),
    ] {
        let mut world = TestWorld::new(9);
        let (_, payment) = world.paid();
        let refund = world.refund(payment, None);
        if sent {
            world.send(refund, payment);
        }
        let letter = kill(&mut world, refund);
        set_refund(&mut world, refund, refund::Event::Accepted);
        discard_is_refused(&mut world, letter, expected);
    }
}

#[test]
fn a_refund_behind_its_attempt_is_written_off_by_audited_moves() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    let refund = world.refund(payment, None);
    world.send(refund, payment);
    let letter = kill(&mut world, refund);
    set_refund(&mut world, refund, refund::Event::LostSight);
    // A law of the store: each new state was reached by audited moves.
    world.run(&DiscardDeadLetter(decided(letter))).reply();
    assert_eq!(*world.get::<Refund>(refund).state, refund::State::WrittenOff);
}
