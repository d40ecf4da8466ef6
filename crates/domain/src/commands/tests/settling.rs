//! A provider's observations, from every source, in every order.

use std::vec::Vec;

use super::dead_letters::write_off;
use super::payments::{AUTHORIZED, CAPTURED};
use super::provider_model::failure;
use super::test_world::{PRICE, TestWorld};
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

/// Brings a payment to a state by observations.
fn reach(world: &mut TestWorld, state: payment::State) -> PaymentId {
    let (_, payment) = world.sent(Capture::Manual);
    match state {
        payment::State::Pending => {}
        payment::State::Authorized => world.webhook(payment, AUTHORIZED),
        payment::State::Captured => world.webhook(payment, CAPTURED),
        payment::State::Failed => {
            world.webhook(payment, declined());
            world.webhook(payment, ProviderStatus::Cancelled);
        }
        payment::State::Cancelled => world.webhook(payment, ProviderStatus::Cancelled),
        payment::State::Lapsed => {
            world.webhook(payment, AUTHORIZED);
            world.webhook(payment, ProviderStatus::Cancelled);
        }
        payment::State::WrittenOff => write_off(world, payment),
        payment::State::Created => panic!("it was sent"),
    }
    assert_eq!(world.payment_is(payment), state);
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
                let mut world = TestWorld::new(9);
                let payment = reach(&mut world, state);
                let job: Job = world.get(payment.0);
                if source != Source::Webhook && job.state.is(job::State::Done) {
                    continue;
                }
                let reviews = world.reviews().len();
                match source {
                    Source::Answer => world.answer(payment, status.clone()),
                    Source::Fetched => world.fetched(payment, status.clone()),
                    Source::Webhook => world.webhook(payment, status.clone()),
                    Source::Person => unreachable!("nobody records it"),
                }
                let reviewed = world.reviews().len() > reviews;
                let is = (world.payment_is(payment), reviewed);
                assert_eq!(is, expected(state, status), "{state:?} and {name} by {source:?}");
                world.close_the_books();
            }
        }
    }
}

#[test]
fn only_evidence_confirms() {
    for status in [AUTHORIZED, CAPTURED] {
        let mut world = TestWorld::new(9);
        let (booking, payment) = world.sent(Capture::Manual);
        world.answer(payment, status.clone());
        world.answer(payment, status.clone());
        assert_eq!(world.booking_is(booking), booking::State::Held);
        assert!(world.get::<Job>(payment.0).state.is(job::State::Ready), "it will recheck");
        world.fetched(payment, status);
        assert_eq!(world.booking_is(booking), booking::State::Confirmed);
        assert!(world.get::<Job>(payment.0).state.is(job::State::Done));
    }
}

#[test]
fn the_webhook_may_come_before_the_answer_and_ten_times() {
    let mut world = TestWorld::new(9);
    let (booking, payment) = world.sent(Capture::Automatic);
    let late = world.settle_command(payment.into(), payment, CAPTURED, Source::Answer);
    for _ in 0..10 {
        world.webhook(payment, CAPTURED);
    }
    assert_eq!(world.stored(payment), "payment Captured");
    assert_eq!(world.refused(&late), Refusal::LeaseLost, "its job was finished");
    assert_eq!(world.get::<Booking>(booking).paid_minor, 2 * PRICE);
    assert_eq!(world.get::<Payment>(payment).seq, 1, "one message");
    assert_eq!(world.close_the_books()["provider"], 2 * PRICE);
}

#[test]
fn an_event_is_processed_once() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.sent(Capture::Automatic);
    let seen = world.seen(payment, CAPTURED);
    let command = world.event_command(payment, seen);
    world.run(&command).reply();
    assert_eq!(world.refused(&command), Refusal::NothingToDo);
    world.webhook(payment, ProviderStatus::Processing);
    let states: Vec<_> = world.all::<InboundEvent>().iter().map(|event| *event.state).collect();
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
            let mut world = TestWorld::new(9);
            let (booking, payment) = world.sent(Capture::Automatic);
            let mut events = story.to_vec();
            events.rotate_left(turn);
            if reverse {
                events.reverse();
            }
            for status in events {
                world.webhook(payment, status);
            }
            let row: Payment = world.get(payment);
            assert!(row.state.is(payment::State::Captured));
            assert_eq!((row.failure, row.next_action), (None, None));
            assert_eq!(world.booking_is(booking), booking::State::Confirmed);
            assert!(world.reviews().is_empty());
        }
    }
}

#[test]
fn the_next_action_is_replied_once() {
    let mut world = TestWorld::new(9);
    let (booking, payment) = world.sent(Capture::Automatic);
    world.answer(payment, needs_action());
    assert_eq!(world.stored(payment), "payment Pending");
    let finished = world.all::<Key>().iter().find_map(|key| key.finished_at);
    world.fetched(payment, needs_action());
    world.webhook(payment, CAPTURED);
    assert_eq!(world.stored(payment), "payment Pending", "the first answer stands");
    assert_eq!(world.all::<Key>().iter().find_map(|key| key.finished_at), finished);
    assert_eq!(world.booking_is(booking), booking::State::Confirmed);
}

/// The customer failed at the bank: the worker cancels the object now, not at the next recheck.
#[test]
fn a_decline_by_webhook_wakes_the_driver() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.sent(Capture::Automatic);
    world.answer(payment, needs_action());
    assert!(world.get::<Job>(payment.0).due_at > world.now);
    world.webhook(payment, declined());
    assert_eq!(world.get::<Job>(payment.0).due_at, world.now);
}

#[test]
fn what_contradicts_opens_a_review_and_its_money_waits_as_suspense() {
    let check = |distort: fn(&mut Observation), suspense: i64| {
        let mut world = TestWorld::new(9);
        let (booking, payment) = world.sent(Capture::Automatic);
        let mut seen = world.seen(payment, CAPTURED);
        distort(&mut seen);
        let command = world.event_command(payment, seen.clone());
        world.run(&command).reply();
        assert_eq!(world.booking_is(booking), booking::State::Held);
        assert_eq!(world.payment_is(payment), payment::State::Pending);
        assert_eq!(world.reviews().len(), 1);
        assert_eq!(world.close_the_books().get("suspense").copied().unwrap_or_default(), -suspense);
        let same = world.all::<LedgerAccount>().iter().all(|account| account.currency == seen.currency);
        assert!(same, "suspense is in the currency in which it came");

        // From the worker: the job stops, and the key is answered.
        let mut command = world.settle_command(payment.into(), payment, CAPTURED, Source::Fetched);
        command.observation = seen;
        world.run(&command).reply();
        assert!(world.get::<Job>(payment.0).state.is(job::State::Dead));
        assert_eq!(world.stored(payment), "payment Pending");
        assert_eq!(world.close_the_books().get("suspense").copied().unwrap_or_default(), -suspense);
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
    let mut world = TestWorld::new(9);
    let booking = world.reserve(2);
    let payment = world.pay(booking);
    for status in [ProviderStatus::Unconfirmed, ProviderStatus::Cancelled, declined()] {
        world.webhook(payment, status);
    }
    assert_eq!(world.payment_is(payment), payment::State::Created);
    assert!(world.mark_sent(payment));
    let mut seen = world.seen(payment, ProviderStatus::Cancelled);
    seen.object = "pi_other".into();
    let command = world.event_command(payment, seen);
    world.run(&command).reply();
    assert_eq!(world.payment_is(payment), payment::State::Pending);
    assert!(world.reviews().is_empty());
}

#[test]
fn success_after_failure_waits_for_a_person() {
    let mut world = TestWorld::new(9);
    let payment = reach(&mut world, payment::State::Failed);
    for _ in 0..2 {
        world.webhook(payment, CAPTURED);
    }
    assert_eq!(world.payment_is(payment), payment::State::Failed);
    assert_eq!(world.close_the_books()["suspense"], -2 * PRICE);
    let booking = world.get::<Payment>(payment).booking.unwrap();
    assert_eq!(world.booking_is(booking), booking::State::Held);
}

/// The books already have a part of a contradicted amount.
#[test]
fn suspense_takes_the_difference() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.sent(Capture::Manual);
    world.webhook(payment, ProviderStatus::Captured { amount_minor: 500 });
    world.webhook(payment, ProviderStatus::Captured { amount_minor: 700 });
    let books = world.close_the_books();
    assert_eq!((books["provider"], books["suspense"], books["deferred_revenue"]), (700, -200, -500));
}

/// Late money: the booking is expired when the money arrives.
fn late(world: &mut TestWorld, capture: Capture) -> (crate::BookingId, PaymentId) {
    let (booking, payment) = world.sent(capture);
    world.answer(payment, ProviderStatus::Processing);
    world.wait(Span::seconds(HOLD_SECONDS + HOLD_GRACE_SECONDS));
    assert_eq!(world.expire(), 1);
    (booking, payment)
}

#[test]
fn late_money_takes_the_seats_again_if_they_are_free() {
    let mut world = TestWorld::new(2);
    let (booking, payment) = late(&mut world, Capture::Automatic);
    world.answer(payment, CAPTURED);
    assert_eq!(world.booking_is(booking), booking::State::Expired, "on evidence only");
    world.webhook(payment, CAPTURED);
    assert_eq!(world.booking_is(booking), booking::State::Confirmed);
    assert_eq!(world.get::<Slot>(world.slot).sold, 2);
    assert_eq!(world.all::<Refund>().len(), 0);
}

#[test]
fn late_money_without_seats_goes_back_by_itself_and_once() {
    type Arrange = fn(&mut TestWorld);
    let taken: Arrange = |world| _ = world.reserve(1);
    let never: Arrange = |world| world.set_settings(|settings| settings.late_money = LateMoney::Refund);
    let departed: Arrange = |world| {
        let now = world.now;
        world.set_slot(|slot| slot.starts_at = now);
    };
    for arrange in [taken, never, departed] {
        let mut world = TestWorld::new(2);
        let (booking, payment) = late(&mut world, Capture::Automatic);
        arrange(&mut world);
        world.webhook(payment, CAPTURED);
        world.webhook(payment, CAPTURED);
        let refunds = world.all::<Refund>();
        assert_eq!(refunds.len(), 1);
        // The seats are free again, and another event has the same money: it is too late.
        world.wait(Span::seconds(HOLD_SECONDS));
        world.expire();
        world.set_settings(|settings| settings.late_money = LateMoney::Reseat);
        world.webhook(payment, CAPTURED);
        assert_eq!(world.booking_is(booking), booking::State::Expired, "its money is on its way back");
        world.send(refunds[0].id, payment);
        world.refund_answer(refunds[0].id, RefundStatus::Succeeded);
        world.webhook(payment, CAPTURED);
        assert_eq!(world.all::<Refund>().len(), 1);
        let row: Booking = world.get(booking);
        assert_eq!((row.paid_minor, row.refunded_minor), (2 * PRICE, 2 * PRICE));
        assert_eq!(world.close_the_books()["provider"], 0);
        assert!(world.reviews().is_empty());
    }
}

#[test]
fn a_late_authorisation_is_called_off() {
    let mut world = TestWorld::new(2);
    let (booking, payment) = late(&mut world, Capture::Manual);
    world.reserve(1);
    world.webhook(payment, AUTHORIZED);
    world.webhook(payment, AUTHORIZED);
    let voids: Vec<Attempt> =
        world.all::<Attempt>().into_iter().filter(|attempt| attempt.kind == AttemptKind::Void).collect();
    assert_eq!(voids.len(), 1);
    // The seats are free again, and another event has the same money: it is too late.
    world.wait(Span::seconds(HOLD_SECONDS));
    world.expire();
    world.webhook(payment, AUTHORIZED);
    assert_eq!(world.booking_is(booking), booking::State::Expired, "its money is being voided");
    world.send(voids[0].id, payment);
    let settle = world.settle_command(voids[0].id, payment, ProviderStatus::Cancelled, Source::Answer);
    world.run(&settle).reply();
    assert_eq!(world.payment_is(payment), payment::State::Cancelled);
    let row: Booking = world.get(booking);
    assert_eq!((row.authorized_minor, row.open_payment), (0, None));
    assert!(world.reviews().is_empty());
}

#[test]
fn late_money_that_does_not_go_back_is_seen_by_a_person() {
    let mut world = TestWorld::new(2);
    let (_, payment) = late(&mut world, Capture::Automatic);
    world.reserve(1);
    world.webhook(payment, CAPTURED);
    let refund = world.all::<Refund>()[0].id;
    world.send(refund, payment);
    world.refund_answer(refund, RefundStatus::Failed(failure("closed", false)));
    assert!(world.has_open_review(payment.0));
    world.webhook(payment, CAPTURED);
    assert_eq!(world.all::<Refund>().len(), 1, "a person decides now");
}

#[test]
fn money_for_a_cancelled_booking_goes_back() {
    let mut world = TestWorld::new(9);
    let (booking, payment) = world.sent(Capture::Automatic);
    world.webhook(payment, ProviderStatus::Processing);
    // No command cancels while a payment is open, so the test writes the rows.
    let row: Booking = world.get(booking);
    let step = row.state.step(booking::Event::CustomerCancelled).unwrap();
    world.set(&Booking { state: step.to(), ..row.clone() });
    let released = world.all::<BookingItem>()[0].clone();
    let released_by = released.state.step(booking_item::Event::Release).unwrap();
    world.set(&BookingItem { state: released_by.to(), ..released });
    world.set_slot(|slot| slot.held = 0);
    let customer: crate::rows::Customer = world.get(row.customer);
    world.set(&crate::rows::Customer { held_seats: 0, ..customer });
    world.webhook(payment, CAPTURED);
    assert_eq!(world.all::<Refund>()[0].amount_minor, 2 * PRICE);
    assert_eq!(world.booking_is(booking), booking::State::Cancelled);
}

/// The money was reserved before the hold lapsed, and is seen after the void was requested.
#[test]
fn a_call_off_that_came_too_late_leaves_no_trace() {
    let mut world = TestWorld::new(9);
    let (booking, payment) = world.sent(Capture::Manual);
    world.answer(payment, ProviderStatus::Processing);
    world.wait(Span::seconds(HOLD_SECONDS));
    world.expire();
    assert!(world.get::<Payment>(payment).void_requested);
    world.webhook(payment, AUTHORIZED);
    assert_eq!(world.booking_is(booking), booking::State::Confirmed);
    world.start_capture(payment, None);
}

#[test]
fn what_the_provider_still_works_on_at_the_deadline_is_answered_as_it_stands() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.sent(Capture::Automatic);
    world.answer(payment, ProviderStatus::Processing);
    assert_eq!(world.stored(payment), "in flight");
    world.wait(Span::seconds(OPERATION_DEADLINE_SECONDS));
    world.fetched(payment, ProviderStatus::Processing);
    assert_eq!(world.stored(payment), "payment Pending");
    assert!(world.reviews().is_empty(), "the provider knows of it");
}

#[test]
fn an_event_of_another_account_moves_nothing() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.sent(Capture::Automatic);
    let seen = world.seen(payment, CAPTURED);
    let command = world.event_command(payment, seen);
    let crate::commands::ObservedBy::Event(event) = command.by else { panic!("by an event") };
    let row: InboundEvent = world.get(event);
    world.set(&InboundEvent { account: crate::AccountId::of("stripe", "theirs"), ..row });
    assert_eq!(world.refused(&command), Refusal::PaymentNotFound);
}

/// The tenant refunded a part, or all, before the evidence of the capture arrived: the booking is
/// as if the evidence had arrived first.
#[test]
fn what_was_given_back_before_the_evidence() {
    for amount in [2 * PRICE - 1, 2 * PRICE] {
        for settled in [Some(RefundStatus::Succeeded), Some(failed()), None] {
            let mut world = TestWorld::new(9);
            let (booking, payment) = world.sent(Capture::Automatic);
            world.answer(payment, CAPTURED);
            let refund = world.refund(payment, Some(amount));
            if let Some(status) = settled {
                world.send(refund, payment);
                world.refund_answer(refund, status);
            }
            world.webhook(payment, CAPTURED);
            assert_eq!(world.booking_is(booking), booking::State::Confirmed);
            assert_eq!(world.get::<Booking>(booking).due_minor(), 0);
        }
    }
}

/// No request sets a deadline for an automatic return of money: the command that saw the money does.
#[test]
fn what_goes_back_by_itself_has_the_deadline_that_is_set() {
    const DEADLINE: Span = Span::seconds(77);
    for (capture, seen, kind) in [
        (Capture::Automatic, CAPTURED, AttemptKind::Refund),
        (Capture::Manual, AUTHORIZED, AttemptKind::Void),
    ] {
        let mut world = TestWorld::new(2);
        let (_, payment) = late(&mut world, capture);
        world.reserve(1);
        let observation = world.seen(payment, seen);
        let settle = world.event_command(payment, observation);
        world.run(&Settle { deadline: DEADLINE, ..settle }).reply();
        let attempts = world.all::<Attempt>();
        let back = attempts.iter().find(|attempt| attempt.kind == kind).unwrap();
        assert_eq!(back.deadline_at, world.now.plus(DEADLINE), "{kind:?}");
    }
}
