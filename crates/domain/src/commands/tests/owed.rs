//! What a booking owes: all of it once, however much of that was let go of or given back afterwards.

use super::hand_over::{paid, reserved};
use super::movements::dispute;
use super::payments::{AUTHORIZED, CAPTURED};
use super::shop::{PRICE, Shop, eur};
use super::teller::failure;
use crate::commands::{PaymentTarget, StartPayment};
use crate::lifecycle::{booking, payment};
use crate::limits::HOLD_SECONDS;
use crate::money::Money;
use crate::provider::{AmountRule, AmountRules, DisputeStatus, ProviderStatus, RefundStatus, Source};
use crate::rows::{Booking, Capture, Message, Payment, Slot};
use crate::time::Span;
use crate::{BookingId, Currency, PaymentId, Refusal};

fn booking_of(shop: &Shop, payment: PaymentId) -> Booking {
    shop.get(shop.get::<Payment>(payment).booking.unwrap())
}

fn by_amount(shop: &mut Shop, booking: BookingId, amount: Money) -> StartPayment {
    let target = PaymentTarget::Booking { booking, amount: Some(amount) };
    StartPayment { target, ..shop.pay_command(booking) }
}

fn refunded(shop: &mut Shop, payment: PaymentId, amount: Option<i64>) {
    let refund = shop.refund(payment, amount);
    shop.send(refund, payment);
    shop.refund_answer(refund, RefundStatus::Succeeded);
}

/// Every way in which money is let go of.
#[test]
fn money_that_was_let_go_of_is_not_owed_again() {
    type LetGo = fn(&mut Shop) -> PaymentId;
    let part: LetGo = |shop| {
        let payment = paid(shop);
        refunded(shop, payment, Some(700));
        payment
    };
    let all: LetGo = |shop| {
        let payment = paid(shop);
        refunded(shop, payment, None);
        payment
    };
    let at_provider: LetGo = |shop| {
        let payment = paid(shop);
        shop.refund_at_provider(payment, "re_1", 700, RefundStatus::Succeeded).reply();
        payment
    };
    let reversed: LetGo = |shop| {
        let payment = paid(shop);
        shop.refund_at_provider(payment, "re_1", 700, RefundStatus::Succeeded).reply();
        let failed = RefundStatus::Failed(failure("account_closed", false));
        shop.refund_at_provider(payment, "re_1", 700, failed).reply();
        payment
    };
    let disputed: LetGo = |shop| {
        let payment = paid(shop);
        dispute(shop, payment, DisputeStatus::FundsWithdrawn);
        payment
    };
    let captured_less: LetGo = |shop| {
        let payment = reserved(shop);
        let capture = shop.start_capture(payment, Some(500));
        shop.send(capture, payment);
        let seen = ProviderStatus::Captured { amount_minor: 500 };
        let settle = shop.settle_command(capture, payment, seen, Source::Fetched);
        shop.run(&settle).reply();
        payment
    };
    for (name, let_go) in [
        ("a part refunded", part),
        ("all refunded", all),
        ("refunded at the provider", at_provider),
        ("a refund reversed", reversed),
        ("disputed", disputed),
        ("less captured", captured_less),
    ] {
        let mut shop = Shop::new(9);
        let payment = let_go(&mut shop);
        let booking = booking_of(&shop, payment);
        assert_eq!((booking.due_minor(), *booking.state), (0, booking::State::Confirmed), "{name}");
        let again = shop.pay_command(booking.id);
        assert_eq!(shop.refused(&again), Refusal::NothingIsDue, "{name}");
    }
}

#[test]
fn a_charge_after_a_refund_is_asked_for_by_amount() {
    let mut shop = Shop::new(9);
    let payment = paid(&mut shop);
    refunded(&mut shop, payment, Some(700));
    let booking = booking_of(&shop, payment).id;
    let over = by_amount(&mut shop, booking, eur(701));
    assert_eq!(shop.refused(&over), Refusal::AmountExceedsTotal { chargeable: eur(700) });
    let foreign = by_amount(&mut shop, booking, Money::new(700, Currency::USD));
    assert_eq!(shop.refused(&foreign), Refusal::CurrencyIsNotTheBookings);
    let nothing = by_amount(&mut shop, booking, eur(0));
    assert_eq!(shop.refused(&nothing), Refusal::NothingIsDue);
    let again = by_amount(&mut shop, booking, eur(700));
    let second = shop.start(&again);
    assert!(shop.mark_sent(second));
    shop.webhook(second, ProviderStatus::Captured { amount_minor: 700 });
    let row = booking_of(&shop, second);
    assert_eq!((row.paid_minor, row.refunded_minor, row.due_minor()), (2 * PRICE + 700, 700, 0));
    let over = by_amount(&mut shop, booking, eur(1));
    assert_eq!(shop.refused(&over), Refusal::AmountExceedsTotal { chargeable: eur(0) });
}

#[test]
fn a_hold_is_paid_whole() {
    let mut shop = Shop::new(9);
    let booking = shop.reserve(2);
    let part = by_amount(&mut shop, booking, eur(2 * PRICE - 1));
    assert_eq!(shop.refused(&part), Refusal::AmountDoesNotCoverWhatIsDue { due: eur(2 * PRICE) });
    let whole = by_amount(&mut shop, booking, eur(2 * PRICE));
    shop.start(&whole);
}

/// Ten to a thousand, in steps of five, and euros only.
pub const SOME_AMOUNTS: AmountRules = AmountRules(|_, currency| {
    let rule = AmountRule { min_minor: 10, max_minor: 1_000, step_minor: 5 };
    (currency == Currency::EUR).then_some(rule)
});

#[test]
fn what_the_provider_cannot_move_is_not_asked_of_it() {
    let mut shop = Shop::new(9);
    let rule = (SOME_AMOUNTS.0)("stripe", Currency::EUR).unwrap();
    let of = |shop: &mut Shop, amount: Money| {
        let target = PaymentTarget::Amount { amount, reference: None };
        let amounts = SOME_AMOUNTS;
        StartPayment { target, amounts, ..shop.pay_command(BookingId(uuid::Uuid::nil())) }
    };
    for minor in [5, 12, 1_005] {
        let command = of(&mut shop, eur(minor));
        let amount = eur(minor);
        assert_eq!(shop.refused(&command), Refusal::AmountIsNotPayable { amount, rule });
    }
    let currency = Currency::USD;
    let command = of(&mut shop, Money::new(10, currency));
    assert_eq!(shop.refused(&command), Refusal::CurrencyIsNotTaken { currency });

    // Nor is a seat held that nobody can pay.
    let mut reserve = shop.reserve_command(2);
    reserve.providers.amounts = SOME_AMOUNTS;
    let amount = eur(2 * PRICE);
    assert_eq!(shop.refused(&reserve), Refusal::AmountIsNotPayable { amount, rule });
    reserve.units = std::vec![(shop.child, 1)];
    reserve.claim = shop.claim();
    shop.run(&reserve).reply();

    // A part may be less than the least payment.
    let payment = reserved(&mut shop);
    let mut capture = shop.capture_command(payment, Some(12));
    capture.amounts = SOME_AMOUNTS;
    assert_eq!(shop.refused(&capture), Refusal::AmountIsNotPayable { amount: eur(12), rule });
    let payment = paid(&mut shop);
    let mut refund = shop.refund_command(payment, Some(7));
    refund.amounts = SOME_AMOUNTS;
    assert_eq!(shop.refused(&refund), Refusal::AmountIsNotPayable { amount: eur(7), rule });
    let mut refund = shop.refund_command(payment, Some(5));
    refund.amounts = SOME_AMOUNTS;
    shop.run(&refund).reply();
}

#[test]
fn a_booking_whose_last_security_is_called_off_is_cancelled() {
    let mut shop = Shop::new(2);
    let payment = reserved(&mut shop);
    let booking = booking_of(&shop, payment);
    assert_eq!(shop.get::<Slot>(shop.slot).sold, 2);
    let void = shop.start_void(payment);
    shop.send(void, payment);
    let settle = shop.settle_command(void, payment, ProviderStatus::Cancelled, Source::Answer);
    shop.run(&settle).reply();
    assert_eq!(shop.booking_is(booking.id), booking::State::Cancelled);
    assert_eq!(shop.get::<Slot>(shop.slot).sold, 0, "its seats are free");
    let messages = shop.all::<Message>();
    let mut told = messages.iter().rev().filter(|message| message.subject == booking.id.0);
    assert_eq!(told.next().unwrap().kind, "booking.cancelled");
    assert!(shop.reviews().is_empty());
    shop.reserve(2);
}

/// It has money, or had it and gave it back by its own decision.
#[test]
fn a_booking_with_another_security_stays_confirmed() {
    for all_refunded in [false, true] {
        let mut shop = Shop::new(9);
        let first = paid(&mut shop);
        refunded(&mut shop, first, (!all_refunded).then_some(700));
        let booking = booking_of(&shop, first).id;
        let again = StartPayment { capture: Capture::Manual, ..by_amount(&mut shop, booking, eur(700)) };
        let second = shop.start(&again);
        assert!(shop.mark_sent(second));
        shop.webhook(second, ProviderStatus::Authorized { amount_minor: 700 });
        let void = shop.start_void(second);
        shop.send(void, second);
        let settle = shop.settle_command(void, second, ProviderStatus::Cancelled, Source::Fetched);
        shop.run(&settle).reply();
        assert_eq!(shop.payment_is(second), payment::State::Cancelled);
        assert_eq!(shop.booking_is(booking), booking::State::Confirmed);
    }
}

/// What was heard first is kept: the object that was cancelled afterwards tells no reason.
#[test]
fn a_decline_keeps_its_reason() {
    let lost_card = failure("lost_card", false);
    for recorded in [false, true] {
        let mut shop = Shop::new(9);
        let (_, payment) = shop.sent(Capture::Automatic);
        if recorded {
            shop.record_decline(payment, lost_card.clone());
        } else {
            shop.webhook(payment, ProviderStatus::Declined(lost_card.clone()));
        }
        // The answer to the cancel was lost; what is heard later is poorer.
        shop.record_decline(payment, failure("generic_decline", true));
        shop.webhook(payment, ProviderStatus::Declined(failure("card_declined", true)));
        shop.fetched(payment, ProviderStatus::Cancelled);
        assert_eq!(shop.payment_is(payment), payment::State::Failed);
        assert_eq!(shop.get::<Payment>(payment).failure.unwrap().0, lost_card);
        assert_eq!(shop.stored(payment), "payment_declined");
    }
}

#[test]
fn a_failure_ends_with_the_money() {
    let mut shop = Shop::new(9);
    let (_, payment) = shop.sent(Capture::Automatic);
    shop.webhook(payment, ProviderStatus::Declined(failure("card_declined", true)));
    shop.webhook(payment, CAPTURED);
    assert_eq!(shop.get::<Payment>(payment).failure, None);
}

/// Failures before an answer do not put off the look for evidence after it.
#[test]
fn evidence_is_looked_for_from_the_answer_on() {
    let mut shop = Shop::new(9);
    let (_, payment) = shop.sent(Capture::Automatic);
    for _ in 0..8 {
        let token = shop.token(payment);
        let put_off = super::jobs::put_off(payment.0, token, payment);
        shop.run(&put_off).reply();
    }
    shop.answer(payment, CAPTURED);
    let job: crate::rows::Job = shop.get(payment.0);
    assert_eq!(job.due_at, shop.now.plus(Span::seconds(30)));
    assert_eq!((job.failures, job.looks, job.attempts), (0, 1, 0));
}

/// The looks grow rarer, but one of them is at the end of the hold.
#[test]
fn evidence_is_looked_for_by_the_end_of_the_hold() {
    let mut shop = Shop::new(9);
    let (booking, payment) = shop.sent(Capture::Automatic);
    let expires_at = shop.get::<Booking>(booking).hold_expires_at;
    let mut looked = std::vec![];
    while shop.now < expires_at {
        shop.answer(payment, CAPTURED);
        let due_at = shop.get::<crate::rows::Job>(payment.0).due_at;
        looked.push(due_at.since(shop.now).as_seconds());
        shop.now = due_at;
    }
    assert_eq!(looked, [30, 60, 120, 240, HOLD_SECONDS - 450]);
}

/// The provider said that it has the money, and nobody could look since: the seats wait for that.
#[test]
fn a_hold_that_is_paid_does_not_lapse_before_it_was_looked_at() {
    for seen in [AUTHORIZED, CAPTURED] {
        let mut shop = Shop::new(9);
        let (booking, payment) = shop.sent(Capture::Manual);
        shop.answer(payment, seen.clone());
        for _ in 0..5 {
            shop.wait(Span::seconds(HOLD_SECONDS));
            assert_eq!(shop.expire(), 0);
            let job: crate::rows::Job = shop.get(payment.0);
            assert!(job.due_at <= shop.now, "its driver looks now");
        }
        assert!(!shop.get::<Payment>(payment).void_requested);
        shop.fetched(payment, seen);
        assert_eq!(shop.booking_is(booking), booking::State::Confirmed);
    }
}

/// A hold in its grace is looked at once, so that it does not hide those that lapsed later.
#[test]
fn a_hold_in_its_grace_is_swept_once() {
    let mut shop = Shop::new(9);
    let (_, payment) = shop.sent(Capture::Automatic);
    shop.answer(payment, ProviderStatus::Processing);
    shop.wait(Span::seconds(HOLD_SECONDS));
    assert_eq!(shop.lapsed().len(), 1);
    shop.expire();
    assert_eq!(shop.lapsed().len(), 0);
    shop.webhook(payment, ProviderStatus::Cancelled);
    assert_eq!(shop.lapsed().len(), 1, "its payment has ended");
    assert_eq!(shop.expire(), 1);
}
