//! The amount that is due for a booking: its total once, also after a smaller capture, a void or a refund.

use super::disputes::withdraw;
use super::in_review::reserved;
use super::payments::{AUTHORIZED, CAPTURED};
use super::provider_model::failure;
use super::test_world::{PRICE, TestWorld, eur};
use crate::commands::{PaymentTarget, StartPayment};
use crate::lifecycle::{booking, payment};
use crate::limits::HOLD_SECONDS;
use crate::money::Money;
use crate::provider::{AmountRule, AmountRules, ProviderStatus, RefundStatus, Source};
use crate::rows::{Booking, Capture, Message, Payment, Slot};
use crate::time::Span;
use crate::{BookingId, Currency, PaymentId, Refusal};

fn booking_of(world: &TestWorld, payment: PaymentId) -> Booking {
    world.get(world.get::<Payment>(payment).booking.unwrap())
}

fn by_amount(world: &mut TestWorld, booking: BookingId, amount: Money) -> StartPayment {
    let target = PaymentTarget::Booking { booking, amount: Some(amount) };
    StartPayment { target, ..world.pay_command(booking) }
}

fn refunded(world: &mut TestWorld, payment: PaymentId, amount: Option<i64>) {
    let refund = world.refund(payment, amount);
    world.send(refund, payment);
    world.refund_answer(refund, RefundStatus::Succeeded);
}

/// Every way in which a tenant releases money.
#[test]
fn money_that_was_let_go_of_is_not_owed_again() {
    type LetGo = fn(&mut TestWorld) -> PaymentId;
    let part: LetGo = |world| {
        let (_, payment) = world.paid();
        refunded(world, payment, Some(700));
        payment
    };
    let all: LetGo = |world| {
        let (_, payment) = world.paid();
        refunded(world, payment, None);
        payment
    };
    let at_provider: LetGo = |world| {
        let (_, payment) = world.paid();
        world.refund_at_provider(payment, "re_1", 700, RefundStatus::Succeeded).reply();
        payment
    };
    let reversed: LetGo = |world| {
        let (_, payment) = world.paid();
        world.refund_at_provider(payment, "re_1", 700, RefundStatus::Succeeded).reply();
        let failed = RefundStatus::Failed(failure("account_closed", false));
        world.refund_at_provider(payment, "re_1", 700, failed).reply();
        payment
    };
    let disputed: LetGo = |world| {
        let (_, payment) = world.paid();
        withdraw(world, payment);
        payment
    };
    let captured_less: LetGo = |world| {
        let payment = reserved(world);
        let capture = world.start_capture(payment, Some(500));
        world.send(capture, payment);
        let seen = ProviderStatus::Captured { amount_minor: 500 };
        let settle = world.settle_command(capture, payment, seen, Source::Fetched);
        world.run(&settle).reply();
        payment
    };
    for (name, release) in [
        ("a part refunded", part),
        ("all refunded", all),
        ("refunded at the provider", at_provider),
        ("a refund reversed", reversed),
        ("disputed", disputed),
        ("less captured", captured_less),
    ] {
        let mut world = TestWorld::new(9);
        let payment = release(&mut world);
        let booking = booking_of(&world, payment);
        assert_eq!((booking.due_minor(), *booking.state), (0, booking::State::Confirmed), "{name}");
        let again = world.pay_command(booking.id);
        assert_eq!(world.refused(&again), Refusal::NothingIsDue, "{name}");
    }
}

#[test]
fn a_charge_after_a_refund_needs_an_amount() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    refunded(&mut world, payment, Some(700));
    let booking = booking_of(&world, payment).id;
    let over = by_amount(&mut world, booking, eur(701));
    assert_eq!(world.refused(&over), Refusal::AmountExceedsTotal { chargeable: eur(700) });
    let foreign = by_amount(&mut world, booking, Money::new(700, Currency::USD));
    assert_eq!(world.refused(&foreign), Refusal::CurrencyIsNotTheBookings);
    let nothing = by_amount(&mut world, booking, eur(0));
    assert_eq!(world.refused(&nothing), Refusal::NothingIsDue);
    let again = by_amount(&mut world, booking, eur(700));
    let second = world.start(&again);
    assert!(world.mark_sent(second));
    world.webhook(second, ProviderStatus::Captured { amount_minor: 700 });
    let row = booking_of(&world, second);
    assert_eq!((row.paid_minor, row.refunded_minor, row.due_minor()), (2 * PRICE + 700, 700, 0));
    let over = by_amount(&mut world, booking, eur(1));
    assert_eq!(world.refused(&over), Refusal::AmountExceedsTotal { chargeable: eur(0) });
}

#[test]
fn a_hold_is_paid_whole() {
    let mut world = TestWorld::new(9);
    let booking = world.reserve(2);
    let part = by_amount(&mut world, booking, eur(2 * PRICE - 1));
    assert_eq!(world.refused(&part), Refusal::AmountDoesNotCoverWhatIsDue { due: eur(2 * PRICE) });
    let whole = by_amount(&mut world, booking, eur(2 * PRICE));
    world.start(&whole);
}

/// Amounts from ten to a thousand, in steps of five, and only in euros.
pub const SOME_AMOUNTS: AmountRules = AmountRules(|_, currency| {
    let rule = AmountRule { min_minor: 10, max_minor: 1_000, step_minor: 5 };
    (currency == Currency::EUR).then_some(rule)
});

#[test]
fn an_amount_that_the_provider_cannot_move_is_refused() {
    let mut world = TestWorld::new(9);
    let rule = (SOME_AMOUNTS.0)("stripe", Currency::EUR).unwrap();
    let of = |world: &mut TestWorld, amount: Money| {
        let target = PaymentTarget::Amount { amount, reference: None };
        let amounts = SOME_AMOUNTS;
        StartPayment { target, amounts, ..world.pay_command(BookingId(uuid::Uuid::nil())) }
    };
    for minor in [5, 12, 1_005] {
        let command = of(&mut world, eur(minor));
        let amount = eur(minor);
        assert_eq!(world.refused(&command), Refusal::AmountIsNotPayable { amount, rule });
    }
    let currency = Currency::USD;
    let command = of(&mut world, Money::new(10, currency));
    assert_eq!(world.refused(&command), Refusal::CurrencyIsNotTaken { currency });

    // A seat that no provider can charge is not held either.
    let mut reserve = world.reserve_command(2);
    reserve.providers.amounts = SOME_AMOUNTS;
    let amount = eur(2 * PRICE);
    assert_eq!(world.refused(&reserve), Refusal::AmountIsNotPayable { amount, rule });
    reserve.items = world.basket(world.child, 1);
    reserve.claim = world.claim();
    world.run(&reserve).reply();

    // A part may be below the least payment.
    let payment = reserved(&mut world);
    let mut capture = world.capture_command(payment, Some(12));
    capture.amounts = SOME_AMOUNTS;
    assert_eq!(world.refused(&capture), Refusal::AmountIsNotPayable { amount: eur(12), rule });
    let (_, payment) = world.paid();
    let mut refund = world.refund_command(payment, Some(7));
    refund.amounts = SOME_AMOUNTS;
    assert_eq!(world.refused(&refund), Refusal::AmountIsNotPayable { amount: eur(7), rule });
    let mut refund = world.refund_command(payment, Some(5));
    refund.amounts = SOME_AMOUNTS;
    world.run(&refund).reply();
}

#[test]
fn a_booking_whose_last_security_is_called_off_is_cancelled() {
    let mut world = TestWorld::new(2);
    let payment = reserved(&mut world);
    let booking = booking_of(&world, payment);
    assert_eq!(world.get::<Slot>(world.slot).sold, 2);
    let void = world.start_void(payment);
    world.send(void, payment);
    let settle = world.settle_command(void, payment, ProviderStatus::Cancelled, Source::Answer);
    world.run(&settle).reply();
    assert_eq!(world.booking_is(booking.id), booking::State::Cancelled);
    assert_eq!(world.get::<Slot>(world.slot).sold, 0, "its seats are free");
    let messages = world.all::<Message>();
    let mut own = messages.iter().rev().filter(|message| message.subject == booking.id.0);
    assert_eq!(own.next().unwrap().kind, "booking.cancelled");
    assert!(world.reviews().is_empty());
    world.reserve(2);
}

/// The booking has money, or the tenant has refunded it.
#[test]
fn a_booking_with_another_security_stays_confirmed() {
    for all_refunded in [false, true] {
        let mut world = TestWorld::new(9);
        let (_, first) = world.paid();
        refunded(&mut world, first, (!all_refunded).then_some(700));
        let booking = booking_of(&world, first).id;
        let again = StartPayment { capture: Capture::Manual, ..by_amount(&mut world, booking, eur(700)) };
        let second = world.start(&again);
        assert!(world.mark_sent(second));
        world.webhook(second, ProviderStatus::Authorized { amount_minor: 700 });
        let void = world.start_void(second);
        world.send(void, second);
        let settle = world.settle_command(void, second, ProviderStatus::Cancelled, Source::Fetched);
        world.run(&settle).reply();
        assert_eq!(world.payment_is(second), payment::State::Cancelled);
        assert_eq!(world.booking_is(booking), booking::State::Confirmed);
    }
}

/// The first reason is kept, because the cancelled object has none.
#[test]
fn a_decline_keeps_its_reason() {
    let lost_card = failure("lost_card", false);
    for recorded in [false, true] {
        let mut world = TestWorld::new(9);
        let (_, payment) = world.sent(Capture::Automatic);
        if recorded {
            world.record_decline(payment, lost_card.clone());
        } else {
            world.webhook(payment, ProviderStatus::Declined(lost_card.clone()));
        }
        // The reply to the cancel was lost, and the later observation has no reason.
        world.record_decline(payment, failure("generic_decline", true));
        world.webhook(payment, ProviderStatus::Declined(failure("card_declined", true)));
        world.fetched(payment, ProviderStatus::Cancelled);
        assert_eq!(world.payment_is(payment), payment::State::Failed);
        assert_eq!(world.get::<Payment>(payment).failure.unwrap().0, lost_card);
        assert_eq!(world.stored(payment), "payment_declined");
    }
}

#[test]
fn a_failure_ends_with_the_money() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.sent(Capture::Automatic);
    world.webhook(payment, ProviderStatus::Declined(failure("card_declined", true)));
    world.webhook(payment, CAPTURED);
    assert_eq!(world.get::<Payment>(payment).failure, None);
}

/// Failures before a reply do not delay the recheck after it.
#[test]
fn rechecks_begin_at_the_reply() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.sent(Capture::Automatic);
    for _ in 0..8 {
        let token = world.token(payment);
        let put_off = super::jobs::put_off(payment.0, token, payment);
        world.run(&put_off).reply();
    }
    world.answer(payment, CAPTURED);
    let job: crate::rows::Job = world.get(payment.0);
    assert_eq!(job.due_at, world.now.plus(Span::seconds(30)));
    assert_eq!((job.failures, job.looks, job.attempts), (0, 1, 0));
}

/// The rechecks become rarer, but one of them is at the end of the hold.
#[test]
fn a_recheck_is_due_at_the_end_of_the_hold() {
    let mut world = TestWorld::new(9);
    let (booking, payment) = world.sent(Capture::Automatic);
    let expires_at = world.get::<Booking>(booking).hold_expires_at;
    let mut rechecks = std::vec![];
    while world.now < expires_at {
        world.answer(payment, CAPTURED);
        let due_at = world.get::<crate::rows::Job>(payment.0).due_at;
        rechecks.push(due_at.since(world.now).as_seconds());
        world.now = due_at;
    }
    assert_eq!(rechecks, [30, 60, 120, 240, HOLD_SECONDS - 450]);
}

/// The provider has reported the money, and no fetch was possible since: the seats wait for one.
#[test]
fn a_paid_hold_does_not_lapse_before_a_fetch() {
    for seen in [AUTHORIZED, CAPTURED] {
        let mut world = TestWorld::new(9);
        let (booking, payment) = world.sent(Capture::Manual);
        world.answer(payment, seen.clone());
        for _ in 0..5 {
            world.wait(Span::seconds(HOLD_SECONDS));
            assert_eq!(world.expire(), 0);
            let job: crate::rows::Job = world.get(payment.0);
            assert!(job.due_at <= world.now, "the job is due now");
        }
        assert!(!world.get::<Payment>(payment).void_requested);
        world.fetched(payment, seen);
        assert_eq!(world.booking_is(booking), booking::State::Confirmed);
    }
}

/// A hold in its grace is swept once, so that it does not hide those that lapsed later.
#[test]
fn a_hold_in_its_grace_is_swept_once() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.sent(Capture::Automatic);
    world.answer(payment, ProviderStatus::Processing);
    world.wait(Span::seconds(HOLD_SECONDS));
    assert_eq!(world.lapsed().len(), 1);
    world.expire();
    assert_eq!(world.lapsed().len(), 0);
    world.webhook(payment, ProviderStatus::Cancelled);
    assert_eq!(world.lapsed().len(), 1, "its payment has ended");
    assert_eq!(world.expire(), 1);
}
