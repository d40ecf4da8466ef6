//! Completed bookings, the release of their funds, and the payouts.

use std::string::String;
use std::vec;
use std::vec::Vec;

use super::disputes::{reinstated, see, shown, withdrawn};
use super::payments::{AUTHORIZED, CAPTURED};
use super::provider_model::failure;
use super::test_world::{PRICE, TestWorld};
use crate::commands::{PayoutOutcome, RecordedOutcome, blocks_release};
use crate::lifecycle::{booking, job, payout, release, review};
use crate::limits::{ANOTHER_KEY_AFTER, OPERATION_DEADLINE_SECONDS, RELEASE_RECHECK, RELEASE_WAITS_MAX};
use crate::provider::DisputeStatus::{Lost, Opened, Won};
use crate::provider::{DisputeDetails, DisputeObservation, RefundStatus, TransferObservation};
use crate::rows::{Account, Audit, Booking, Capture, Job, Mode, Payment, Payout, PayoutMethod, Review};
use crate::split::{Portion, Share, SplitRule};
use crate::time::Span;
use crate::{BeneficiaryId, BookingId, PaymentId, PayoutId, Refusal};

pub(super) const NET: i64 = 2 * PRICE;
/// 10 % and 50.
pub(super) const FEE: i64 = 250;
pub(super) const DAYS: Span = Span::seconds(2 * 24 * 60 * 60);

/// A paid booking of a product that is split with one beneficiary.
pub(super) fn paid(transfer: bool) -> (TestWorld, BookingId, PaymentId, BeneficiaryId) {
    let mut world = TestWorld::new(9);
    let beneficiary = world.beneficiary(transfer);
    world.split_with(beneficiary);
    let (booking, payment) = world.sent(Capture::Automatic);
    world.webhook(payment, CAPTURED);
    (world, booking, payment, beneficiary)
}

/// The same, completed and released.
pub(super) fn released(transfer: bool) -> (TestWorld, PaymentId, PayoutId) {
    let (mut world, booking, payment, beneficiary) = paid(transfer);
    world.complete(booking);
    world.wait(DAYS);
    assert_eq!(world.release_now(), 1);
    (world, payment, PayoutId::of(booking, beneficiary))
}

/// The reasons of the open cases.
pub(super) fn cases(world: &TestWorld) -> Vec<String> {
    let open = world.all::<Review>().into_iter().filter(|case| case.state.is(review::State::Open));
    open.map(|case| case.reason).collect()
}

fn state(world: &TestWorld, payout: PayoutId) -> payout::State {
    *world.payout(payout).state
}

#[test]
fn a_share_is_paid_once_after_the_days_of_the_rule() {
    let (mut world, booking, payment, beneficiary) = paid(true);
    assert!(world.due().is_empty(), "the booking is not completed");
    world.complete(booking);
    assert_eq!(world.close_the_books()["revenue"], -NET);
    assert!(world.due().is_empty(), "it is too early");
    world.wait(DAYS);
    let due = world.due();
    assert_eq!(world.release_due(due.clone()), 1);
    assert_eq!(world.release_due(due), 0, "the timer of another server");
    let row = world.release(booking);
    assert_eq!((row.released_minor, row.platform_minor), (NET, FEE));
    assert!(world.due().is_empty());

    let id = PayoutId::of(booking, beneficiary);
    let payouts: Vec<PayoutId> = world.all::<Payout>().into_iter().map(|payout| payout.id).collect();
    assert_eq!(payouts, vec![id]);
    let books = world.close_the_books();
    assert_eq!((books["revenue"], books["platform_fees"], books["payable"]), (0, -FEE, FEE - NET));

    assert_eq!(world.send_payout(id), Some(0));
    let seen = world.transfer(id);
    world.payout_seen(id, seen.clone());
    world.payout_webhook(id, seen);
    assert_eq!(state(&world, id), payout::State::Paid);
    assert!(world.get::<Job>(id).state.is(job::State::Done));
    let books = world.close_the_books();
    assert_eq!((books["payable"], books["provider"]), (0, FEE));
    assert_eq!(world.payment_is(payment), crate::lifecycle::payment::State::Captured);
}

#[test]
fn a_booking_keeps_the_rule_of_its_reservation() {
    let (mut world, booking, _, beneficiary) = paid(true);
    let none = world.set_split_command(None);
    world.run(&none).reply();
    let (other, _) = world.sent(Capture::Automatic);
    assert!(world.find::<crate::rows::FundsRelease>(crate::ReleaseId::from(other)).is_none());
    world.complete(booking);
    world.wait(DAYS);
    assert_eq!(world.release_now(), 1);
    assert_eq!(world.payout(PayoutId::of(booking, beneficiary)).amount_minor, NET - FEE);
}

#[test]
fn what_stands_against_a_release_delays_it() {
    let check = |change: fn(&mut Payment)| {
        let (mut world, booking, payment, _) = paid(true);
        world.complete(booking);
        world.wait(DAYS);
        let before: Payment = world.get(payment);
        let mut after = before.clone();
        change(&mut after);
        world.set(&after);
        assert_eq!(world.release_now(), 0, "{after:?}");
        assert_eq!(world.release(booking).sweep_at, Some(world.now.plus(RELEASE_RECHECK)));
        world.set(&before);
        world.wait(RELEASE_RECHECK);
        assert_eq!(world.release_now(), 1, "nothing stands against it any more");
    };
    check(|payment| payment.evidenced = false);
    check(|payment| payment.suspended_minor = 1);
}

#[test]
fn a_payment_that_may_still_move_blocks_the_release() {
    let (world, _, payment, _) = paid(true);
    let settled: Payment = world.get(payment);
    assert!(!blocks_release(&settled));
    let check = |change: fn(&mut Payment)| {
        let mut payment = settled.clone();
        change(&mut payment);
        assert!(blocks_release(&payment), "{payment:?}");
    };
    check(|payment| payment.unsettled_disputes = 1);
    check(|payment| payment.refunding_minor = 1);
    check(|payment| payment.suspended_minor = 1);
    check(|payment| payment.suspended_minor = -1);
    check(|payment| payment.evidenced = false);
    check(|payment| payment.active = Some(payment.id.into()));
    check(|payment| payment.state = crate::lifecycle::CurrentState::start());
}

/// The money of a completed booking, its payment disputed from the moment that its release is due.
fn disputed_when_due() -> (TestWorld, BookingId, PaymentId, BeneficiaryId) {
    let (mut world, booking, payment, beneficiary) = paid(true);
    world.complete(booking);
    see(&mut world, payment, &partly(withdrawn(Opened, 1)));
    world.wait(DAYS);
    assert_eq!(world.release_now(), 0, "the bank has not decided");
    world.wait(RELEASE_WAITS_MAX);
    assert_eq!(world.release_now(), 0);
    assert_eq!(cases(&world), ["payment_disputed"], "the dispute has a case, its release needs none");
    (world, booking, payment, beneficiary)
}

fn partly(seen: DisputeObservation) -> DisputeObservation {
    let details = DisputeDetails { amount_minor: 500, ..seen.details };
    DisputeObservation { details, ..seen }
}

#[test]
fn what_a_lost_dispute_leaves_is_released() {
    let (mut world, booking, payment, beneficiary) = disputed_when_due();
    see(&mut world, payment, &partly(shown(Lost, 2)));
    world.wait(RELEASE_RECHECK);
    assert_eq!(world.release_now(), 1);
    assert_eq!(world.release(booking).released_minor, NET - 500);
    // 10 % of what is left, and 50.
    assert_eq!(world.payout(PayoutId::of(booking, beneficiary)).amount_minor, 1_500 - 200);
    let books = world.close_the_books();
    assert_eq!((books["revenue"], books["disputes"]), (-500, 500), "the loss reduces the revenue");
}

#[test]
fn nothing_is_released_when_all_was_lost() {
    let (mut world, booking, payment, _) = paid(true);
    world.complete(booking);
    world.wait(DAYS);
    see(&mut world, payment, &withdrawn(Lost, 1));
    assert_eq!(world.release_now(), 0);
    assert!(world.release(booking).state.is(release::State::Void));
    assert!(world.all::<Payout>().is_empty());
}

#[test]
fn a_loss_whose_money_was_not_seen_leaving_waits() {
    let (mut world, booking, payment, _) = paid(true);
    world.complete(booking);
    world.wait(DAYS);
    see(&mut world, payment, &partly(shown(Lost, 2)));
    assert_eq!(world.release_now(), 0);
    see(&mut world, payment, &partly(withdrawn(Opened, 1)));
    world.wait(RELEASE_RECHECK);
    assert_eq!(world.release_now(), 1);
    assert_eq!(world.release(booking).released_minor, NET - 500);
}

#[test]
fn won_money_is_released_once_it_is_back_and_a_person_is_told_if_it_stays_away() {
    let (mut world, booking, payment, _) = disputed_when_due();
    see(&mut world, payment, &partly(shown(Won, 2)));
    for _ in 0..2 {
        world.wait(RELEASE_RECHECK);
        assert_eq!(world.release_now(), 0, "the money is not back");
        assert_eq!(cases(&world), ["release_waits"], "once");
    }
    see(&mut world, payment, &partly(reinstated(Won, 3)));
    world.wait(RELEASE_RECHECK);
    assert_eq!(world.release_now(), 1);
    assert_eq!(world.release(booking).released_minor, NET);
    assert!(cases(&world).is_empty(), "it has found its end");
}

#[test]
fn a_release_that_does_not_know_all_payments_waits() {
    let (mut world, booking, _, _) = paid(true);
    world.complete(booking);
    world.wait(DAYS);
    let mut due = world.due();
    due[0].payments.clear();
    assert_eq!(world.release_due(due), 0);
    assert!(world.release(booking).state.is(release::State::Due));
}

#[test]
fn of_a_refund_and_a_release_one_comes_first() {
    let (mut world, payment, _) = released(true);
    let booking = world.get::<Payment>(payment).booking.unwrap();
    let late = world.refund_command(payment, Some(1));
    assert_eq!(world.refused(&late), Refusal::FundsAreReleased { booking: booking.0 });

    let (mut world, booking, payment, beneficiary) = paid(true);
    world.complete(booking);
    world.wait(DAYS);
    let due = world.due();
    let refund = world.refund(payment, Some(500));
    assert_eq!(world.release_due(due), 0, "a refund is under way");
    world.send(refund, payment);
    world.refund_webhook(refund, RefundStatus::Succeeded);
    world.wait(RELEASE_RECHECK);
    assert_eq!(world.release_now(), 1);
    // 10 % of what is left, and 50.
    assert_eq!(world.payout(PayoutId::of(booking, beneficiary)).amount_minor, 1_500 - 200);
    let books = world.close_the_books();
    assert_eq!((books["revenue"], books["refunds"]), (-500, 500), "the refund reduces the revenue");
}

#[test]
fn without_money_nothing_is_released() {
    let (mut world, booking, payment, _) = paid(true);
    world.complete(booking);
    let refund = world.refund(payment, None);
    world.send(refund, payment);
    world.refund_webhook(refund, RefundStatus::Succeeded);
    world.wait(DAYS);
    assert_eq!(world.release_now(), 0);
    assert!(world.release(booking).state.is(release::State::Void));
    assert!(world.all::<Payout>().is_empty());
}

#[test]
fn what_cannot_be_divided_goes_to_a_person() {
    let mut world = TestWorld::new(9);
    let beneficiary = world.beneficiary(true);
    let fixed = Portion { basis_points: 0, fixed_minor: NET + 1 };
    let split = SplitRule {
        platform_fee: Portion::default(),
        shares: vec![Share { beneficiary, portion: fixed }],
        remainder: None,
        release_after_days: 0,
    };
    let command = world.set_split_command(Some(split));
    world.run(&command).reply();
    let (booking, payment) = world.sent(Capture::Automatic);
    world.webhook(payment, CAPTURED);
    world.complete(booking);
    assert_eq!(world.release_now(), 0);
    assert!(world.release(booking).state.is(release::State::Review));
    assert_eq!(cases(&world), ["funds_cannot_be_divided"]);
}

#[test]
fn test_money_is_never_paid_out_to_a_live_beneficiary() {
    let (mut world, booking, _, _) = paid(true);
    let mut account: Account = world.get(super::test_world::account());
    account.mode = Mode::Live;
    world.set(&account);
    world.complete(booking);
    world.wait(DAYS);
    assert_eq!(world.release_now(), 0);
    assert_eq!(cases(&world), ["funds_cannot_be_divided"]);
    assert!(world.all::<Payout>().is_empty());
}

#[test]
fn a_booking_is_completed_once_and_only_when_its_payments_have_ended() {
    let mut world = TestWorld::new(9);
    let held = world.reserve(1);
    let early = world.complete_command(held, true);
    assert!(matches!(world.refused(&early), Refusal::StateDoesNotAllowIt { .. }));
    let (booking, payment) = world.sent(Capture::Manual);
    world.webhook(payment, AUTHORIZED);
    let open = world.complete_command(booking, true);
    assert_eq!(world.refused(&open), Refusal::BookingHasOpenPayment { payment: payment.0 });
    let capture = world.start_capture(payment, None);
    world.send(capture, payment);
    world.webhook(payment, CAPTURED);
    let absent = world.complete_command(booking, false);
    world.run(&absent).reply();
    assert_eq!(world.booking_is(booking), booking::State::NoShow);
    assert_eq!(world.close_the_books()["revenue"], -NET);
    let again = world.complete_command(booking, true);
    assert!(matches!(world.refused(&again), Refusal::StateDoesNotAllowIt { .. }));
    assert!(world.get::<Booking>(booking).ended_at.is_some());
}

#[test]
fn a_lost_reply_is_looked_up_and_sent_again_under_the_same_key() {
    let (mut world, _, id) = released(true);
    assert_eq!(world.send_payout(id), Some(0));
    world.postpone_payout(id, |postpone| postpone.lost_sight = true);
    assert_eq!(state(&world, id), payout::State::Unknown);
    assert_eq!(world.send_payout(id), Some(0), "the same key");
    let sent_at = world.payout(id).sent_at;
    world.postpone_payout(id, |postpone| (postpone.lost_sight, postpone.key_spent) = (true, true));
    assert_eq!(world.send_payout(id), None, "the effect of the call gets time to appear");
    world.postpone_payout(id, |postpone| postpone.pause = ANOTHER_KEY_AFTER);
    assert_eq!(world.send_payout(id), Some(1));
    assert!(world.payout(id).sent_at > sent_at);
    let seen = world.transfer(id);
    world.payout_seen(id, seen);
    assert_eq!(state(&world, id), payout::State::Paid);
    world.close_the_books();
}

#[test]
fn what_stays_unknown_goes_to_a_person_and_is_not_sent_any_more() {
    let (mut world, _, id) = released(true);
    world.send_payout(id);
    world.postpone_payout(id, |postpone| postpone.lost_sight = true);
    world.wait(Span::seconds(OPERATION_DEADLINE_SECONDS));
    world.postpone_payout(id, |_| {});
    assert_eq!(state(&world, id), payout::State::Review);
    assert_eq!(cases(&world), ["outcome_unknown_at_deadline"]);
    assert_eq!(world.send_payout(id), None, "the person may pay it by hand at any time");
    let seen = world.transfer(id);
    world.payout_seen(id, seen);
    assert_eq!(state(&world, id), payout::State::Paid, "an outcome that is found still counts");
    assert!(cases(&world).is_empty(), "and closes the case");
}

#[test]
fn too_low_a_balance_is_tried_again_under_another_key() {
    let (mut world, _, id) = released(true);
    world.send_payout(id);
    let refused = failure("balance_insufficient", true);
    world.postpone_payout(id, |postpone| postpone.refused = Some(refused));
    assert_eq!(state(&world, id), payout::State::Sent);
    world.wait(Span::seconds(10 * OPERATION_DEADLINE_SECONDS));
    assert_eq!(world.send_payout(id), Some(1), "at once: nothing moved");
    let seen = world.transfer(id);
    world.payout_seen(id, seen);
    assert_eq!(world.payout(id).failure, None);
}

#[test]
fn a_contradiction_goes_to_a_person() {
    let check = |change: fn(&mut TransferObservation)| {
        let (mut world, _, id) = released(true);
        world.send_payout(id);
        let mut seen = world.transfer(id);
        change(&mut seen);
        world.payout_seen(id, seen);
        assert_eq!(state(&world, id), payout::State::Review);
        assert_eq!(cases(&world), ["provider_contradicts"]);
    };
    check(|seen| seen.amount_minor += 1);
    check(|seen| seen.currency = crate::Currency::USD);
    check(|seen| seen.destination = "acct_other".into());

    let (mut world, _, id) = released(true);
    world.send_payout(id);
    let seen = world.transfer(id);
    world.payout_seen(id, seen.clone());
    world.payout_webhook(id, TransferObservation { object: "tr_second".into(), ..seen });
    assert_eq!(cases(&world), ["provider_contradicts"], "a second transfer");
    assert_eq!(world.payout(id).provider_ref, Some(std::format!("tr_{}", id.0.as_u128())));
}

#[test]
fn what_is_taken_back_is_owed_again() {
    let (mut world, _, id) = released(true);
    world.send_payout(id);
    let seen = world.transfer(id);
    world.payout_seen(id, seen.clone());
    for reversed_minor in [100, 100, NET - FEE] {
        world.payout_webhook(id, TransferObservation { reversed_minor, ..seen.clone() });
    }
    assert_eq!(state(&world, id), payout::State::Returned);
    let books = world.close_the_books();
    assert_eq!((books["payable"], books["provider"]), (FEE - NET, NET));
}

#[test]
fn a_manual_payout_is_recorded_by_a_person() {
    let (mut world, _, id) = released(false);
    assert!(world.find::<Job>(id).is_none(), "no worker pays it");
    let record = world.record_payout_command(id, RecordedOutcome::Paid);
    world.run(&record).reply();
    assert_eq!(world.payout(id).reference.as_deref(), Some("SEPA 7"));
    let audit = world.all::<Audit>().into_iter().find(|row| row.to_state.as_deref() == Some("paid")).unwrap();
    assert_eq!((audit.person.as_deref(), audit.why.as_deref()), (Some("Ana"), Some("paid on Monday")));
    let books = world.close_the_books();
    assert_eq!((books["payable"], books["bank"], books["provider"]), (0, FEE - NET, NET));
    let again = world.record_payout_command(id, RecordedOutcome::Paid);
    assert!(matches!(world.refused(&again), Refusal::StateDoesNotAllowIt { .. }));
    let back = world.record_payout_command(id, RecordedOutcome::Returned);
    world.run(&back).reply();
    assert_eq!(world.close_the_books()["bank"], 0);
}

#[test]
fn a_refused_transfer_is_paid_by_other_means() {
    let (mut world, _, id) = released(true);
    let early = world.record_payout_command(id, RecordedOutcome::Paid);
    assert!(matches!(world.refused(&early), Refusal::StateDoesNotAllowIt { .. }), "a worker pays it");
    world.send_payout(id);
    let early = world.record_payout_command(id, RecordedOutcome::Failed);
    assert!(matches!(world.refused(&early), Refusal::StateDoesNotAllowIt { .. }), "its call is under way");
    let refused = PayoutOutcome::Refused(failure("account_invalid", false));
    let command = world.settle_payout_command(id, refused);
    world.run(&command).reply();
    assert_eq!((state(&world, id), cases(&world)), (payout::State::Failed, vec!["payout_failed".into()]));
    let record = world.record_payout_command(id, RecordedOutcome::Paid);
    world.run(&record).reply();
    assert_eq!(world.payout(id).method, PayoutMethod::Manual);
    assert!(cases(&world).is_empty());
    world.close_the_books();
    let seen = world.transfer(id);
    world.payout_webhook(id, seen);
    assert_eq!(cases(&world), ["provider_contradicts"], "it was paid twice");
}

#[test]
fn a_dead_job_gives_its_payout_to_a_person() {
    let (mut world, _, id) = released(true);
    world.send_payout(id);
    for _ in 0..=crate::limits::JOB_ATTEMPTS_MAX {
        world.wait(Span::seconds(60));
        let jobs = vec![crate::JobId::from(id)];
        let (kinds, lease) = (crate::jobs::JobKinds::default(), super::test_world::LEASE);
        world.run(&crate::commands::ClaimJobs { jobs, kinds, lease, alone: false }).reply();
    }
    assert!(world.get::<Job>(id).state.is(job::State::Dead));
    assert_eq!((state(&world, id), cases(&world)), (payout::State::Review, vec!["job_is_dead".into()]));
    let found = world.record_payout_command(id, RecordedOutcome::Failed);
    world.run(&found).reply();
    assert!(world.get::<Job>(id).state.is(job::State::Done) && cases(&world).is_empty());
}

#[test]
fn beneficiaries_of_others_get_no_share() {
    let mut world = TestWorld::new(9);
    let unknown = BeneficiaryId(uuid::Uuid::from_u128(77));
    let split = |beneficiary| SplitRule {
        platform_fee: Portion::default(),
        shares: vec![Share { beneficiary, portion: Portion::default() }],
        remainder: None,
        release_after_days: 0,
    };
    let command = world.set_split_command(Some(split(unknown)));
    assert_eq!(world.refused(&command), Refusal::BeneficiaryNotFound { beneficiary: unknown.0 });
    let own = world.beneficiary(false);
    let mut command = world.set_split_command(Some(split(own)));
    command.mode = Mode::Live;
    assert_eq!(world.refused(&command), Refusal::BeneficiaryNotFound { beneficiary: own.0 }, "of test mode");
}
