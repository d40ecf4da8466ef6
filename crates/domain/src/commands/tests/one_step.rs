//! Payments that a provider creates in one step, and refunds that carry no reference of ours.

use super::payments::{AUTHORIZED, CAPTURED};
use super::provider_model::failure;
use super::test_world::{TestWorld, object};
use crate::commands::{Abandon, SettleRefund};
use crate::lifecycle::{attempt, booking, payment};
use crate::provider::{ProviderStatus, RefundStatus, Source};
use crate::rows::{Attempt, Payment, Refund};
use crate::{PaymentId, Refusal};

/// A payment that is committed as sent, and whose object is not known.
fn sent_in_one_step(world: &mut TestWorld) -> PaymentId {
    let booking = world.reserve(2);
    let payment = world.pay(booking);
    let mark = world.mark_sent_command(payment, payment, None);
    world.run(&mark).reply();
    assert_eq!(world.payment_is(payment), payment::State::Pending);
    assert_eq!(world.get::<Payment>(payment).provider_ref, None);
    payment
}

#[test]
fn the_object_is_adopted_from_whatever_shows_it_first() {
    for status in [AUTHORIZED, CAPTURED, ProviderStatus::Processing] {
        for source in [Source::Answer, Source::Fetched, Source::Webhook] {
            let mut world = TestWorld::new(9);
            let payment = sent_in_one_step(&mut world);
            match source {
                Source::Answer => world.answer(payment, status.clone()),
                Source::Fetched => world.fetched(payment, status.clone()),
                Source::Webhook => world.webhook(payment, status.clone()),
                Source::Person => unreachable!("nobody records it"),
            }
            assert_eq!(world.get::<Payment>(payment).provider_ref, Some(object(payment)), "{source:?}");
            world.webhook(payment, CAPTURED);
            assert_eq!(world.payment_is(payment), payment::State::Captured);
            assert!(world.reviews().is_empty(), "{status:?} by {source:?}");
            world.close_the_books();
        }
    }
}

#[test]
fn an_object_of_another_amount_is_not_adopted() {
    let mut world = TestWorld::new(9);
    let payment = sent_in_one_step(&mut world);
    let mut seen = world.seen(payment, CAPTURED);
    seen.amount_minor += 1;
    let event = world.event_command(payment, seen);
    world.run(&event).reply();
    let row: Payment = world.get(payment);
    assert_eq!((row.provider_ref, row.captured_minor), (None, 0));
    assert_eq!(world.reviews().len(), 1);
}

#[test]
fn a_second_object_with_money_is_a_contradiction() {
    for status in [ProviderStatus::Processing, CAPTURED] {
        let mut world = TestWorld::new(9);
        let payment = sent_in_one_step(&mut world);
        world.webhook(payment, status);
        let mut second = world.seen(payment, CAPTURED);
        second.object = "another".into();
        let event = world.event_command(payment, second);
        world.run(&event).reply();
        assert_eq!(world.get::<Payment>(payment).provider_ref, Some(object(payment)));
        assert_eq!(world.reviews().len(), 1);
    }
}

#[test]
fn a_payment_that_failed_for_good_frees_its_booking() {
    for by_event in [false, true] {
        let mut world = TestWorld::new(9);
        let payment = sent_in_one_step(&mut world);
        let status = ProviderStatus::Failed(failure("cc_rejected_insufficient_amount", true));
        if by_event {
            world.webhook(payment, status);
        } else {
            world.answer(payment, status);
        }
        let row: Payment = world.get(payment);
        assert_eq!(*row.state, payment::State::Failed);
        assert_eq!(row.failure.unwrap().0.code, "cc_rejected_insufficient_amount");
        assert_eq!(*world.get::<Attempt>(payment.0).state, attempt::State::Declined);
        let booking = row.booking.unwrap();
        assert_eq!(world.booking_is(booking), booking::State::Held);
        let again = world.pay(booking);
        assert_ne!(again, payment, "the booking can be paid again");
    }
}

#[test]
fn a_first_call_that_is_refused_moved_nothing_and_a_later_refusal_proves_nothing() {
    let mut world = TestWorld::new(9);
    let payment = sent_in_one_step(&mut world);
    let token = world.token(payment);
    let abandon = Abandon {
        attempt: payment.into(),
        token,
        payment,
        refund: None,
        failure: failure("invalid_token", false),
        refused_at_first: true,
    };
    let unsent_only = Abandon { refused_at_first: false, ..abandon.clone() };
    assert_eq!(world.run(&unsent_only).refusal(), Refusal::NothingToDo);
    world.run(&abandon).reply();
    assert_eq!(world.payment_is(payment), payment::State::Failed);
    assert_eq!(*world.get::<Attempt>(payment.0).state, attempt::State::Declined);

    let adopted = sent_in_one_step(&mut world);
    world.answer(adopted, ProviderStatus::Processing);
    let token = world.token(adopted);
    let late = Abandon { attempt: adopted.into(), token, payment: adopted, ..abandon };
    assert_eq!(world.run(&late).refusal(), Refusal::NothingToDo, "it has an object");
}

#[test]
fn a_refund_without_a_reference_waits_while_it_may_be_ours() {
    let mut world = TestWorld::new(9);
    let payment = sent_in_one_step(&mut world);
    world.webhook(payment, CAPTURED);
    let ours = world.refund(payment, Some(400));
    let mark = world.mark_sent_command(ours, payment, None);
    world.run(&mark).reply();
    let event = world.refund_event(payment, "7", 400, RefundStatus::Succeeded);
    let unmarked = SettleRefund { may_be_ours: true, ..event };
    assert_eq!(world.run(&unmarked).refusal(), Refusal::PaymentIsBehind);

    world.refund_answer(ours, RefundStatus::Succeeded);
    assert_eq!(world.get::<Payment>(payment).refunded_minor, 400);
    // An event of ours whose row was looked for before it had its object.
    let object = world.get::<Refund>(ours).provider_ref.unwrap();
    let event = world.refund_event(payment, &object, 400, RefundStatus::Succeeded);
    let overtaken = SettleRefund { may_be_ours: true, ..event };
    assert_eq!(world.run(&overtaken).refusal(), Refusal::PaymentIsBehind);
    assert_eq!(world.get::<Payment>(payment).refunded_minor, 400);
    // Now nothing of ours is under way: another one was made at the provider.
    world.run(&unmarked).reply();
    assert_eq!(world.get::<Payment>(payment).refunded_minor, 800);
    assert!(world.get::<Refund>(unmarked.refund).external);
    world.close_the_books();
}
