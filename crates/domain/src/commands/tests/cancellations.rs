//! Cancellations of sold tickets: the quote, what it does to seats and money, and what stands against it.

use std::vec;
use std::vec::Vec;
use uuid::Uuid;

use super::disputes::disputed;
use super::recorded::{give_back, recorded};
use super::test_store::CommandResult;
use super::test_world::{DEADLINE, PRICE, TestWorld, eur};
use crate::cancellation_policy::{Before, CancellationRules, CancelledBy, Preset, RefundTier};
use crate::commands::{CancelBooking, CancelledItem, StartVoid};
use crate::lifecycle::{booking, booking_item, payment, refund, release};
use crate::provider::{ProviderStatus, RefundStatus};
use crate::rows::{
    Attempt, AttemptKind, Booking, BookingItem, Capture, Failure, FailureCause, Message, Mode, Payment,
    Refund, Review, Slot,
};
use crate::time::Span;
use crate::{BookingId, BookingItemId, PaymentId, RefundId, Refusal};

/// Half goes back until the start.
pub(super) fn half() -> CancellationRules {
    let tier = RefundTier { before: Before::Hours(0), refund_basis_points: 5_000, fee_minor: 0 };
    CancellationRules { tiers: vec![tier], ..CancellationRules::preset(Preset::Final) }
}

/// A world with this policy, and a confirmed booking of four paid seats.
pub(super) fn sold(policy: CancellationRules, capture: Capture) -> (TestWorld, BookingId, PaymentId) {
    let mut world = TestWorld::new(4);
    world.set_policy(policy);
    let booking = world.reserve(4);
    let command = crate::commands::StartPayment { capture, ..world.pay_command(booking) };
    let payment = world.start(&command);
    world.mark_sent(payment);
    let status = match capture {
        Capture::Automatic => ProviderStatus::Captured { amount_minor: 4 * PRICE },
        Capture::Manual => ProviderStatus::Authorized { amount_minor: 4 * PRICE },
    };
    world.webhook(payment, status);
    assert_eq!(world.booking_is(booking), booking::State::Confirmed);
    (world, booking, payment)
}

fn refunds(world: &TestWorld) -> Vec<Refund> {
    world.all()
}

fn one_ticket(world: &TestWorld, booking: BookingId, quantity: i64) -> Vec<CancelledItem> {
    let item = world.items_of(booking)[0].id;
    vec![CancelledItem { item, quantity: Some(quantity) }]
}

/// Cancels some tickets, with the refund that is expected.
fn cancel_part(world: &mut TestWorld, booking: BookingId, quantity: i64, refund_minor: i64) {
    let items = one_ticket(world, booking, quantity);
    let command = CancelBooking { items, ..world.cancel_for(booking, refund_minor) };
    world.run(&command).reply();
}

#[test]
fn a_cancellation_gives_back_what_its_quote_says() {
    let (mut world, booking, payment) = sold(half(), Capture::Automatic);
    let unasked = world.cancel_command(booking);
    let refund = eur(2 * PRICE);
    assert_eq!(world.refused(&unasked), Refusal::ExpectedRefundIsMissing { refund });
    for wrong in [0, 2 * PRICE - 1, 2 * PRICE + 1, 4 * PRICE] {
        let command = world.cancel_for(booking, wrong);
        assert_eq!(world.refused(&command), Refusal::QuoteHasChanged { refund });
    }
    let command = world.cancel_for(booking, 2 * PRICE);
    world.run(&command).reply();
    assert!(matches!(world.run(&command), CommandResult::Replay { .. }));
    let row: Booking = world.get(booking);
    assert_eq!((*row.state, row.total_minor, row.due_minor()), (booking::State::Cancelled, 2 * PRICE, 0));
    assert_eq!(world.get::<Slot>(world.slot).vacancies(), 4);
    let made = refunds(&world);
    assert_eq!((made.len(), made[0].amount_minor, made[0].payment), (1, 2 * PRICE, payment));
    world.send(made[0].id, payment);
    world.refund_answer(made[0].id, RefundStatus::Succeeded);
    let row: Booking = world.get(booking);
    assert_eq!((row.paid_minor, row.refunded_minor), (4 * PRICE, 2 * PRICE));
    let balances = world.close_the_books();
    let of = |name: &str| balances.get(name).copied().unwrap_or_default();
    assert_eq!((of("deferred_revenue"), of("revenue"), of("refunds")), (0, -2 * PRICE, 0), "{balances:?}");
}

#[test]
fn a_refund_after_the_cancellation_reduces_the_revenue() {
    let (mut world, booking, payment) = sold(half(), Capture::Automatic);
    let command = world.cancel_for(booking, 2 * PRICE);
    world.run(&command).reply();
    let of_quote = refunds(&world)[0].id;
    world.wait(Span::seconds(1));
    let goodwill = world.refund(payment, Some(500));
    for refund in [of_quote, goodwill] {
        world.send(refund, payment);
        world.refund_answer(refund, RefundStatus::Succeeded);
    }
    let balances = world.close_the_books();
    let of = |name: &str| balances.get(name).copied().unwrap_or_default();
    assert_eq!((of("deferred_revenue"), of("revenue"), of("refunds")), (0, -2 * PRICE, 500), "{balances:?}");
}

#[test]
fn some_tickets_are_cancelled_and_the_rest_stays() {
    let (mut world, booking, payment) = sold(half(), Capture::Automatic);
    cancel_part(&mut world, booking, 1, PRICE / 2);
    let row: Booking = world.get(booking);
    let kept = 4 * PRICE - PRICE / 2;
    assert_eq!(row.settled_minor, kept, "what goes back does not pay for another ticket");
    assert_eq!((*row.state, row.total_minor, row.due_minor()), (booking::State::Confirmed, kept, 0));
    assert_eq!(world.get::<Slot>(world.slot).vacancies(), 1);
    let mut items = world.items_of(booking);
    items.sort_by_key(|item| item.quantity);
    let states: Vec<_> = items.iter().map(|item| (*item.state, item.quantity, item.seats)).collect();
    assert_eq!(states, [(booking_item::State::Returned, 1, 1), (booking_item::State::Sold, 3, 3)]);
    assert_eq!((items[0].penalty_minor(), items[1].penalty_minor()), (Some(PRICE / 2), None));
    let pay = world.pay_command(booking);
    assert_eq!(world.refused(&pay), Refusal::NothingIsDue);
    // The seat can be sold again.
    let other = world.reserve(1);
    assert_eq!(world.booking_is(other), booking::State::Held);
    let cancel = world.cancel_command(other);
    world.run(&cancel).reply();

    let rest = world.cancel_for(booking, 3 * PRICE / 2);
    let attempt = payment.0;
    assert_eq!(world.refused(&rest), Refusal::PaymentHasOperationInProgress { attempt });
    let first = refunds(&world)[0].id;
    world.send(first, payment);
    world.refund_answer(first, RefundStatus::Succeeded);
    world.run(&rest).reply();
    assert_eq!(world.booking_is(booking), booking::State::Cancelled);
    let sum: i64 = refunds(&world).iter().map(|refund| refund.amount_minor).sum();
    assert_eq!((sum, refunds(&world).len()), (2 * PRICE, 2), "in parts as much as at once");
    assert!(refunds(&world).iter().all(|refund| refund.payment == payment));
}

#[test]
fn tickets_that_are_not_there_are_not_cancelled() {
    let (mut world, booking, payment) = sold(half(), Capture::Automatic);
    let item = world.items_of(booking)[0].id;
    let refused = |world: &mut TestWorld, item: BookingItemId, quantity| {
        let command =
            CancelBooking { items: vec![CancelledItem { item, quantity }], ..world.cancel_for(booking, 0) };
        world.refused(&command)
    };
    let unknown = BookingItemId(Uuid::nil());
    assert_eq!(refused(&mut world, unknown, None), Refusal::ItemNotFound { item: unknown.0 });
    assert_eq!(refused(&mut world, item, Some(5)), Refusal::NotSoManyTickets { item: item.0, sold: 4 });
    cancel_part(&mut world, booking, 1, PRICE / 2);
    let refund = refunds(&world)[0].id;
    world.send(refund, payment);
    world.refund_answer(refund, RefundStatus::Succeeded);
    let gone = world.items_of(booking).into_iter().find(|item| item.state.is(booking_item::State::Returned));
    let gone = gone.unwrap().id;
    assert_eq!(refused(&mut world, gone, Some(1)), Refusal::NotSoManyTickets { item: gone.0, sold: 0 });
}

#[test]
fn only_the_penalty_is_captured_of_reserved_money() {
    let (mut world, booking, payment) = sold(half(), Capture::Manual);
    let command = world.cancel_for(booking, 2 * PRICE);
    world.run(&command).reply();
    let row: Payment = world.get(payment);
    assert_eq!((row.capturing_minor, row.void_requested), (Some(2 * PRICE), false));
    let attempt = row.active.unwrap();
    world.send(attempt, payment);
    world.webhook(payment, ProviderStatus::Captured { amount_minor: 2 * PRICE });
    let row: Booking = world.get(booking);
    assert_eq!((*row.state, row.paid_minor, row.due_minor()), (booking::State::Cancelled, 2 * PRICE, 0));
    assert!(refunds(&world).is_empty(), "the penalty is not late money");
    assert!(world.reviews().is_empty());
    let balances = world.close_the_books();
    let of = |name: &str| balances.get(name).copied().unwrap_or_default();
    assert_eq!((of("deferred_revenue"), of("revenue")), (0, -2 * PRICE), "{balances:?}");
}

#[test]
fn reserved_money_without_a_penalty_is_released() {
    let (mut world, booking, payment) = sold(CancellationRules::preset(Preset::Free), Capture::Manual);
    let command = world.cancel_for(booking, 4 * PRICE);
    world.run(&command).reply();
    let row: Payment = world.get(payment);
    assert!(row.void_requested);
    world.send(row.active.unwrap(), payment);
    world.webhook(payment, ProviderStatus::Cancelled);
    assert_eq!(world.payment_is(payment), payment::State::Cancelled);
    assert_eq!(world.booking_is(booking), booking::State::Cancelled);
    let voided = world.all::<Attempt>().into_iter().filter(|attempt| attempt.kind == AttemptKind::Void);
    assert_eq!(voided.count(), 1);
}

/// Otherwise the tenant would capture more than the booking costs.
#[test]
fn a_capture_after_a_partial_cancellation_takes_what_is_due() {
    let (mut world, booking, payment) = sold(CancellationRules::preset(Preset::Free), Capture::Manual);
    cancel_part(&mut world, booking, 1, 0);
    let too_much = world.capture_command(payment, Some(4 * PRICE));
    let authorized = eur(3 * PRICE);
    assert_eq!(world.refused(&too_much), Refusal::CaptureExceedsAuthorization { authorized });
    let attempt = world.start_capture(payment, None);
    assert_eq!(world.get::<Attempt>(attempt).amount_minor, 3 * PRICE);
}

#[test]
fn a_penalty_whose_money_lapses_is_a_case() {
    let (mut world, booking, payment) = sold(half(), Capture::Manual);
    let command = world.cancel_for(booking, 2 * PRICE);
    world.run(&command).reply();
    let attempt = world.get::<Payment>(payment).active.unwrap();
    world.send(attempt, payment);
    world.webhook(payment, ProviderStatus::Cancelled);
    let reasons: Vec<_> = world.reviews().iter().map(|review| review.reason.clone()).collect();
    assert_eq!(reasons, ["authorization_lapsed"]);
}

#[test]
fn a_refund_that_fails_is_a_case() {
    let (mut world, booking, payment) = sold(half(), Capture::Automatic);
    let command = world.cancel_for(booking, 2 * PRICE);
    world.run(&command).reply();
    let refund = refunds(&world)[0].id;
    world.send(refund, payment);
    let failure = Failure { code: "closed".into(), retryable: false, cause: FailureCause::Declined };
    world.refund_answer(refund, RefundStatus::Failed(failure));
    assert_eq!(*world.get::<Refund>(refund).state, refund::State::Failed);
    let reasons: Vec<_> = world.all::<Review>().iter().map(|review| review.reason.clone()).collect();
    assert_eq!(reasons, ["cancellation_not_settled"]);
    let late = world.all::<Refund>().iter().filter(|refund| refund.key.is_none()).count();
    assert_eq!(late, 0);
}

#[test]
fn what_is_under_way_stands_against_a_cancellation() {
    let (mut world, booking, payment) = sold(half(), Capture::Manual);
    let void = StartVoid { deadline: DEADLINE, ..world.void_command(payment) };
    world.run(&void).reply();
    let attempt = world.get::<Payment>(payment).active.unwrap();
    let command = world.cancel_for(booking, 2 * PRICE);
    assert_eq!(world.refused(&command), Refusal::PaymentHasOperationInProgress { attempt: attempt.0 });
    let fewer = CancelBooking { payments: Vec::new(), ..world.cancel_for(booking, 2 * PRICE) };
    assert_eq!(world.refused(&fewer), Refusal::ChangedMeanwhile);
    let live = CancelBooking { mode: Mode::Live, ..world.cancel_for(booking, 2 * PRICE) };
    assert_eq!(world.refused(&live), Refusal::PaymentNotFound);
}

#[test]
fn the_bank_decides_about_disputed_money() {
    let (mut world, payment) = disputed();
    let booking = world.get::<Payment>(payment).booking.unwrap();
    let supplier = CancelBooking { by: CancelledBy::Supplier, ..world.cancel_for(booking, 1) };
    assert_eq!(world.refused(&supplier), Refusal::QuoteHasChanged { refund: eur(0) });
}

#[test]
fn money_that_a_person_received_is_given_back_by_a_person() {
    let mut world = TestWorld::new(4);
    world.set_policy(half());
    let booking = world.reserve(4);
    let payment = recorded(&mut world, booking);
    let command = world.cancel_for(booking, 2 * PRICE);
    world.run(&command).reply();
    assert!(refunds(&world).is_empty());
    let reasons: Vec<_> = world.reviews().iter().map(|review| review.reason.clone()).collect();
    assert_eq!(reasons, ["refund_by_hand"]);
    world.wait(Span::seconds(60));
    let back = give_back(&mut world, payment, Some(eur(2 * PRICE)));
    world.run(&back).reply();
    let row: Booking = world.get(booking);
    assert_eq!((row.paid_minor, row.refunded_minor, row.due_minor()), (4 * PRICE, 2 * PRICE, 0));
    let balances = world.close_the_books();
    let of = |name: &str| balances.get(name).copied().unwrap_or_default();
    assert_eq!((of("deferred_revenue"), of("revenue"), of("refunds")), (0, -4 * PRICE, 2 * PRICE));
}

#[test]
fn the_reason_decides_what_goes_back() {
    let check = |by, refund_minor| {
        let policy = CancellationRules { weather_basis_points: 8_000, ..half() };
        let (mut world, booking, _) = sold(policy, Capture::Automatic);
        world.wait(Span::seconds(400 * 24 * 3_600));
        let command = CancelBooking { by, ..world.cancel_for(booking, refund_minor) };
        world.run(&command).reply();
        assert_eq!(world.booking_is(booking), booking::State::Cancelled, "{by:?}");
    };
    check(CancelledBy::Customer, 0);
    check(CancelledBy::Supplier, 4 * PRICE);
    check(CancelledBy::Weather, 4 * PRICE * 8 / 10);
    check(CancelledBy::TooFewParticipants, 4 * PRICE);
}

/// The refund was found at the provider, and the cancellation is repeated by its client.
#[test]
fn a_cancellation_that_a_restore_has_lost_refunds_once() {
    let (mut world, booking, payment) = sold(half(), Capture::Automatic);
    let command = world.cancel_for(booking, 2 * PRICE);
    let id = RefundId(command.claim.key.cancellation(payment));
    let found = world.refund(payment, Some(2 * PRICE));
    world.send(found, payment);
    world.refund_answer(found, RefundStatus::Succeeded);
    let row: Refund = world.get(found);
    world.set(&Refund { id, ..row.clone() });
    world.forget(&row);
    world.run(&command).reply();
    assert_eq!(refunds(&world).len(), 1, "it is the refund that was found");
    let row: Booking = world.get(booking);
    assert_eq!((*row.state, row.total_minor), (booking::State::Cancelled, 2 * PRICE));
}

/// The policy of the moment of the booking counts.
#[test]
fn a_later_policy_does_not_change_a_booking() {
    let (mut world, booking, _) = sold(half(), Capture::Automatic);
    world.set_policy(CancellationRules::preset(Preset::Free));
    let command = world.cancel_for(booking, 4 * PRICE);
    assert_eq!(world.refused(&command), Refusal::QuoteHasChanged { refund: eur(2 * PRICE) });
}

#[test]
fn the_penalty_is_released_to_those_who_share_it() {
    let mut world = TestWorld::new(4);
    world.set_policy(half());
    let guide = world.beneficiary(false);
    world.split_with(guide);
    let booking = world.reserve(4);
    let payment = world.pay(booking);
    world.mark_sent(payment);
    world.webhook(payment, ProviderStatus::Captured { amount_minor: 4 * PRICE });
    let command = world.cancel_for(booking, 2 * PRICE);
    world.run(&command).reply();
    world.wait(Span::seconds(3 * 24 * 3_600));
    assert_eq!(world.release_now(), 0, "the refund is under way");
    let refund: RefundId = refunds(&world)[0].id;
    world.send(refund, payment);
    world.refund_answer(refund, RefundStatus::Succeeded);
    world.wait(Span::seconds(24 * 3_600));
    assert_eq!(world.release_now(), 1);
    let release = world.release(booking);
    assert_eq!((*release.state, release.released_minor), (release::State::Released, 2 * PRICE));
}

#[test]
fn a_hold_is_given_up_without_consequences() {
    let mut world = TestWorld::new(4);
    world.set_policy(half());
    let booking = world.reserve(2);
    let items = one_ticket(&world, booking, 1);
    let part = CancelBooking { items, ..world.cancel_command(booking) };
    assert_eq!(world.refused(&part), Refusal::HoldIsCancelledWhole);
    let cancel = world.cancel_command(booking);
    world.run(&cancel).reply();
    let row: Booking = world.get(booking);
    assert_eq!((*row.state, row.due_minor()), (booking::State::Cancelled, 0));
    let item: BookingItem = world.items_of(booking)[0].clone();
    assert_eq!((*item.state, item.penalty_minor()), (booking_item::State::Released, None));
    assert!(world.all::<Message>().iter().any(|message| message.kind == "booking.cancelled"));
}
