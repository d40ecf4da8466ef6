//! A hold that is paid with Pix lives as long as the Pix can be paid.

use super::test_world::TestWorld;
use crate::commands::{Reserve, StartPayment};
use crate::lifecycle::{booking, payment};
use crate::limits::{HOLD_SECONDS, HOLD_SECONDS_MAX};
use crate::provider::ProviderStatus;
use crate::reply::Reply;
use crate::rows::{Booking, Job, NextAction, Payment};
use crate::time::Span;
use crate::{AttemptId, BookingId, JobId, Refusal};

fn pix(world: &mut TestWorld, booking: BookingId, seconds: i64) -> StartPayment {
    let pay_within = Some(Span::seconds(seconds));
    StartPayment { payment_method: "pix".into(), pay_within, ..world.pay_command(booking) }
}

fn code(world: &TestWorld, seconds: i64) -> ProviderStatus {
    let expires_at = world.now.plus(Span::seconds(seconds));
    ProviderStatus::NeedsAction(NextAction::PayPix { code: "0002".into(), expires_at })
}

#[test]
fn a_payment_extends_its_hold_within_the_tenants_limit() {
    let check = |waited: i64, pay_within: i64, expected: Result<i64, i64>| {
        let mut world = TestWorld::new(9);
        let reserve = Reserve { hold_seconds: Some(HOLD_SECONDS), ..world.reserve_command(2) };
        let Reply::Booking(reply) = world.run(&reserve).reply() else { panic!("a booking was made") };
        let (id, began) = (reply.booking.id, world.now);
        world.wait(Span::seconds(waited));
        let start = pix(&mut world, id, pay_within);
        match expected {
            Ok(seconds) => {
                world.start(&start);
                let row: Booking = world.get(id);
                let ends = began.plus(Span::seconds(seconds));
                assert_eq!((row.hold_expires_at, row.sweep_at), (ends, ends), "{waited} {pay_within}");
            }
            Err(seconds_max) => {
                let refused = world.refused(&start);
                assert_eq!(refused, Refusal::PaymentOutlivesHold { seconds_max }, "{waited} {pay_within}");
                let row: Booking = world.get(id);
                assert_eq!(row.hold_expires_at, began.plus(Span::seconds(HOLD_SECONDS)));
            }
        }
    };
    check(0, HOLD_SECONDS - 1, Ok(HOLD_SECONDS));
    check(0, HOLD_SECONDS + 1, Ok(HOLD_SECONDS + 1));
    check(60, HOLD_SECONDS, Ok(HOLD_SECONDS + 60));
    check(0, HOLD_SECONDS_MAX, Ok(HOLD_SECONDS_MAX));
    check(0, HOLD_SECONDS_MAX + 1, Err(HOLD_SECONDS_MAX));
    check(60, HOLD_SECONDS_MAX, Err(HOLD_SECONDS_MAX - 60));
}

#[test]
fn a_payment_never_extends_its_hold_beyond_the_departure() {
    let mut world = TestWorld::new(9);
    let starts_at = world.now.plus(Span::seconds(3_600));
    world.set_slot(|slot| slot.starts_at = starts_at);
    let booking = world.reserve(2);
    let late = pix(&mut world, booking, 3_601);
    assert_eq!(world.refused(&late), Refusal::PaymentOutlivesHold { seconds_max: 3_600 });
    let start = pix(&mut world, booking, 3_600);
    world.start(&start);
    assert_eq!(world.get::<Booking>(booking).hold_expires_at, starts_at);
}

#[test]
fn a_code_that_was_made_late_ends_with_the_payment() {
    let mut world = TestWorld::new(9);
    let booking = world.reserve(2);
    let start = pix(&mut world, booking, 3_600);
    let payment = world.start(&start);
    let ends = world.now.plus(Span::seconds(3_600));
    let mark = world.mark_sent_command(payment, payment, None);
    world.run(&mark).reply();
    world.wait(Span::seconds(300));
    let late = code(&world, 3_600);
    world.answer(payment, late);
    let row: Payment = world.get(payment);
    assert_eq!(row.payable_until(), Some(ends));
    // The charge is looked at again when its time is over, at the latest.
    let job: Job = world.get(JobId::from(AttemptId::from(payment)));
    assert!(job.due_at <= ends, "{job:?}");
}

#[test]
fn a_hold_lapses_after_its_pix_and_not_before() {
    let mut world = TestWorld::new(9);
    let booking = world.reserve(2);
    let start = pix(&mut world, booking, 3_600);
    let payment = world.start(&start);
    let mark = world.mark_sent_command(payment, payment, None);
    world.run(&mark).reply();
    let seen = code(&world, 3_600);
    world.answer(payment, seen);
    world.wait(Span::seconds(3_599));
    assert_eq!(world.expire(), 0);
    assert!(!world.get::<Payment>(payment).void_requested);
    world.wait(Span::seconds(1));
    // The payment is called off first; the seats wait until it is removed.
    assert_eq!(world.expire(), 0);
    assert!(world.get::<Payment>(payment).void_requested);
    world.fetched(payment, ProviderStatus::Cancelled);
    assert_eq!(world.payment_is(payment), payment::State::Cancelled);
    assert_eq!(world.expire(), 1);
    assert_eq!(world.booking_is(booking), booking::State::Expired);
    world.close_the_books();
}
