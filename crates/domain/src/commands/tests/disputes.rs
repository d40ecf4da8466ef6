//! Disputes: the same row and the same sums in any order of what the provider shows, refunds beside them, and
//! the evidence that is submitted.

use std::format;
use std::string::String;
use std::vec;
use std::vec::Vec;

use super::dead_letters::decided;
use super::operate::resolution;
use super::provider_model::failure;
use super::test_world::{LEASE, PRICE, TestWorld, account, eur, object};
use crate::commands::{
    ClaimJobs, DeadLetterRef, DiscardDeadLetter, DisputeKey, EvidenceOutcome, MarkEvidenceSent,
    PutOffEvidence, SettleDispute, SettleEvidence, SubmitEvidence,
};
use crate::jobs::JobKinds;
use crate::lifecycle::{State as _, attempt, booking, dispute, dispute_evidence, job};
use crate::limits::{HOLD_GRACE_SECONDS, HOLD_SECONDS};
use crate::provider::{DisputeDetails, DisputeObservation, DisputeStatus, ProviderStatus, RefundStatus};
use crate::reply::Reply;
use crate::rows::{
    Attempt, Booking, Dispute, DisputeEvidence, EvidenceTexts, Job, Message, Mode, Payment, Refund,
};
use crate::time::{Span, Timestamp};
use crate::{Currency, DisputeEvidenceId, DisputeId, JobId, PaymentId, Refusal};

use DisputeStatus::{Closed, Inquiry, Lost, Opened, Won};

const DISPUTE: &str = "dp_1";

/// What the provider shows at a second of its clock.
pub fn shown(status: DisputeStatus, second: i64) -> DisputeObservation {
    let ended = matches!(status, Closed | Won | Lost);
    DisputeObservation {
        object: DISPUTE.into(),
        status,
        currency: Currency::EUR,
        details: DisputeDetails {
            shown_at: Some(Timestamp(second * 1_000_000)),
            evidence_due_at: (!ended).then(|| Timestamp(2_000_000_000_000_000 + second)),
            amount_minor: 2 * PRICE,
            reason: Some("fraudulent".into()),
            network_reason: (second > 2).then(|| "10.4".into()),
        },
        withdrawn: false,
        reinstated: false,
        has_evidence: false,
    }
}

pub fn withdrawn(status: DisputeStatus, second: i64) -> DisputeObservation {
    DisputeObservation { withdrawn: true, ..shown(status, second) }
}

pub fn reinstated(status: DisputeStatus, second: i64) -> DisputeObservation {
    DisputeObservation { reinstated: true, ..shown(status, second) }
}

fn with_evidence(status: DisputeStatus, second: i64) -> DisputeObservation {
    DisputeObservation { has_evidence: true, ..shown(status, second) }
}

pub fn see(world: &mut TestWorld, payment: PaymentId, observation: &DisputeObservation) {
    let event = world.record();
    let settle = SettleDispute { event, account: account(), payment, observation: observation.clone() };
    world.run(&settle).reply();
}

/// The bank takes everything back.
pub fn withdraw(world: &mut TestWorld, payment: PaymentId) {
    see(world, payment, &withdrawn(Opened, 1));
}

/// The bank decides against us.
pub fn lose(world: &mut TestWorld, payment: PaymentId) {
    see(world, payment, &withdrawn(Lost, 2));
}

fn row(world: &TestWorld) -> Dispute {
    world.get(DisputeId::of(account(), DISPUTE))
}

fn permutations<T: Clone>(of: &[T]) -> Vec<Vec<T>> {
    if of.len() < 2 {
        return vec![of.to_vec()];
    }
    let mut all = Vec::new();
    for at in 0..of.len() {
        let mut rest = of.to_vec();
        let first = rest.remove(at);
        for mut order in permutations(&rest) {
            order.insert(0, first.clone());
            all.push(order);
        }
    }
    all
}

/// What must not depend on the order.
fn end_of(world: &TestWorld, payment: PaymentId) -> (Dispute, i64, i64, i64, bool) {
    let dispute = row(world);
    let Payment { disputed_minor, open_disputes, .. } = world.get(payment);
    let still =
        Dispute { seq: 0, closed_at: None, created_at: Timestamp(0), updated_at: Timestamp(0), ..dispute };
    let refundable = world.get::<Payment>(payment).refundable_minor();
    (still, disputed_minor, open_disputes, refundable, world.has_open_review(payment.0))
}

#[test]
fn an_inquiry_that_was_answered_and_becomes_a_dispute_has_a_case_again() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    for (seen, again) in [(shown(Inquiry, 1), shown(Inquiry, 2)), (shown(Opened, 3), withdrawn(Lost, 4))] {
        see(&mut world, payment, &seen);
        assert_eq!(world.reviews().len(), 1, "{seen:?}");
        let case = world.reviews().pop().unwrap();
        world.run(&resolution(&case)).reply();
        see(&mut world, payment, &again);
        assert!(world.reviews().is_empty(), "a closed case stays closed");
    }
}

#[test]
fn a_dispute_ends_the_same_in_any_order_and_however_often_it_is_shown() {
    let check = |story: &[DisputeObservation], state: dispute::State, disputed: i64, open: bool| {
        let mut in_order = TestWorld::new(9);
        let (_, payment) = in_order.paid();
        for seen in story {
            see(&mut in_order, payment, seen);
        }
        let expected = end_of(&in_order, payment);
        let open_disputes = i64::from(state == dispute::State::Opened);
        assert_eq!(
            (*expected.0.state, expected.1, expected.2),
            (state, disputed, open_disputes),
            "{story:?}"
        );
        assert_eq!((expected.3, expected.4), (2 * PRICE - disputed, open), "{story:?}");
        assert_eq!(expected.0.evidence_due_at.is_some(), !state.is_final(), "{story:?}");
        for order in permutations(story) {
            let mut world = TestWorld::new(9);
            let (_, payment) = world.paid();
            for (at, seen) in order.iter().enumerate() {
                see(&mut world, payment, seen);
                // All that was seen before comes again.
                see(&mut world, payment, &order[at / 2]);
            }
            let mut end = end_of(&world, payment);
            end.0 = Dispute { id: expected.0.id, ..end.0 };
            assert_eq!(end, expected, "{order:?}");
            let booking: Booking = world.get(world.get::<Payment>(payment).booking.unwrap());
            assert!(booking.state.is(booking::State::Confirmed) && booking.due_minor() == 0);
            assert_eq!(world.close_the_books()["provider"], 2 * PRICE - disputed);
        }
    };
    use dispute::State;
    check(&[shown(Inquiry, 1)], State::Inquiry, 0, true);
    check(&[shown(Inquiry, 1), with_evidence(Inquiry, 2)], State::Inquiry, 0, true);
    check(&[shown(Inquiry, 1), shown(Closed, 2)], State::Closed, 0, false);
    check(&[shown(Opened, 1), withdrawn(Opened, 1)], State::Opened, 2 * PRICE, true);
    check(&[shown(Opened, 1), withdrawn(Opened, 2), shown(Closed, 3)], State::Closed, 2 * PRICE, false);
    // All within one second of the provider's clock, with another amount at the end.
    let mut less = shown(Lost, 1);
    less.details.amount_minor = PRICE;
    check(&[withdrawn(Opened, 1), shown(Opened, 1), less], State::Lost, 2 * PRICE, true);
    check(
        &[
            shown(Inquiry, 1),
            shown(Opened, 2),
            withdrawn(Opened, 2),
            with_evidence(Opened, 3),
            shown(Lost, 4),
        ],
        State::Lost,
        2 * PRICE,
        true,
    );
    check(
        &[
            shown(Opened, 1),
            withdrawn(Opened, 1),
            with_evidence(Opened, 3),
            reinstated(Won, 4),
            shown(Won, 4),
        ],
        State::Won,
        0,
        false,
    );
}

#[test]
fn the_first_event_that_is_seen_may_be_the_last_that_happened() {
    let check = |last: &DisputeObservation, state: dispute::State, disputed: i64| {
        let mut world = TestWorld::new(9);
        let (_, payment) = world.paid();
        see(&mut world, payment, last);
        assert!(row(&world).state.is(state), "{last:?}");
        let payment: Payment = world.get(payment);
        assert_eq!((payment.open_disputes, payment.disputed_minor), (0, disputed), "{last:?}");
        let kinds: Vec<String> = world.all::<Message>().into_iter().map(|message| message.kind).collect();
        assert_eq!(kinds.iter().filter(|kind| *kind == "dispute.closed").count(), 1);
    };
    check(&shown(Closed, 9), dispute::State::Closed, 0);
    check(&shown(Won, 9), dispute::State::Won, 0);
    check(&withdrawn(Lost, 9), dispute::State::Lost, 2 * PRICE);
    check(&reinstated(Won, 9), dispute::State::Won, 0);
}

#[test]
fn another_decision_than_the_first_is_a_contradiction() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    see(&mut world, payment, &withdrawn(Lost, 1));
    see(&mut world, payment, &reinstated(Won, 2));
    assert!(row(&world).state.is(dispute::State::Lost));
    assert_eq!(world.get::<Payment>(payment).disputed_minor, 0, "the money is where the provider says");
    assert!(world.reviews().iter().any(|case| case.reason == "provider_contradicts"));
}

#[test]
fn a_dispute_in_another_currency_is_none_of_this_payment() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    let other = DisputeObservation { currency: Currency::BRL, ..withdrawn(Opened, 1) };
    see(&mut world, payment, &other);
    assert!(world.all::<Dispute>().is_empty());
    assert_eq!(world.get::<Payment>(payment).disputed_minor, 0);
    assert_eq!(world.reviews()[0].reason, "provider_contradicts");
}

#[test]
fn an_open_dispute_blocks_refunds_and_nothing_else_does() {
    let check = |story: &[DisputeObservation], blocked: bool| {
        let mut world = TestWorld::new(9);
        let (_, payment) = world.paid();
        for seen in story {
            see(&mut world, payment, seen);
        }
        let refund = world.refund_command(payment, Some(100));
        if blocked {
            assert_eq!(world.refused(&refund), Refusal::PaymentIsDisputed, "{story:?}");
            assert!(world.all::<Refund>().is_empty());
        } else {
            world.run(&refund).reply();
        }
    };
    check(&[shown(Inquiry, 1)], false);
    check(&[shown(Inquiry, 1), shown(Closed, 2)], false);
    check(&[shown(Opened, 1)], true);
    check(&[withdrawn(Opened, 1)], true);
    check(&[withdrawn(Opened, 1), shown(Inquiry, 0)], true);
    check(&[withdrawn(Opened, 1), reinstated(Won, 2)], false);
    check(&[shown(Won, 2), shown(Opened, 1)], false);
}

#[test]
fn what_the_bank_took_back_cannot_be_refunded() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    withdraw(&mut world, payment);
    see(&mut world, payment, &shown(Lost, 2));
    let all = world.refund_command(payment, None);
    assert_eq!(world.refused(&all), Refusal::RefundExceedsCapture { refundable: eur(0) });
}

/// The refund was started, and its call was not sent yet.
#[test]
fn a_refund_that_was_not_sent_before_the_dispute_is_not_sent() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    let refund = world.refund(payment, Some(700));
    see(&mut world, payment, &shown(Opened, 1));
    assert_eq!(world.may_send_again(refund, payment), None);
    assert!(world.get::<Attempt>(crate::AttemptId::from(refund)).state.is(attempt::State::Created));
}

/// One that was sent is looked up, and may be sent again under its key.
#[test]
fn a_refund_that_was_sent_before_the_dispute_ends() {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    let refund = world.refund(payment, Some(700));
    world.send(refund, payment);
    see(&mut world, payment, &shown(Opened, 1));
    assert_eq!(world.may_send_again(refund, payment), Some(0));
    world.refund_answer(refund, RefundStatus::Succeeded);
    assert_eq!(world.get::<Payment>(payment).refunded_minor, 700);
}

#[test]
fn late_money_in_dispute_is_left_to_a_person() {
    let mut world = TestWorld::new(2);
    let (_, payment) = world.sent(crate::rows::Capture::Automatic);
    see(&mut world, payment, &shown(Opened, 1));
    world.wait(Span::seconds(HOLD_SECONDS + HOLD_GRACE_SECONDS));
    assert_eq!(world.expire(), 1);
    let _others = world.reserve(2);
    world.webhook(payment, ProviderStatus::Captured { amount_minor: 2 * PRICE });
    assert!(world.all::<Refund>().is_empty());
    assert!(world.reviews().iter().any(|case| case.reason == "disputed_money_not_returned"));
}

// Evidence.

fn texts() -> EvidenceTexts {
    EvidenceTexts { statement: Some("They came and paddled.".into()), ..EvidenceTexts::default() }
}

fn submit_command(world: &mut TestWorld) -> SubmitEvidence {
    SubmitEvidence {
        claim: world.claim(),
        dispute: DisputeId::of(account(), DISPUTE),
        mode: Mode::Test,
        texts: texts(),
        is_offered: |provider| provider == "stripe",
    }
}

fn submit(world: &mut TestWorld) -> DisputeEvidenceId {
    let command = submit_command(world);
    let Reply::Dispute(dispute) = world.run(&command).reply() else { panic!("a dispute") };
    dispute.submission.unwrap()
}

fn key(payment: PaymentId) -> DisputeKey {
    DisputeKey { account: account(), payment, object: DISPUTE.into() }
}

fn take(world: &mut TestWorld, evidence: DisputeEvidenceId) -> i64 {
    let job = JobId(evidence.0);
    let claim = ClaimJobs { jobs: vec![job], kinds: JobKinds::default(), lease: LEASE, alone: false };
    let Reply::Claimed(claimed) = world.run(&claim).reply() else { panic!("claimed") };
    claimed[0].job().token
}

fn mark(world: &mut TestWorld, evidence: DisputeEvidenceId, token: i64) -> Option<i64> {
    let mark = MarkEvidenceSent { evidence, dispute: DisputeId::of(account(), DISPUTE), token };
    let Reply::Send(key) = world.run(&mark).reply() else { panic!("a mark") };
    key
}

fn settle(
    world: &mut TestWorld,
    payment: PaymentId,
    evidence: DisputeEvidenceId,
    token: i64,
    outcome: EvidenceOutcome,
) {
    world.run(&SettleEvidence { evidence, key: key(payment), token, outcome }).reply();
}

fn answered(status: DisputeStatus) -> EvidenceOutcome {
    let mut seen = with_evidence(status, 3);
    seen.details.shown_at = None;
    EvidenceOutcome::Submitted(seen)
}

fn state(world: &TestWorld, evidence: DisputeEvidenceId) -> dispute_evidence::State {
    *world.get::<DisputeEvidence>(evidence).state
}

pub(super) fn disputed() -> (TestWorld, PaymentId) {
    let mut world = TestWorld::new(9);
    let (_, payment) = world.paid();
    see(&mut world, payment, &withdrawn(Opened, 1));
    (world, payment)
}

#[test]
fn evidence_is_submitted_once() {
    let (mut world, payment) = disputed();
    let evidence = submit(&mut world);
    let second = submit_command(&mut world);
    assert_eq!(world.refused(&second), Refusal::EvidenceIsBeingSubmitted);
    let token = take(&mut world, evidence);
    assert_eq!(mark(&mut world, evidence, token), Some(0));
    settle(&mut world, payment, evidence, token, answered(Opened));
    assert_eq!(state(&world, evidence), dispute_evidence::State::Submitted);
    assert!(world.get::<Job>(JobId(evidence.0)).state.is(job::State::Done));
    let dispute = row(&world);
    assert!(dispute.submission.is_none() && dispute.evidence_submitted_at == Some(world.now));
    let third = submit_command(&mut world);
    assert_eq!(world.refused(&third), Refusal::EvidenceAlreadySubmitted);
    // The details of an answer have no time, so those of an event stay.
    assert_eq!(dispute.shown_at, Some(Timestamp(1_000_000)));
}

#[test]
fn evidence_that_cannot_count_is_refused() {
    let check = |story: &[DisputeObservation], wait: i64, expected: Refusal| {
        let mut world = TestWorld::new(9);
        let (_, payment) = world.paid();
        for seen in story {
            see(&mut world, payment, seen);
        }
        world.wait(Span(wait));
        let command = submit_command(&mut world);
        assert_eq!(world.refused(&command), expected, "{story:?}");
        assert!(world.all::<DisputeEvidence>().is_empty());
    };
    let due = Timestamp(2_000_000_000_000_001);
    let long = due.0 - 1_800_000_000_000_000;
    check(&[shown(Closed, 1)], 0, Refusal::DisputeIsClosed { state: "closed" });
    check(&[shown(Lost, 1)], 0, Refusal::DisputeIsClosed { state: "lost" });
    check(&[with_evidence(Opened, 1)], 0, Refusal::EvidenceAlreadySubmitted);
    check(&[shown(Opened, 1)], long, Refusal::EvidenceIsPastDue { due });
    check(&[], 0, Refusal::DisputeNotFound);

    let (mut world, _) = disputed();
    let elsewhere = SubmitEvidence { is_offered: |_| false, ..submit_command(&mut world) };
    assert_eq!(world.refused(&elsewhere), Refusal::EvidenceNotOffered);
    let live = SubmitEvidence { mode: Mode::Live, ..submit_command(&mut world) };
    assert_eq!(world.refused(&live), Refusal::DisputeNotFound);
    let mut foreign = submit_command(&mut world);
    foreign.claim.tenant = super::test_world::STRANGER;
    assert_eq!(world.refused(&foreign), Refusal::DisputeNotFound);
}

#[test]
fn a_lost_reply_leaves_the_submission_unknown_until_it_is_shown() {
    let (mut world, payment) = disputed();
    let evidence = submit(&mut world);
    let token = take(&mut world, evidence);
    mark(&mut world, evidence, token);
    let put_off = PutOffEvidence {
        evidence,
        token,
        pause: Span::seconds(1),
        lost_sight: true,
        key_spent: true,
        reached_provider: true,
        error: format!("timeout at {}", object(payment)),
    };
    world.run(&put_off).reply();
    assert_eq!(world.refused(&put_off), Refusal::LeaseLost, "another worker may have it");
    assert_eq!(state(&world, evidence), dispute_evidence::State::Unknown);
    // The bank shows it meanwhile: only the fetched dispute settles the submission.
    see(&mut world, payment, &with_evidence(Opened, 4));
    world.wait(Span::seconds(1));
    let token = take(&mut world, evidence);
    assert_eq!(mark(&mut world, evidence, token), None, "it is not sent again");
    settle(&mut world, payment, evidence, token, answered(Opened));
    assert_eq!(state(&world, evidence), dispute_evidence::State::Submitted);
    assert_eq!(world.get::<DisputeEvidence>(evidence).key_number, 1);
}

#[test]
fn evidence_is_not_sent_once_the_bank_has_decided_or_its_time_is_over() {
    let check = |meanwhile: &[DisputeObservation], wait: i64| {
        let (mut world, _) = disputed();
        let payment = row(&world).payment;
        let evidence = submit(&mut world);
        for seen in meanwhile {
            see(&mut world, payment, seen);
        }
        world.wait(Span(wait));
        let token = take(&mut world, evidence);
        assert_eq!(mark(&mut world, evidence, token), None);
        let refused = EvidenceOutcome::Refused { failure: failure("dispute_is_closed", false), seen: None };
        settle(&mut world, payment, evidence, token, refused);
        assert_eq!(state(&world, evidence), dispute_evidence::State::Refused);
        let dispute = row(&world);
        assert!(dispute.submission.is_none() && dispute.submission_failure.is_some());
    };
    check(&[shown(Lost, 2)], 0);
    check(&[], 2_000_000_000_000_001 - 1_800_000_000_000_000);
}

#[test]
fn refused_evidence_can_be_followed_by_other() {
    let (mut world, payment) = disputed();
    let first = submit(&mut world);
    let token = take(&mut world, first);
    mark(&mut world, first, token);
    let refused =
        EvidenceOutcome::Refused { failure: failure("too_long", false), seen: Some(shown(Opened, 2)) };
    settle(&mut world, payment, first, token, refused);
    let second = submit(&mut world);
    assert!(second != first && row(&world).submission_failure.is_none());
}

#[test]
fn a_discarded_submission_makes_room_for_another() {
    let (mut world, _) = disputed();
    let evidence = submit(&mut world);
    let job = world.get::<Job>(JobId(evidence.0));
    let dead = [job::Event::Claim, job::Event::GiveUp]
        .into_iter()
        .fold(job.state, |state, event| state.step(event).unwrap().to());
    world.set(&Job { state: dead, ..job });
    world.run(&DiscardDeadLetter(decided(DeadLetterRef::Job(JobId(evidence.0))))).reply();
    assert_eq!(state(&world, evidence), dispute_evidence::State::WrittenOff);
    submit(&mut world);
}
