//! Money that a person received, without a provider.

use super::test_store::CommandResult;
use super::test_world::{PRICE, TestWorld, eur};
use crate::commands::{PaymentTarget, RecordPayment, RecordRefund, Recorder};
use crate::lifecycle::{booking, payment, refund};
use crate::reply::Reply;
use crate::rows::{Account, Booking, ManualMethod, Mode, Movement, Payment, Refund};
use crate::{BookingId, Money, PaymentId, Refusal};
use std::collections::BTreeMap;
use std::vec::Vec;

fn recorder(world: &mut TestWorld) -> Recorder {
    Recorder { claim: world.claim(), mode: Mode::Test, who: "Rita".into(), why: Some("receipt 7".into()) }
}

fn record(world: &mut TestWorld, booking: BookingId, amount: Option<Money>) -> RecordPayment {
    RecordPayment {
        by: recorder(world),
        target: PaymentTarget::Booking { booking, amount },
        method: ManualMethod::Cash,
        metadata: BTreeMap::new(),
    }
}

pub(super) fn give_back(world: &mut TestWorld, payment: PaymentId, amount: Option<Money>) -> RecordRefund {
    RecordRefund { by: recorder(world), payment, amount, metadata: BTreeMap::new() }
}

pub(super) fn recorded(world: &mut TestWorld, booking: BookingId) -> PaymentId {
    let command = record(world, booking, None);
    let Reply::Payment(payment) = world.run(&command).reply() else { panic!("a payment was recorded") };
    payment.id
}

#[test]
fn cash_confirms_its_booking_at_once() {
    let mut world = TestWorld::new(9);
    let booking = world.reserve(2);
    let command = record(&mut world, booking, None);
    let Reply::Payment(paid) = world.run(&command).reply() else { panic!("a payment was recorded") };
    assert_eq!((*paid.state, paid.captured_minor), (payment::State::Captured, 2 * PRICE));
    assert_eq!((paid.provider.as_str(), paid.payment_method.as_str()), ("manual", "cash"));
    let row: Booking = world.get(booking);
    assert_eq!((*row.state, row.paid_minor, row.payments), (booking::State::Confirmed, 2 * PRICE, 1));
    assert!(matches!(world.run(&command), CommandResult::Replay { status: 200, .. }));
    assert_eq!(world.all::<Movement>().len(), 1);
    let again = record(&mut world, booking, None);
    assert_eq!(world.refused(&again), Refusal::NothingIsDue);
    world.close_the_books();
}

#[test]
fn the_account_for_such_money_is_written_once() {
    let mut world = TestWorld::new(9);
    let before = world.all::<Account>().len();
    for _ in 0..2 {
        let booking = world.reserve(1);
        recorded(&mut world, booking);
    }
    assert_eq!(world.all::<Account>().len(), before + 1);
}

#[test]
fn it_is_refused_like_any_payment() {
    let mut world = TestWorld::new(9);
    let booking = world.reserve(2);
    let open = world.pay(booking);
    let command = record(&mut world, booking, None);
    assert_eq!(world.refused(&command), Refusal::PaymentAlreadyOpen { payment: open.0 });

    let other = world.reserve(2);
    let part = record(&mut world, other, Some(eur(PRICE)));
    assert_eq!(world.refused(&part), Refusal::AmountDoesNotCoverWhatIsDue { due: eur(2 * PRICE) });
    let row: Booking = world.get(other);
    let now = world.now;
    world.set(&Booking { hold_expires_at: now, ..row });
    let late = record(&mut world, other, None);
    assert_eq!(world.refused(&late), Refusal::HoldHasExpired);
}

#[test]
fn what_was_given_back_is_recorded_too() {
    let mut world = TestWorld::new(9);
    let booking = world.reserve(2);
    let payment = recorded(&mut world, booking);
    let part = give_back(&mut world, payment, Some(eur(500)));
    let Reply::Refund(back) = world.run(&part).reply() else { panic!("a refund was recorded") };
    assert_eq!(*back.state, refund::State::Succeeded);
    assert!(matches!(world.run(&part), CommandResult::Replay { .. }));
    let row: Payment = world.get(payment);
    assert_eq!((row.refunded_minor, row.refunding_minor, row.refunds), (500, 0, 1));
    assert_eq!(world.get::<Booking>(booking).refunded_minor, 500);

    let refundable = eur(2 * PRICE - 500);
    let more = give_back(&mut world, payment, Some(eur(2 * PRICE)));
    assert_eq!(world.refused(&more), Refusal::RefundExceedsCapture { refundable });
    let rest = give_back(&mut world, payment, None);
    world.run(&rest).reply();
    let none = give_back(&mut world, payment, None);
    assert_eq!(world.refused(&none), Refusal::RefundExceedsCapture { refundable: eur(0) });
    let refunds: Vec<Refund> = world.all();
    assert_eq!(refunds.iter().map(|refund| refund.amount_minor).sum::<i64>(), 2 * PRICE);
    world.close_the_books();
}

#[test]
fn each_way_of_paying_has_its_own_refund() {
    let mut world = TestWorld::new(9);
    let booking = world.reserve(2);
    let manual = recorded(&mut world, booking);
    let at_provider = world.refund_command(manual, None);
    assert_eq!(world.refused(&at_provider), Refusal::PaymentWasRecorded);

    let other = world.reserve(1);
    let at_stripe = world.pay(other);
    let by_hand = give_back(&mut world, at_stripe, None);
    assert_eq!(world.refused(&by_hand), Refusal::PaymentWasNotRecorded);
    let live = RecordRefund { by: Recorder { mode: Mode::Live, ..recorder(&mut world) }, ..by_hand };
    let live = RecordRefund { payment: manual, ..live };
    assert_eq!(world.refused(&live), Refusal::PaymentNotFound);
}

#[test]
fn cash_that_is_given_back_after_the_service_reduces_the_revenue() {
    let mut world = TestWorld::new(9);
    let booking = world.reserve(2);
    let payment = recorded(&mut world, booking);
    world.complete(booking);
    let back = give_back(&mut world, payment, Some(eur(500)));
    world.run(&back).reply();
    let balances = world.close_the_books();
    let of = |name: &str| balances.get(name).copied().unwrap_or_default();
    assert_eq!((of("deferred_revenue"), of("revenue"), of("refunds")), (0, -2 * PRICE, 500), "{balances:?}");
}
