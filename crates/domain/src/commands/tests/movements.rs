//! Movements of money that a person made at the provider: they are recorded, or a review case is opened.

use std::string::String;
use std::vec::Vec;

use super::in_review::{reserved, resolve};
use super::payments::CAPTURED;
use super::provider_model::failure;
use super::test_world::{PRICE, TestWorld, account, eur};
use crate::commands::{RefundOutcome, SettleRefund};
use crate::lifecycle::{attempt, payment, refund};
use crate::provider::{ProviderStatus, RefundStatus, Source};
use crate::rows::{Attempt, Booking, Capture, Movement, MovementKind, Payment, Refund};
use crate::{PaymentId, RefundId, Refusal};

#[test]
fn a_refund_made_at_the_provider_is_booked_once() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    for status in [RefundStatus::Pending, RefundStatus::Succeeded, RefundStatus::Succeeded] {
        world.refund_at_provider(payment, "re_1", 700, status).reply();
    }
    let refund: Refund = world.get(RefundId::at_provider(account(), "re_1"));
    assert!(refund.external && refund.state.is(refund::State::Succeeded));
    let row: Payment = world.get(payment);
    assert_eq!((row.refunded_minor, row.refunding_minor, row.refunds), (700, 0, 1));
    let booking: Booking = world.get(row.booking.unwrap());
    assert_eq!((booking.refunded_minor, booking.due_minor()), (700, 0));
    let moved: Vec<(MovementKind, String)> =
        world.all::<Movement>().into_iter().map(|row| (row.kind, row.object)).collect();
    assert!(moved.contains(&(MovementKind::Refund, "re_1".into())) && moved.len() == 2);
    let rest = world.refund(payment, None);
    assert_eq!(world.get::<Refund>(rest).amount_minor, 2 * PRICE - 700, "what is left");
    assert!(world.reviews().is_empty());
    assert_eq!(world.close_the_books()["provider"], 2 * PRICE - 700);
}

#[test]
fn a_refund_under_way_at_the_provider_holds_its_sum_back() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    world.refund_at_provider(payment, "re_1", 700, RefundStatus::Pending).reply();
    let all = world.refund_command(payment, Some(2 * PRICE));
    let refundable = eur(2 * PRICE - 700);
    assert_eq!(world.refused(&all), Refusal::RefundExceedsCapture { refundable });
    let failed = RefundStatus::Failed(failure("account_closed", false));
    world.refund_at_provider(payment, "re_1", 700, failed).reply();
    assert_eq!(world.get::<Payment>(payment).refundable_minor(), 2 * PRICE);
    assert!(world.reviews().is_empty(), "the person sees it at the provider");
}

#[test]
fn a_refund_at_the_provider_that_comes_back_is_reversed() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    world.refund_at_provider(payment, "re_1", 700, RefundStatus::Succeeded).reply();
    let failed = RefundStatus::Failed(failure("account_closed", false));
    world.refund_at_provider(payment, "re_1", 700, failed).reply();
    assert_eq!(world.get::<Payment>(payment).refunded_minor, 0);
    assert_eq!(world.close_the_books()["provider"], 2 * PRICE);
}

/// The payment was captured at the provider as well, and that is not known yet.
#[test]
fn a_refund_that_is_ahead_of_its_payment_comes_again() {
    let mut world = TestWorld::new(9);
    let payment = reserved(&mut world);
    let early = world.refund_at_provider(payment, "re_1", 700, RefundStatus::Succeeded);
    assert_eq!(early.refusal(), Refusal::PaymentIsBehind);
    world.webhook(payment, CAPTURED);
    world.refund_at_provider(payment, "re_1", 700, RefundStatus::Succeeded).reply();
    assert_eq!(world.get::<Payment>(payment).refunded_minor, 700);
}

/// The mark was copied, or we refunded twice: the refund counts in either case, and a person must look at it.
#[test]
fn a_refund_with_the_mark_of_another_is_booked_and_reviewed() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    let ours = world.refund(payment, Some(700));
    world.send(ours, payment);
    world.refund_answer(ours, RefundStatus::Succeeded);
    for status in [RefundStatus::Pending, RefundStatus::Succeeded] {
        let outside = world.refund_event(payment, "re_copy", 700, status);
        let own = SettleRefund { refund: ours, ..outside.clone() };
        assert_eq!(world.refused(&own), Refusal::RefundNotFound, "ours is another object");
        world.run(&SettleRefund { mark: Some(ours), ..outside }).reply();
    }
    assert_eq!(world.get::<Payment>(payment).refunded_minor, 1_400);
    let [case] = &world.reviews()[..] else { panic!("one case: {:?}", world.reviews()) };
    assert_eq!(case.reason, "provider_contradicts");
    assert_eq!(world.close_the_books()["provider"], 2 * PRICE - 1_400);
}

#[test]
fn money_in_suspense_goes_back_out_of_suspense() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.sent(Capture::Automatic);
    super::dead_letters::write_off(&mut world, payment);
    world.webhook(payment, CAPTURED);
    for _ in 0..2 {
        world.refund_at_provider(payment, "re_1", 2 * PRICE, RefundStatus::Succeeded).reply();
    }
    let books = world.close_the_books();
    assert_eq!((books["provider"], books["suspense"]), (0, 0));
}

#[test]
fn more_than_was_captured_cannot_go_back() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    for _ in 0..2 {
        world.refund_at_provider(payment, "re_1", 2 * PRICE + 1, RefundStatus::Succeeded).reply();
    }
    assert_eq!(world.get::<Payment>(payment).refunded_minor, 0);
    let [case] = &world.reviews()[..] else { panic!("one case: {:?}", world.reviews()) };
    assert_eq!(case.reason, "provider_contradicts");
    let books = world.close_the_books();
    assert_eq!((books["provider"], books["suspense"]), (-1, 2 * PRICE + 1), "as at the provider, once");
}

/// The customer paid twice outside of our knowledge: into another object, or twice into ours.
#[test]
fn what_is_paid_twice_is_in_suspense_once() {
    for is_other_object in [true, false] {
        let mut world = TestWorld::new(9);
        let (_, payment) = world.paid();
        let mut seen = world.seen(payment, CAPTURED);
        if is_other_object {
            seen.object = "another".into();
        } else {
            seen.status = ProviderStatus::Captured { amount_minor: 4 * PRICE };
        }
        for _ in 0..2 {
            let event = world.event_command(payment, seen.clone());
            world.run(&event).reply();
        }
        let row: Payment = world.get(payment);
        assert_eq!(row.captured_minor, 2 * PRICE, "{is_other_object}");
        assert_eq!(world.get::<Booking>(row.booking.unwrap()).paid_minor, 2 * PRICE);
        let cases = world.reviews();
        assert!(cases.iter().all(|case| case.reason == "provider_contradicts"));
        assert_eq!(cases.len(), if is_other_object { 2 } else { 1 }, "one, however often it is shown");
        let books = world.close_the_books();
        assert_eq!((books["provider"], books["suspense"]), (4 * PRICE, -2 * PRICE), "{is_other_object}");
    }
}

/// The incoming payments of a charge by Pix.
const FIRST: &str = "E1";
const SECOND: &str = "E2";

/// The observation of a charge that got these, each for the whole amount.
fn received(world: &mut TestWorld, payment: PaymentId, incoming: &[&str]) {
    let amount_minor = 2 * PRICE * i64::try_from(incoming.len()).unwrap();
    let mut seen = world.seen(payment, ProviderStatus::Captured { amount_minor });
    seen.incoming = incoming.iter().map(|id| (*id).into()).collect();
    let event = world.event_command(payment, seen);
    world.run(&event).reply();
}

fn returned(world: &mut TestWorld, payment: PaymentId, incoming: &str, status: RefundStatus) {
    let object = std::format!("{incoming}-1");
    let mut command = world.refund_event(payment, &object, 2 * PRICE, status);
    let RefundOutcome::Seen(seen) = &mut command.outcome else { panic!("it was seen") };
    seen.incoming = Some(incoming.into());
    world.run(&command).reply();
}

fn sent_back() -> RefundStatus {
    RefundStatus::Failed(failure("return_not_made", true))
}

/// A charge that was paid by `FIRST`.
fn paid_by_pix(world: &mut TestWorld) -> PaymentId {
    let (_, payment) = world.sent(Capture::Automatic);
    received(world, payment, &[FIRST]);
    payment
}

fn refunded_minor(world: &TestWorld, payment: PaymentId) -> (i64, i64) {
    let row: Payment = world.get(payment);
    (row.refunded_minor, world.get::<Booking>(row.booking.unwrap()).refunded_minor)
}

#[test]
fn a_second_pix_goes_back_out_of_suspense_and_comes_back_into_it() {
    for is_seen_first in [true, false] {
        let mut world = TestWorld::new(9);
        let payment = paid_by_pix(&mut world);
        if is_seen_first {
            received(&mut world, payment, &[FIRST, SECOND]);
        }
        for status in [RefundStatus::Pending, RefundStatus::Succeeded, RefundStatus::Succeeded] {
            returned(&mut world, payment, SECOND, status);
        }
        received(&mut world, payment, &[FIRST, SECOND]);
        assert_eq!(refunded_minor(&world, payment), (0, 0), "the booking keeps its money");
        assert_eq!(world.all::<Refund>().len(), 0);
        let books = world.close_the_books();
        assert_eq!((books["provider"], books["suspense"]), (2 * PRICE, 0), "{is_seen_first}");
        assert!(world.reviews().iter().all(|case| case.reason == "provider_contradicts"));

        for status in [sent_back(), sent_back(), RefundStatus::Succeeded] {
            returned(&mut world, payment, SECOND, status);
        }
        let books = world.close_the_books();
        assert_eq!((books["provider"], books["suspense"]), (4 * PRICE, -2 * PRICE), "it is there again");
        let reasons = world.reviews().into_iter().map(|case| case.reason);
        assert_eq!(reasons.filter(|reason| reason == "refund_failed_after_it_succeeded").count(), 1);
        let kinds: Vec<MovementKind> = world.all::<Movement>().into_iter().map(|row| row.kind).collect();
        assert_eq!(kinds.len(), 3, "{kinds:?}");
        assert!(kinds.contains(&MovementKind::SuspenseReturnReversal));
    }
}

#[test]
fn a_return_of_the_pix_that_paid_is_a_refund_of_the_booking() {
    let mut world = TestWorld::new(9);
    let payment = paid_by_pix(&mut world);
    received(&mut world, payment, &[FIRST, SECOND]);
    returned(&mut world, payment, FIRST, RefundStatus::Succeeded);
    assert_eq!(refunded_minor(&world, payment), (2 * PRICE, 2 * PRICE));
    let books = world.close_the_books();
    assert_eq!((books["provider"], books["suspense"]), (2 * PRICE, -2 * PRICE));
    returned(&mut world, payment, SECOND, RefundStatus::Succeeded);
    assert_eq!(refunded_minor(&world, payment), (2 * PRICE, 2 * PRICE));
    let books = world.close_the_books();
    assert_eq!((books["provider"], books["suspense"]), (0, 0));
    assert!(world.reviews().iter().all(|case| case.detail.contains("another amount")), "only the second Pix");
}

#[test]
fn a_return_out_of_suspense_that_fails_before_it_succeeds_is_seen_by_a_person() {
    let mut world = TestWorld::new(9);
    let payment = paid_by_pix(&mut world);
    received(&mut world, payment, &[FIRST, SECOND]);
    returned(&mut world, payment, SECOND, sent_back());
    let books = world.close_the_books();
    assert_eq!((books["provider"], books["suspense"]), (4 * PRICE, -2 * PRICE), "nothing moved");
    let cases = world.reviews().len();
    returned(&mut world, payment, SECOND, RefundStatus::Succeeded);
    assert_eq!(world.reviews().len(), cases + 1);
    assert_eq!(refunded_minor(&world, payment), (0, 0));
}

#[test]
fn what_went_out_of_suspense_of_an_ended_payment_comes_back_into_it() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.sent(Capture::Automatic);
    super::dead_letters::write_off(&mut world, payment);
    world.webhook(payment, CAPTURED);
    for status in [sent_back(), RefundStatus::Succeeded, sent_back(), sent_back()] {
        world.refund_at_provider(payment, "re_1", 2 * PRICE, status).reply();
    }
    let books = world.close_the_books();
    assert_eq!((books["provider"], books["suspense"]), (2 * PRICE, -2 * PRICE));
}

/// Ours was sent back by the bank, and a person made another one. The events come in the other order.
#[test]
fn a_refund_that_was_too_much_counts_once_another_was_sent_back() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    let ours = world.refund(payment, None);
    world.send(ours, payment);
    world.refund_answer(ours, RefundStatus::Succeeded);
    world.refund_at_provider(payment, "re_1", 700, RefundStatus::Succeeded).reply();
    assert_eq!(world.get::<Payment>(payment).refunded_minor, 2 * PRICE);
    assert_eq!(world.close_the_books()["suspense"], 700);
    world.refund_webhook(ours, RefundStatus::Failed(failure("account_closed", false)));
    world.refund_at_provider(payment, "re_1", 700, RefundStatus::Succeeded).reply();
    assert_eq!(world.get::<Payment>(payment).refunded_minor, 700);
    world.refund_at_provider(payment, "re_1", 700, RefundStatus::Succeeded).reply();
    let books = world.close_the_books();
    assert_eq!((books["provider"], books["suspense"]), (2 * PRICE - 700, 0), "posted once");
}

#[test]
fn a_capture_made_at_the_provider_is_followed() {
    let mut world = TestWorld::new(9);
    let payment = reserved(&mut world);
    world.webhook(payment, ProviderStatus::Captured { amount_minor: 1_500 });
    assert_eq!(world.get::<Payment>(payment).captured_minor, 1_500);
    assert!(world.reviews().is_empty());
}

/// A capture of 1,500 was requested, and the provider captured all. A person closes the case, and
/// the provider's amount counts.
#[test]
fn a_capture_of_another_amount_contradicts() {
    for source in [Source::Answer, Source::Webhook] {
        let mut world = TestWorld::new(9);
        let payment = reserved(&mut world);
        let capture = world.start_capture(payment, Some(1_500));
        world.send(capture, payment);
        if source == Source::Webhook {
            world.webhook(payment, CAPTURED);
        }
        let answer = world.settle_command(capture, payment, CAPTURED, Source::Answer);
        world.run(&answer).reply();
        assert_eq!(world.payment_is(payment), payment::State::Authorized);
        assert_eq!(*world.get::<Attempt>(capture).state, attempt::State::Review);
        assert!(world.reviews().iter().all(|case| case.reason == "provider_contradicts"));
        let books = world.close_the_books();
        assert_eq!((books["provider"], books["suspense"]), (2 * PRICE, -2 * PRICE));
        resolve(&mut world, capture);
        let recheck = world.settle_command(capture, payment, CAPTURED, Source::Fetched);
        world.run(&recheck).reply();
        assert_eq!(world.payment_is(payment), payment::State::Captured);
        let books = world.close_the_books();
        assert_eq!((books["provider"], books["suspense"]), (2 * PRICE, 0));
    }
}

#[test]
fn an_authorisation_cancelled_at_the_provider_opens_a_case() {
    let mut world = TestWorld::new(9);
    let payment = reserved(&mut world);
    let booking = world.get::<Payment>(payment).booking.unwrap();
    world.webhook(payment, ProviderStatus::Cancelled);
    assert_eq!(world.payment_is(payment), payment::State::Lapsed);
    assert_eq!(world.reviews()[0].reason, "authorization_lapsed");
    assert_eq!(world.get::<Booking>(booking).due_minor(), 2 * PRICE, "it is owed again");
    world.pay(booking);
}
