//! A declined charge goes on at the payment's next account, and only after a decline that proves that no
//! money moved.

use super::payments::{AUTHORIZED, CAPTURED};
use super::provider_model::failure;
use super::test_store::CommandResult;
use super::test_world::{DEADLINE, PRICE, TENANT, TestWorld, account, eur, object};
use crate::commands::{Abandon, PaymentTarget, Postpone, StartPayment};
use crate::lifecycle::{attempt, booking, payment};
use crate::provider::ProviderStatus;
use crate::rows::{Account, Attempt, Booking, Failure, Payment, PaymentRoute};
use crate::time::Span;
use crate::{AccountId, BookingId, PaymentId};
use std::vec;
use std::vec::Vec;
use uuid::Uuid;

fn other() -> AccountId {
    AccountId::of("mercado_pago", "other")
}

fn route(account: AccountId) -> PaymentRoute {
    PaymentRoute { account, provider: "mercado_pago".into(), payment_method: "token".into(), brand: None }
}

fn world() -> TestWorld {
    let mut world = TestWorld::new(9);
    let main: Account = world.get(account());
    world.set(&Account { id: other(), provider: "mercado_pago".into(), name: "other".into(), ..main });
    world
}

/// A payment of a booking that has another account to go on at.
fn sent(world: &mut TestWorld) -> (BookingId, PaymentId, StartPayment) {
    let booking = world.reserve(2);
    let command = StartPayment { alternatives: vec![route(other())], ..world.pay_command(booking) };
    let payment = world.start(&command);
    assert!(world.mark_sent(payment));
    (booking, payment, command)
}

/// The payment at the next account, if there is one.
fn next(world: &TestWorld, payment: PaymentId) -> Option<Payment> {
    let continued_by = world.get::<Payment>(payment).continued_by;
    let rows: Vec<Payment> = world.all::<Payment>();
    let next = rows.into_iter().find(|row| row.continues == Some(payment));
    assert_eq!(next.as_ref().map(|row| row.id), continued_by, "each names the other");
    next
}

fn failed(retryable: bool) -> ProviderStatus {
    ProviderStatus::Failed(failure("insufficient_funds", retryable))
}

#[test]
fn a_declined_charge_goes_on_at_the_next_account_and_answers_its_key_there() {
    let mut world = world();
    let (booking, first, command) = sent(&mut world);
    world.answer(first, failed(true));
    let row = next(&world, first).expect("it goes on");
    assert_eq!(world.payment_is(first), payment::State::Failed);
    assert_eq!(
        (row.account, row.provider.as_str(), row.payment_method.as_str()),
        (other(), "mercado_pago", "token")
    );
    assert_eq!((row.amount_minor, row.alternatives), (2 * PRICE, None));
    assert_eq!(world.get::<Booking>(booking).open_payment, Some(row.id), "the booking passes to it");
    assert!(matches!(world.run(&command), CommandResult::InFlight), "the client still waits");

    assert!(world.mark_sent(row.id));
    world.answer(row.id, CAPTURED);
    world.fetched(row.id, CAPTURED);
    assert_eq!(world.booking_is(booking), booking::State::Confirmed);
    let CommandResult::Replay { status, .. } = world.run(&command) else { panic!("it was answered") };
    assert_eq!(status, 200);
    assert_eq!(world.get::<Booking>(booking).payments, 2);
    world.close_the_books();
}

#[test]
fn the_last_decline_is_the_answer() {
    let mut world = world();
    let (_, first, command) = sent(&mut world);
    world.webhook(first, failed(true));
    let second = next(&world, first).unwrap().id;
    assert!(world.mark_sent(second));
    world.answer(second, failed(true));
    assert_eq!(next(&world, second), None);
    let CommandResult::Replay { body, .. } = world.run(&command) else { panic!("it was answered") };
    assert!(body.contains("payment_declined"), "{body}");
    assert_eq!(world.all::<Payment>().len(), 2);
}

#[test]
fn repeated_evidence_goes_on_once() {
    let mut world = world();
    let (_, first, _) = sent(&mut world);
    for _ in 0..2 {
        world.webhook(first, failed(true));
    }
    world.webhook(first, ProviderStatus::Cancelled);
    assert_eq!(world.all::<Payment>().len(), 2);
}

#[test]
fn what_is_not_a_decline_that_is_worth_another_try_ends_there() {
    let check = |what: &str, act: fn(&mut TestWorld, BookingId, PaymentId)| {
        let mut world = world();
        let (booking, first, _) = sent(&mut world);
        act(&mut world, booking, first);
        assert_eq!(next(&world, first), None, "{what}");
        assert_eq!(world.all::<Payment>().len(), 1, "{what}");
    };
    check("a card that must not be tried again", |world, _, first| world.answer(first, failed(false)));
    check("an unknown outcome", |world, _, first| {
        let postpone = Postpone {
            attempt: first.into(),
            token: world.token(first),
            payment: first,
            refund: None,
            pause: Span::seconds(1),
            lost_sight: true,
            key_spent: false,
            reached_provider: true,
            error: None,
        };
        world.run(&postpone).reply();
        assert_eq!(*world.get::<Attempt>(first.0).state, attempt::State::Unknown);
    });
    check("a decline that is not final", |world, _, first| {
        world.answer(first, ProviderStatus::Declined(failure("insufficient_funds", true)));
    });
    check("money", |world, _, first| world.answer(first, AUTHORIZED));
    check("a payment that was called off", |world, _, first| {
        world.start_void(first);
        world.answer(first, failed(true));
    });
    check("a client that has its answer", |world, _, first| {
        world.wait(DEADLINE);
        world.answer(first, ProviderStatus::Processing);
        world.answer(first, failed(true));
    });
    check("a hold that has lapsed", |world, booking, first| {
        let row: Booking = world.get(booking);
        let now = world.now;
        world.set(&Booking { hold_expires_at: now, ..row });
        world.answer(first, failed(true));
    });
    check("a contradicted payment", |world, _, first| {
        let row: Payment = world.get(first);
        let now = world.now;
        world.set(&Payment { contradicted_at: Some(now), ..row });
        world.answer(first, failed(true));
    });
}

#[test]
fn a_charge_that_was_not_sent_goes_on_without_a_booking_too() {
    let mut world = world();
    let target = PaymentTarget::Amount { amount: eur(700), reference: None };
    let alternatives = vec![route(other()), route(account())];
    let command = StartPayment { target, alternatives, ..world.pay_command(BookingId(Uuid::nil())) };
    let first = world.start(&command);
    let abandon = Abandon {
        attempt: first.into(),
        token: world.token(first),
        payment: first,
        refund: None,
        failure: Failure::not_sent("provider_unreachable", true),
        refused_at_first: false,
    };
    world.run(&abandon).reply();
    let second = next(&world, first).expect("it goes on");
    assert_eq!(second.alternatives.as_ref().map(|list| list.0.len()), Some(1), "one is left");
    assert_eq!(world.all::<Payment>().len(), 2);
    assert_eq!(world.payment_is(first), payment::State::Failed);
}

#[test]
fn money_that_arrives_at_the_account_before_is_a_contradiction() {
    let mut world = world();
    let (booking, first, _) = sent(&mut world);
    world.answer(first, failed(true));
    let second = next(&world, first).unwrap().id;
    world.webhook(first, CAPTURED);
    assert_eq!(world.reviews().len(), 1);
    assert!(world.mark_sent(second));
    world.fetched(second, CAPTURED);
    assert_eq!(world.booking_is(booking), booking::State::Confirmed);
    assert_eq!(world.get::<Payment>(first).suspended_minor, 2 * PRICE, "{}", object(first));
}

#[test]
fn an_alternative_of_another_tenant_is_refused() {
    let mut world = world();
    let booking = world.reserve(1);
    let foreign = AccountId::of("stripe", "foreign");
    let main: Account = world.get(account());
    assert_eq!(main.tenant, TENANT);
    world.set(&Account { id: foreign, tenant: super::test_world::STRANGER, ..main });
    let command = StartPayment { alternatives: vec![route(foreign)], ..world.pay_command(booking) };
    assert_eq!(world.refused(&command), crate::Refusal::AccountNotFound);
}
