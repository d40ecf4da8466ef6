//! Movements of money that nobody asked us for: whoever acts at the provider is followed, or a person sees it.

use std::string::String;
use std::vec::Vec;

use super::hand_over::{paid, reserved, resolve};
use super::payments::CAPTURED;
use super::shop::{PRICE, Shop, account, eur};
use super::teller::failure;
use crate::commands::{SettleDispute, SettleRefund};
use crate::lifecycle::{attempt, booking, payment, refund};
use crate::provider::{DisputeObservation, DisputeStatus, ProviderStatus, RefundStatus, Source};
use crate::rows::{Attempt, Booking, Capture, Movement, MovementKind, Payment, Refund};
use crate::{Currency, PaymentId, RefundId, Refusal};

#[test]
fn a_refund_made_at_the_provider_is_booked_once() {
    let mut shop = Shop::new(9);
    let payment = paid(&mut shop);
    for status in [RefundStatus::Pending, RefundStatus::Succeeded, RefundStatus::Succeeded] {
        shop.refund_at_provider(payment, "re_1", 700, status).reply();
    }
    let refund: Refund = shop.get(RefundId::at_provider(account(), "re_1"));
    assert!(refund.external && refund.state.is(refund::State::Succeeded));
    let row: Payment = shop.get(payment);
    assert_eq!((row.refunded_minor, row.refunding_minor, row.refunds), (700, 0, 1));
    let booking: Booking = shop.get(row.booking.unwrap());
    assert_eq!((booking.refunded_minor, booking.due_minor()), (700, 0));
    let moved: Vec<(MovementKind, String)> =
        shop.all::<Movement>().into_iter().map(|row| (row.kind, row.object)).collect();
    assert!(moved.contains(&(MovementKind::Refund, "re_1".into())) && moved.len() == 2);
    let rest = shop.refund(payment, None);
    assert_eq!(shop.get::<Refund>(rest).amount_minor, 2 * PRICE - 700, "what is left");
    assert!(shop.reviews().is_empty());
    assert_eq!(shop.close_the_books()["provider"], 2 * PRICE - 700);
}

#[test]
fn a_refund_under_way_at_the_provider_holds_its_sum_back() {
    let mut shop = Shop::new(9);
    let payment = paid(&mut shop);
    shop.refund_at_provider(payment, "re_1", 700, RefundStatus::Pending).reply();
    let all = shop.refund_command(payment, Some(2 * PRICE));
    let refundable = eur(2 * PRICE - 700);
    assert_eq!(shop.refused(&all), Refusal::RefundExceedsCapture { refundable });
    let failed = RefundStatus::Failed(failure("account_closed", false));
    shop.refund_at_provider(payment, "re_1", 700, failed).reply();
    assert_eq!(shop.get::<Payment>(payment).refundable_minor(), 2 * PRICE);
    assert!(shop.reviews().is_empty(), "whoever made it sees it there");
}

#[test]
fn a_refund_at_the_provider_that_comes_back_is_reversed() {
    let mut shop = Shop::new(9);
    let payment = paid(&mut shop);
    shop.refund_at_provider(payment, "re_1", 700, RefundStatus::Succeeded).reply();
    let failed = RefundStatus::Failed(failure("account_closed", false));
    shop.refund_at_provider(payment, "re_1", 700, failed).reply();
    assert_eq!(shop.get::<Payment>(payment).refunded_minor, 0);
    assert_eq!(shop.close_the_books()["provider"], 2 * PRICE);
}

/// Its payment was captured at the provider as well, and that is not known yet.
#[test]
fn a_refund_that_is_ahead_of_its_payment_comes_again() {
    let mut shop = Shop::new(9);
    let payment = reserved(&mut shop);
    let early = shop.refund_at_provider(payment, "re_1", 700, RefundStatus::Succeeded);
    assert_eq!(early.refusal(), Refusal::PaymentIsBehind);
    shop.webhook(payment, CAPTURED);
    shop.refund_at_provider(payment, "re_1", 700, RefundStatus::Succeeded).reply();
    assert_eq!(shop.get::<Payment>(payment).refunded_minor, 700);
}

/// Somebody copied the mark, or it was refunded twice: the money is gone in either case, and a person is told.
#[test]
fn a_refund_with_the_mark_of_another_is_booked_and_told() {
    let mut shop = Shop::new(9);
    let payment = paid(&mut shop);
    let ours = shop.refund(payment, Some(700));
    shop.send(ours, payment);
    shop.refund_answer(ours, RefundStatus::Succeeded);
    for status in [RefundStatus::Pending, RefundStatus::Succeeded] {
        let outside = shop.refund_event(payment, "re_copy", 700, status);
        let own = SettleRefund { refund: ours, ..outside.clone() };
        assert_eq!(shop.refused(&own), Refusal::RefundNotFound, "ours is another object");
        shop.run(&SettleRefund { mark: Some(ours), ..outside }).reply();
    }
    assert_eq!(shop.get::<Payment>(payment).refunded_minor, 1_400);
    let [case] = &shop.reviews()[..] else { panic!("one case: {:?}", shop.reviews()) };
    assert_eq!(case.reason, "provider_contradicts");
    assert_eq!(shop.close_the_books()["provider"], 2 * PRICE - 1_400);
}

#[test]
fn money_in_suspense_goes_back_out_of_suspense() {
    let mut shop = Shop::new(9);
    let (_, payment) = shop.sent(Capture::Automatic);
    super::dead_letters::write_off(&mut shop, payment);
    shop.webhook(payment, CAPTURED);
    for _ in 0..2 {
        shop.refund_at_provider(payment, "re_1", 2 * PRICE, RefundStatus::Succeeded).reply();
    }
    let books = shop.close_the_books();
    assert_eq!((books["provider"], books["suspense"]), (0, 0));
}

#[test]
fn more_than_was_captured_cannot_go_back() {
    let mut shop = Shop::new(9);
    let payment = paid(&mut shop);
    shop.refund_at_provider(payment, "re_1", 2 * PRICE + 1, RefundStatus::Succeeded).reply();
    assert_eq!(shop.get::<Payment>(payment).refunded_minor, 0);
    assert_eq!(shop.reviews()[0].reason, "provider_contradicts");
}

#[test]
fn a_capture_made_at_the_provider_is_followed() {
    let mut shop = Shop::new(9);
    let payment = reserved(&mut shop);
    shop.webhook(payment, ProviderStatus::Captured { amount_minor: 1_500 });
    assert_eq!(shop.get::<Payment>(payment).captured_minor, 1_500);
    assert!(shop.reviews().is_empty());
}

/// Asked for 1,500, and the provider has all of it. A person closes the case, and what it has counts.
#[test]
fn a_capture_of_another_amount_contradicts() {
    for source in [Source::Answer, Source::Webhook] {
        let mut shop = Shop::new(9);
        let payment = reserved(&mut shop);
        let capture = shop.start_capture(payment, Some(1_500));
        shop.send(capture, payment);
        if source == Source::Webhook {
            shop.webhook(payment, CAPTURED);
        }
        let answer = shop.settle_command(capture, payment, CAPTURED, Source::Answer);
        shop.run(&answer).reply();
        assert_eq!(shop.payment_is(payment), payment::State::Authorized);
        assert_eq!(*shop.get::<Attempt>(capture).state, attempt::State::Review);
        assert!(shop.reviews().iter().all(|case| case.reason == "provider_contradicts"));
        let books = shop.close_the_books();
        assert_eq!((books["provider"], books["suspense"]), (2 * PRICE, -2 * PRICE));
        resolve(&mut shop, capture);
        let look = shop.settle_command(capture, payment, CAPTURED, Source::Fetched);
        shop.run(&look).reply();
        assert_eq!(shop.payment_is(payment), payment::State::Captured);
        let books = shop.close_the_books();
        assert_eq!((books["provider"], books["suspense"]), (2 * PRICE, 0));
    }
}

#[test]
fn an_authorisation_cancelled_at_the_provider_opens_a_case() {
    let mut shop = Shop::new(9);
    let payment = reserved(&mut shop);
    let booking = shop.get::<Payment>(payment).booking.unwrap();
    shop.webhook(payment, ProviderStatus::Cancelled);
    assert_eq!(shop.payment_is(payment), payment::State::Lapsed);
    assert_eq!(shop.reviews()[0].reason, "authorization_lapsed");
    assert_eq!(shop.get::<Booking>(booking).due_minor(), 2 * PRICE, "it is owed again");
    shop.pay(booking);
}

pub fn dispute(shop: &mut Shop, payment: PaymentId, status: DisputeStatus) {
    let observation = DisputeObservation {
        object: "dp_1".into(),
        status,
        amount_minor: 2 * PRICE,
        currency: Currency::EUR,
    };
    let event = shop.record();
    shop.run(&SettleDispute { event, account: account(), payment, observation }).reply();
}

#[test]
fn a_dispute_moves_money_once_each_way_in_any_order() {
    use DisputeStatus::{FundsReinstated, FundsWithdrawn, Lost, Opened, Won};
    let check = |story: &[DisputeStatus], disputed: i64, open: bool| {
        for turn in 0..story.len() {
            let mut shop = Shop::new(9);
            let payment = paid(&mut shop);
            let mut told = story.to_vec();
            told.rotate_left(turn);
            for status in told.iter().chain(story) {
                dispute(&mut shop, payment, *status);
            }
            let row: Payment = shop.get(payment);
            assert_eq!(row.disputed_minor, disputed, "{told:?}");
            assert_eq!(row.refundable_minor(), 2 * PRICE - disputed);
            assert_eq!(shop.has_open_review(payment.0), open, "{told:?}");
            let booking: Booking = shop.get(row.booking.unwrap());
            assert!(booking.state.is(booking::State::Confirmed) && booking.due_minor() == 0);
            let books = shop.close_the_books();
            assert_eq!(books["provider"], 2 * PRICE - disputed);
        }
    };
    check(&[DisputeStatus::Inquiry], 0, true);
    check(&[DisputeStatus::Inquiry, Won], 0, false);
    check(&[Opened, FundsWithdrawn], 2 * PRICE, true);
    check(&[Opened, FundsWithdrawn, Lost], 2 * PRICE, true);
    check(&[Opened, FundsWithdrawn, FundsReinstated, Won], 0, false);
}

#[test]
fn what_the_bank_took_back_cannot_be_refunded() {
    let mut shop = Shop::new(9);
    let payment = paid(&mut shop);
    dispute(&mut shop, payment, DisputeStatus::FundsWithdrawn);
    let all = shop.refund_command(payment, None);
    assert_eq!(shop.refused(&all), Refusal::RefundExceedsCapture { refundable: eur(0) });
}
