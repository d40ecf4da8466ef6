//! What a provider says, from every side, in every order.

use std::vec::Vec;

use super::dead_letters::write_off;
use super::payments::{AUTHORIZED, CAPTURED};
use super::shop::{PRICE, Shop};
use super::teller::failure;
use crate::commands::Settle;
use crate::lifecycle::{State as _, booking, booking_item, job, payment};
use crate::limits::{HOLD_GRACE_SECONDS, HOLD_SECONDS, OPERATION_DEADLINE_SECONDS};
use crate::provider::{Observation, ProviderStatus, RefundStatus, Source};
use crate::rows::{
    Attempt, AttemptKind, Booking, BookingItem, Capture, InboundEvent, Job, Key, LateMoney, LedgerAccount,
    NextAction, Payment, Refund, Slot,
};
use crate::time::Span;
use crate::{Currency, PaymentId, Refusal};

fn failed() -> RefundStatus {
    RefundStatus::Failed(failure("account_closed", false))
}
fn declined() -> ProviderStatus {
    ProviderStatus::Declined(failure("card_declined", true))
}
fn needs_action() -> ProviderStatus {
    ProviderStatus::NeedsAction(NextAction::Redirect { url: "https://bank.example".into() })
}

/// Brings a payment to a state by what the provider says.
fn reach(shop: &mut Shop, state: payment::State) -> PaymentId {
    let (_, payment) = shop.sent(Capture::Manual);
    match state {
        payment::State::Pending => {}
        payment::State::Authorized => shop.webhook(payment, AUTHORIZED),
        payment::State::Captured => shop.webhook(payment, CAPTURED),
        payment::State::Failed => {
            shop.webhook(payment, declined());
            shop.webhook(payment, ProviderStatus::Cancelled);
        }
        payment::State::Cancelled => shop.webhook(payment, ProviderStatus::Cancelled),
        payment::State::Lapsed => {
            shop.webhook(payment, AUTHORIZED);
            shop.webhook(payment, ProviderStatus::Cancelled);
        }
        payment::State::WrittenOff => write_off(shop, payment),
        payment::State::Created => panic!("it was sent"),
    }
    assert_eq!(shop.payment_is(payment), state);
    payment
}

#[test]
fn every_status_in_every_state_from_every_side() {
    use payment::State;
    let statuses = [
        ("unconfirmed", ProviderStatus::Unconfirmed),
        ("declined", declined()),
        ("needs_action", needs_action()),
        ("processing", ProviderStatus::Processing),
        ("authorized", AUTHORIZED),
        ("captured", CAPTURED),
        ("cancelled", ProviderStatus::Cancelled),
    ];
    let expected = |state: State, status: &ProviderStatus| match (state, status) {
        (State::Pending, ProviderStatus::Authorized { .. }) => (State::Authorized, false),
        (State::Pending | State::Authorized, ProviderStatus::Captured { .. }) => (State::Captured, false),
        (State::Pending, ProviderStatus::Cancelled) => (State::Cancelled, false),
        (State::Authorized, ProviderStatus::Cancelled) => (State::Lapsed, true),
        (State::Captured, ProviderStatus::Cancelled) => (State::Captured, true),
        (
            State::Failed | State::Cancelled | State::Lapsed | State::WrittenOff,
            ProviderStatus::Captured { .. },
        ) => (state, true),
        (state, _) => (state, false),
    };
    for state in State::ALL.iter().copied().filter(|state| *state != State::Created) {
        for (name, status) in &statuses {
            for source in [Source::Answer, Source::Fetched, Source::Webhook] {
                let mut shop = Shop::new(9);
                let payment = reach(&mut shop, state);
                let job: Job = shop.get(payment.0);
                if source != Source::Webhook && job.state.is(job::State::Done) {
                    continue;
                }
                let reviews = shop.reviews().len();
                match source {
                    Source::Answer => shop.answer(payment, status.clone()),
                    Source::Fetched => shop.fetched(payment, status.clone()),
                    Source::Webhook => shop.webhook(payment, status.clone()),
                }
                let reviewed = shop.reviews().len() > reviews;
                let is = (shop.payment_is(payment), reviewed);
                assert_eq!(is, expected(state, status), "{state:?} and {name} by {source:?}");
                shop.close_the_books();
            }
        }
    }
}

#[test]
fn only_evidence_confirms() {
    for status in [AUTHORIZED, CAPTURED] {
        let mut shop = Shop::new(9);
        let (booking, payment) = shop.sent(Capture::Manual);
        shop.answer(payment, status.clone());
        shop.answer(payment, status.clone());
        assert_eq!(shop.booking_is(booking), booking::State::Held);
        assert!(shop.get::<Job>(payment.0).state.is(job::State::Ready), "it will look again");
        shop.fetched(payment, status);
        assert_eq!(shop.booking_is(booking), booking::State::Confirmed);
        assert!(shop.get::<Job>(payment.0).state.is(job::State::Done));
    }
}

#[test]
fn the_webhook_may_come_before_the_answer_and_ten_times() {
    let mut shop = Shop::new(9);
    let (booking, payment) = shop.sent(Capture::Automatic);
    let late = shop.settle_command(payment.into(), payment, CAPTURED, Source::Answer);
    for _ in 0..10 {
        shop.webhook(payment, CAPTURED);
    }
    assert_eq!(shop.stored(payment), "payment Captured");
    assert_eq!(shop.refused(&late), Refusal::LeaseLost, "its job was finished");
    assert_eq!(shop.get::<Booking>(booking).paid_minor, 2 * PRICE);
    assert_eq!(shop.get::<Payment>(payment).seq, 1, "told once");
    assert_eq!(shop.close_the_books()["provider"], 2 * PRICE);
}

#[test]
fn an_event_is_processed_once() {
    let mut shop = Shop::new(9);
    let (_, payment) = shop.sent(Capture::Automatic);
    let seen = shop.seen(payment, CAPTURED);
    let command = shop.event_command(payment, seen);
    shop.run(&command).reply();
    assert_eq!(shop.refused(&command), Refusal::NothingToDo);
    shop.webhook(payment, ProviderStatus::Processing);
    let states: Vec<_> = shop.all::<InboundEvent>().iter().map(|event| *event.state).collect();
    assert!(states.contains(&crate::lifecycle::inbound_event::State::Ignored), "a stale event is ignored");
}

#[test]
fn any_order_of_lawful_events_ends_the_same() {
    let story = [
        ProviderStatus::Unconfirmed,
        needs_action(),
        declined(),
        needs_action(),
        ProviderStatus::Processing,
        CAPTURED,
    ];
    for turn in 0..story.len() {
        for reverse in [false, true] {
            let mut shop = Shop::new(9);
            let (booking, payment) = shop.sent(Capture::Automatic);
            let mut events = story.to_vec();
            events.rotate_left(turn);
            if reverse {
                events.reverse();
            }
            for status in events {
                shop.webhook(payment, status);
            }
            let row: Payment = shop.get(payment);
            assert!(row.state.is(payment::State::Captured));
            assert_eq!((row.failure, row.next_action), (None, None));
            assert_eq!(shop.booking_is(booking), booking::State::Confirmed);
            assert!(shop.reviews().is_empty());
        }
    }
}

#[test]
fn a_customer_who_must_act_is_told_once() {
    let mut shop = Shop::new(9);
    let (booking, payment) = shop.sent(Capture::Automatic);
    shop.answer(payment, needs_action());
    assert_eq!(shop.stored(payment), "payment Pending");
    let finished = shop.all::<Key>().iter().find_map(|key| key.finished_at);
    shop.fetched(payment, needs_action());
    shop.webhook(payment, CAPTURED);
    assert_eq!(shop.stored(payment), "payment Pending", "the first answer stands");
    assert_eq!(shop.all::<Key>().iter().find_map(|key| key.finished_at), finished);
    assert_eq!(shop.booking_is(booking), booking::State::Confirmed);
}

/// The customer failed at the bank: the driver ends the object now, not at its next look.
#[test]
fn a_decline_by_webhook_wakes_the_driver() {
    let mut shop = Shop::new(9);
    let (_, payment) = shop.sent(Capture::Automatic);
    shop.answer(payment, needs_action());
    assert!(shop.get::<Job>(payment.0).due_at > shop.now);
    shop.webhook(payment, declined());
    assert_eq!(shop.get::<Job>(payment.0).due_at, shop.now);
}

#[test]
fn what_contradicts_opens_a_review_and_its_money_waits_as_suspense() {
    let check = |distort: fn(&mut Observation), suspense: i64| {
        let mut shop = Shop::new(9);
        let (booking, payment) = shop.sent(Capture::Automatic);
        let mut seen = shop.seen(payment, CAPTURED);
        distort(&mut seen);
        let command = shop.event_command(payment, seen.clone());
        shop.run(&command).reply();
        assert_eq!(shop.booking_is(booking), booking::State::Held);
        assert_eq!(shop.payment_is(payment), payment::State::Pending);
        assert_eq!(shop.reviews().len(), 1);
        assert_eq!(shop.close_the_books().get("suspense").copied().unwrap_or_default(), -suspense);
        let same = shop.all::<LedgerAccount>().iter().all(|account| account.currency == seen.currency);
        assert!(same, "suspense is in the currency in which it came");

        // By its driver: the job stops, and whoever waits is answered.
        let mut command = shop.settle_command(payment.into(), payment, CAPTURED, Source::Fetched);
        command.observation = seen;
        shop.run(&command).reply();
        assert!(shop.get::<Job>(payment.0).state.is(job::State::Dead));
        assert_eq!(shop.stored(payment), "payment Pending");
        assert_eq!(shop.close_the_books().get("suspense").copied().unwrap_or_default(), -suspense);
    };
    check(|seen| seen.amount_minor += 1, 2 * PRICE);
    check(|seen| seen.currency = Currency::USD, 2 * PRICE);
    check(|seen| seen.object = "pi_other".into(), 2 * PRICE);
    check(|seen| seen.status = ProviderStatus::Captured { amount_minor: 2 * PRICE + 1 }, 2 * PRICE + 1);
    check(|seen| seen.status = ProviderStatus::Captured { amount_minor: 2 * PRICE - 1 }, 2 * PRICE - 1);
    check(|seen| seen.status = ProviderStatus::Authorized { amount_minor: 2 * PRICE - 1 }, 0);
    check(
        |seen| {
            seen.object = "pi_other".into();
            seen.status = AUTHORIZED;
        },
        0,
    );
}

#[test]
fn an_unconfirmed_object_of_somebody_else_is_stale() {
    let mut shop = Shop::new(9);
    let booking = shop.reserve(2);
    let payment = shop.pay(booking);
    for status in [ProviderStatus::Unconfirmed, ProviderStatus::Cancelled, declined()] {
        shop.webhook(payment, status);
    }
    assert_eq!(shop.payment_is(payment), payment::State::Created);
    assert!(shop.mark_sent(payment));
    let mut seen = shop.seen(payment, ProviderStatus::Cancelled);
    seen.object = "pi_other".into();
    let command = shop.event_command(payment, seen);
    shop.run(&command).reply();
    assert_eq!(shop.payment_is(payment), payment::State::Pending);
    assert!(shop.reviews().is_empty());
}

#[test]
fn success_after_failure_waits_for_a_person() {
    let mut shop = Shop::new(9);
    let payment = reach(&mut shop, payment::State::Failed);
    for _ in 0..2 {
        shop.webhook(payment, CAPTURED);
    }
    assert_eq!(shop.payment_is(payment), payment::State::Failed);
    assert_eq!(shop.close_the_books()["suspense"], -2 * PRICE);
    let booking = shop.get::<Payment>(payment).booking.unwrap();
    assert_eq!(shop.booking_is(booking), booking::State::Held);
}

/// The books have a part already of an amount that is contradicted.
#[test]
fn suspense_takes_the_difference() {
    let mut shop = Shop::new(9);
    let (_, payment) = shop.sent(Capture::Manual);
    shop.webhook(payment, ProviderStatus::Captured { amount_minor: 500 });
    shop.webhook(payment, ProviderStatus::Captured { amount_minor: 700 });
    let books = shop.close_the_books();
    assert_eq!((books["provider"], books["suspense"], books["deferred_revenue"]), (700, -200, -500));
}

/// A payment that is late for its hold: the booking is expired, the money comes after.
fn late(shop: &mut Shop, capture: Capture) -> (crate::BookingId, PaymentId) {
    let (booking, payment) = shop.sent(capture);
    shop.answer(payment, ProviderStatus::Processing);
    shop.wait(Span::seconds(HOLD_SECONDS + HOLD_GRACE_SECONDS));
    assert_eq!(shop.expire(), 1);
    (booking, payment)
}

#[test]
fn late_money_takes_the_seats_again_if_they_are_free() {
    let mut shop = Shop::new(2);
    let (booking, payment) = late(&mut shop, Capture::Automatic);
    shop.answer(payment, CAPTURED);
    assert_eq!(shop.booking_is(booking), booking::State::Expired, "on evidence only");
    shop.webhook(payment, CAPTURED);
    assert_eq!(shop.booking_is(booking), booking::State::Confirmed);
    assert_eq!(shop.get::<Slot>(shop.slot).sold, 2);
    assert_eq!(shop.all::<Refund>().len(), 0);
}

#[test]
fn late_money_without_seats_goes_back_by_itself_and_once() {
    type Arrange = fn(&mut Shop);
    let taken: Arrange = |shop| _ = shop.reserve(1);
    let never: Arrange = |shop| shop.set_settings(|settings| settings.late_money = LateMoney::Refund);
    let departed: Arrange = |shop| {
        let now = shop.now;
        shop.set_slot(|slot| slot.starts_at = now);
    };
    for arrange in [taken, never, departed] {
        let mut shop = Shop::new(2);
        let (booking, payment) = late(&mut shop, Capture::Automatic);
        arrange(&mut shop);
        shop.webhook(payment, CAPTURED);
        shop.webhook(payment, CAPTURED);
        let refunds = shop.all::<Refund>();
        assert_eq!(refunds.len(), 1);
        // The seats are free again, and another event tells of the same money: too late for it.
        shop.wait(Span::seconds(HOLD_SECONDS));
        shop.expire();
        shop.set_settings(|settings| settings.late_money = LateMoney::Reseat);
        shop.webhook(payment, CAPTURED);
        assert_eq!(shop.booking_is(booking), booking::State::Expired, "its money is on its way back");
        shop.send(refunds[0].id, payment);
        shop.refund_answer(refunds[0].id, RefundStatus::Succeeded);
        shop.webhook(payment, CAPTURED);
        assert_eq!(shop.all::<Refund>().len(), 1);
        let row: Booking = shop.get(booking);
        assert_eq!((row.paid_minor, row.refunded_minor), (2 * PRICE, 2 * PRICE));
        assert_eq!(shop.close_the_books()["provider"], 0);
        assert!(shop.reviews().is_empty());
    }
}

#[test]
fn a_late_authorisation_is_called_off() {
    let mut shop = Shop::new(2);
    let (booking, payment) = late(&mut shop, Capture::Manual);
    shop.reserve(1);
    shop.webhook(payment, AUTHORIZED);
    shop.webhook(payment, AUTHORIZED);
    let voids: Vec<Attempt> =
        shop.all::<Attempt>().into_iter().filter(|attempt| attempt.kind == AttemptKind::Void).collect();
    assert_eq!(voids.len(), 1);
    // The seats are free again, and another event tells of the same money: too late for it.
    shop.wait(Span::seconds(HOLD_SECONDS));
    shop.expire();
    shop.webhook(payment, AUTHORIZED);
    assert_eq!(shop.booking_is(booking), booking::State::Expired, "its money is being let go");
    shop.send(voids[0].id, payment);
    let settle = shop.settle_command(voids[0].id, payment, ProviderStatus::Cancelled, Source::Answer);
    shop.run(&settle).reply();
    assert_eq!(shop.payment_is(payment), payment::State::Cancelled);
    let row: Booking = shop.get(booking);
    assert_eq!((row.authorized_minor, row.open_payment), (0, None));
    assert!(shop.reviews().is_empty());
}

#[test]
fn late_money_that_does_not_go_back_is_seen_by_a_person() {
    let mut shop = Shop::new(2);
    let (_, payment) = late(&mut shop, Capture::Automatic);
    shop.reserve(1);
    shop.webhook(payment, CAPTURED);
    let refund = shop.all::<Refund>()[0].id;
    shop.send(refund, payment);
    shop.refund_answer(refund, RefundStatus::Failed(failure("closed", false)));
    assert!(shop.has_open_review(payment.0));
    shop.webhook(payment, CAPTURED);
    assert_eq!(shop.all::<Refund>().len(), 1, "a person decides now");
}

#[test]
fn money_for_a_cancelled_booking_goes_back() {
    let mut shop = Shop::new(9);
    let (booking, payment) = shop.sent(Capture::Automatic);
    shop.webhook(payment, ProviderStatus::Processing);
    // No command cancels while a payment is open; an operator's hand in the tables does.
    let row: Booking = shop.get(booking);
    let step = row.state.step(booking::Event::CustomerCancelled).unwrap();
    shop.set(&Booking { state: step.to(), ..row.clone() });
    let released = shop.all::<BookingItem>()[0].clone();
    let released_by = released.state.step(booking_item::Event::Release).unwrap();
    shop.set(&BookingItem { state: released_by.to(), ..released });
    shop.set_slot(|slot| slot.held = 0);
    let customer: crate::rows::Customer = shop.get(row.customer);
    shop.set(&crate::rows::Customer { held_seats: 0, ..customer });
    shop.webhook(payment, CAPTURED);
    assert_eq!(shop.all::<Refund>()[0].amount_minor, 2 * PRICE);
    assert_eq!(shop.booking_is(booking), booking::State::Cancelled);
}

/// The money was reserved before the hold lapsed, and seen after it was called off.
#[test]
fn a_call_off_that_came_too_late_leaves_no_trace() {
    let mut shop = Shop::new(9);
    let (booking, payment) = shop.sent(Capture::Manual);
    shop.answer(payment, ProviderStatus::Processing);
    shop.wait(Span::seconds(HOLD_SECONDS));
    shop.expire();
    assert!(shop.get::<Payment>(payment).void_requested);
    shop.webhook(payment, AUTHORIZED);
    assert_eq!(shop.booking_is(booking), booking::State::Confirmed);
    shop.start_capture(payment, None);
}

#[test]
fn what_the_provider_still_works_on_at_the_deadline_is_answered_as_it_stands() {
    let mut shop = Shop::new(9);
    let (_, payment) = shop.sent(Capture::Automatic);
    shop.answer(payment, ProviderStatus::Processing);
    assert_eq!(shop.stored(payment), "in flight");
    shop.wait(Span::seconds(OPERATION_DEADLINE_SECONDS));
    shop.fetched(payment, ProviderStatus::Processing);
    assert_eq!(shop.stored(payment), "payment Pending");
    assert!(shop.reviews().is_empty(), "the provider knows of it");
}

#[test]
fn an_event_of_another_account_moves_nothing() {
    let mut shop = Shop::new(9);
    let (_, payment) = shop.sent(Capture::Automatic);
    let seen = shop.seen(payment, CAPTURED);
    let command = shop.event_command(payment, seen);
    let crate::commands::ObservedBy::Event(event) = command.by else { panic!("by an event") };
    let row: InboundEvent = shop.get(event);
    shop.set(&InboundEvent { account: crate::AccountId::of("stripe", "theirs"), ..row });
    assert_eq!(shop.refused(&command), Refusal::PaymentNotFound);
}

/// A tenant gave a part, or all, back before the evidence of the capture came: the booking is what it would be
/// if that had come before.
#[test]
fn what_was_given_back_before_the_evidence() {
    for amount in [2 * PRICE - 1, 2 * PRICE] {
        for settled in [Some(RefundStatus::Succeeded), Some(failed()), None] {
            let mut shop = Shop::new(9);
            let (booking, payment) = shop.sent(Capture::Automatic);
            shop.answer(payment, CAPTURED);
            let refund = shop.refund(payment, Some(amount));
            if let Some(status) = settled {
                shop.send(refund, payment);
                shop.refund_answer(refund, status);
            }
            shop.webhook(payment, CAPTURED);
            assert_eq!(shop.booking_is(booking), booking::State::Confirmed);
            assert_eq!(shop.get::<Booking>(booking).due_minor(), 0);
        }
    }
}

/// No request sets a deadline for money that goes back by itself: whoever saw the money does.
#[test]
fn what_goes_back_by_itself_has_the_deadline_that_is_set() {
    const DEADLINE: Span = Span::seconds(77);
    for (capture, seen, kind) in [
        (Capture::Automatic, CAPTURED, AttemptKind::Refund),
        (Capture::Manual, AUTHORIZED, AttemptKind::Void),
    ] {
        let mut shop = Shop::new(2);
        let (_, payment) = late(&mut shop, capture);
        shop.reserve(1);
        let observation = shop.seen(payment, seen);
        let settle = shop.event_command(payment, observation);
        shop.run(&Settle { deadline: DEADLINE, ..settle }).reply();
        let attempts = shop.all::<Attempt>();
        let back = attempts.iter().find(|attempt| attempt.kind == kind).unwrap();
        assert_eq!(back.deadline_at, shop.now.plus(DEADLINE), "{kind:?}");
    }
}
