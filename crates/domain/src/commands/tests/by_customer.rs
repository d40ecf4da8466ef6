//! Payments that the customer completes: in the provider's form, or by a Pix code.

use super::jobs::put_off;
use super::provider_model::failure;
use super::test_world::{DEADLINE, RECHECK, TestWorld, object};
use crate::commands::StartPayment;
use crate::lifecycle::{attempt, job, payment};
use crate::provider::ProviderStatus;
use crate::rows::{Attempt, CHECKOUT_PAGE, Job, NextAction, PAYMENT_FORM, PIX, Payment, PaymentMethod};
use crate::time::Span;
use crate::{Currency, PaymentId, Refusal};

fn shown() -> ProviderStatus {
    ProviderStatus::NeedsAction(NextAction::UseProviderSdk { client_secret: Some("secret".into()) })
}
fn declined() -> ProviderStatus {
    ProviderStatus::Declined(failure("expired_card", true))
}

/// A payment whose customer has so much time.
fn start(world: &mut TestWorld, method: &str, within: Span) -> PaymentId {
    let booking = world.reserve(2);
    let command = world.pay_command(booking);
    world.start(&StartPayment { payment_method: method.into(), pay_within: Some(within), ..command })
}

fn sent(world: &mut TestWorld, within: Span) -> PaymentId {
    let payment = start(world, PAYMENT_FORM, within);
    assert!(world.mark_sent(payment));
    world.answer(payment, shown());
    payment
}

#[test]
fn the_method_of_a_payment_is_what_it_names() {
    let check = |method: &str, expected: fn(&PaymentMethod) -> bool| {
        let mut world = TestWorld::new(9);
        let payment = start(&mut world, method, Span::seconds(600));
        let row: Payment = world.get(payment);
        assert!(expected(&row.method()), "{method}: {:?}", row.method());
        assert_eq!(row.is_confirmed_by_customer(), method != PIX);
    };
    check(PAYMENT_FORM, |method| matches!(method, PaymentMethod::Form { .. }));
    check(CHECKOUT_PAGE, |method| matches!(method, PaymentMethod::Page { .. }));
    check(PIX, |method| matches!(method, PaymentMethod::Pix { pay_within: Span(600_000_000), .. }));
}

#[test]
fn a_decline_in_the_form_leaves_the_job_as_it_is() {
    for by_customer in [true, false] {
        let mut world = TestWorld::new(9);
        let booking = world.reserve(2);
        let mut command = world.pay_command(booking);
        if by_customer {
            command.payment_method = PAYMENT_FORM.into();
            command.pay_within = Some(DEADLINE);
        }
        let payment = world.start(&command);
        assert!(world.mark_sent(payment));
        world.answer(payment, shown());
        let due_at = world.get::<Job>(payment.0).due_at;
        world.webhook(payment, declined());
        let row: Payment = world.get(payment);
        assert_eq!(*row.state, payment::State::Pending);
        assert_eq!(row.failure.unwrap().0.code, "expired_card");
        let job: Job = world.get(payment.0);
        let expected = if by_customer { due_at } else { world.now };
        assert_eq!((*job.state, job.due_at), (job::State::Ready, expected), "by the customer: {by_customer}");
    }
}

#[test]
fn the_object_is_looked_at_when_the_customers_time_is_over() {
    let mut world = TestWorld::new(9);
    let payment = sent(&mut world, Span::seconds(20));
    let (job, row): (Job, Payment) = (world.get(payment.0), world.get(payment));
    assert_eq!(job.due_at, row.pay_until.unwrap(), "and not after {:?}", RECHECK.first);
    // Once it is over, and the object cannot be cancelled, it is looked at again a little later.
    world.wait(Span::seconds(20));
    world.fetched(payment, ProviderStatus::Processing);
    assert!(world.get::<Job>(payment.0).due_at > world.now);
}

#[test]
fn a_customer_who_has_time_is_no_review_case() {
    let check = |within: Span, late: bool| {
        let mut world = TestWorld::new(9);
        let payment = sent(&mut world, within);
        world.wait(DEADLINE);
        let token = world.token(payment);
        let mut lost = put_off(payment, token, payment);
        lost.lost_sight = true;
        world.run(&lost).reply();
        assert_eq!(world.reviews().len(), usize::from(late), "{within:?}");
        let state = *world.get::<Attempt>(payment.0).state;
        assert_eq!(state, if late { attempt::State::Review } else { attempt::State::Unknown });
        // What is seen later settles it in any case.
        world.webhook(payment, ProviderStatus::Cancelled);
        assert_eq!(world.payment_is(payment), payment::State::Cancelled);
    };
    check(DEADLINE, true);
    check(Span(DEADLINE.0 * 2), false);
}

#[test]
fn a_payment_is_not_shown_once_the_customers_time_is_over() {
    let check = |waited: i64, expected: bool| {
        let mut world = TestWorld::new(9);
        let payment = start(&mut world, PAYMENT_FORM, Span::seconds(20));
        world.wait(Span::seconds(waited));
        let command = world.mark_sent_command(payment, payment, Some(object(payment)));
        let reply = world.run(&command).reply();
        assert_eq!(matches!(reply, crate::Reply::Send(Some(_))), expected, "after {waited} s");
    };
    check(19, true);
    check(20, false);
}

#[test]
fn a_method_of_one_currency_takes_no_other() {
    let mut world = TestWorld::new(9);
    let booking = world.reserve(2);
    let command = world.pay_command(booking);
    let command = StartPayment { method_currency: Some(Currency::BRL), ..command };
    assert_eq!(world.refused(&command), Refusal::CurrencyIsNotTaken { currency: Currency::EUR });
    let booking = world.reserve(2);
    let command = world.pay_command(booking);
    world.start(&StartPayment { method_currency: Some(Currency::EUR), ..command });
}
