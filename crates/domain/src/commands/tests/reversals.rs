//! Payouts that are taken back by the API.

use std::string::String;
use std::vec::Vec;

use super::dead_letters::{kill, retry};
use super::operate::resolution;
use super::payouts::{FEE, NET, cases, released};
use super::provider_model::failure;
use super::test_world::TestWorld;
use crate::commands::{
    MarkReversalSent, ObservedBy, PayoutOutcome, PostponeReversal, RecordedOutcome, RefuseReversal,
    ReversePayout, SettlePayout,
};
use crate::lifecycle::{job, payout};
use crate::limits::{ANOTHER_KEY_AFTER, OPERATION_DEADLINE_SECONDS};
use crate::provider::TransferObservation;
use crate::reply::Reply;
use crate::rows::{Audit, Job, Message, Mode};
use crate::time::Span;
use crate::{JobId, Money, PayoutId, Refusal};

const SHARE: i64 = NET - FEE;

/// A payout that was paid by a transfer.
fn paid() -> (TestWorld, PayoutId) {
    let (mut world, _, id) = released(true);
    world.send_payout(id);
    let seen = world.transfer(id);
    world.payout_seen(id, seen);
    (world, id)
}

fn command(world: &mut TestWorld, payout: PayoutId, minor: Option<i64>) -> ReversePayout {
    let currency = world.payout(payout).currency;
    ReversePayout {
        claim: world.claim(),
        mode: Mode::Test,
        payout,
        amount: minor.map(|minor| Money::new(minor, currency)),
        person: "Ana".into(),
        why: "the tour was cancelled".into(),
    }
}

/// Begins a reversal, and returns its number.
fn reverse(world: &mut TestWorld, payout: PayoutId, minor: Option<i64>) -> i64 {
    let command = command(world, payout, minor);
    world.run(&command).reply();
    world.payout(payout).reversal
}

fn send(world: &mut TestWorld, payout: PayoutId, number: i64) -> Option<i64> {
    let token = world.token(JobId::of_reversal(payout, number));
    let mark = MarkReversalSent { payout, number, token, another_key_after: ANOTHER_KEY_AFTER };
    let Reply::Send(key) = world.run(&mark).reply() else { panic!("a permission to send") };
    key
}

fn postpone(world: &mut TestWorld, payout: PayoutId, number: i64, change: fn(&mut PostponeReversal)) {
    let token = world.token(JobId::of_reversal(payout, number));
    let mut command = PostponeReversal {
        payout,
        number,
        token,
        pause: Span::seconds(1),
        lost_sight: false,
        key_spent: false,
        reached_provider: true,
        error: None,
    };
    change(&mut command);
    world.run(&command).reply();
}

/// The transfer after our reversals with these numbers.
fn reversed(world: &TestWorld, payout: PayoutId, minor: i64, own: &[i64]) -> TransferObservation {
    TransferObservation { reversed_minor: minor, own_reversals: own.to_vec(), ..world.transfer(payout) }
}

fn seen_by_job(world: &mut TestWorld, payout: PayoutId, number: i64, seen: TransferObservation) {
    let job = JobId::of_reversal(payout, number);
    let by = ObservedBy::Job { job, token: world.token(job) };
    world.run(&SettlePayout { by, payout, outcome: PayoutOutcome::Seen(seen) }).reply();
}

fn job_is(world: &TestWorld, payout: PayoutId, number: i64) -> job::State {
    *world.get::<Job>(JobId::of_reversal(payout, number)).state
}

fn actions(world: &TestWorld, id: PayoutId) -> Vec<String> {
    let own = world.all::<Audit>().into_iter().filter(|row| row.subject == id.0);
    own.map(|row| row.action).filter(|action| action.contains("revers")).collect()
}

#[test]
fn a_part_and_then_the_rest_is_taken_back_once() {
    let (mut world, id) = paid();
    let first = reverse(&mut world, id, Some(100));
    let second = command(&mut world, id, None);
    assert_eq!(world.refused(&second), Refusal::PayoutIsBeingReversed);
    let record = world.record_payout_command(id, RecordedOutcome::Returned);
    assert_eq!(world.refused(&record), Refusal::PayoutIsBeingReversed, "a worker is about to find out");
    assert_eq!(send(&mut world, id, first), Some(0));
    let seen = reversed(&world, id, 100, &[first]);
    seen_by_job(&mut world, id, first, seen.clone());
    // The same reversal by a webhook moves nothing more.
    world.payout_webhook(id, seen);
    let row = world.payout(id);
    assert_eq!((*row.state, row.returned_minor, row.reversing_minor), (payout::State::Paid, 100, 0));
    assert_eq!(job_is(&world, id, first), job::State::Done);
    assert_eq!(world.close_the_books()["payable"], -100);

    let too_much = command(&mut world, id, Some(SHARE - 99));
    let refused = Refusal::ReversalExceedsPayout { reversible: Money::new(SHARE - 100, row.currency) };
    assert_eq!(world.refused(&too_much), refused);
    let rest = reverse(&mut world, id, None);
    assert_ne!(rest, first);
    send(&mut world, id, rest);
    let seen = reversed(&world, id, SHARE, &[rest, first]);
    seen_by_job(&mut world, id, rest, seen);
    assert_eq!(*world.payout(id).state, payout::State::Returned);
    assert_eq!(world.close_the_books()["payable"], -SHARE);
    let again = command(&mut world, id, None);
    assert!(matches!(world.refused(&again), Refusal::StateDoesNotAllowIt { .. }));
    let twice = ["payout_reversal_started", "payout_reversed"];
    assert_eq!(actions(&world, id), [twice, twice].concat());
    let audit = world.all::<Audit>().into_iter().find(|row| row.action == "payout_reversal_started").unwrap();
    assert_eq!(
        (audit.person.as_deref(), audit.why.as_deref()),
        (Some("Ana"), Some("the tour was cancelled"))
    );
}

#[test]
fn a_webhook_that_comes_first_ends_the_reversal_and_its_job() {
    let (mut world, id) = paid();
    let number = reverse(&mut world, id, None);
    send(&mut world, id, number);
    let seen = reversed(&world, id, SHARE, &[number]);
    world.payout_webhook(id, seen.clone());
    assert_eq!((*world.payout(id).state, world.payout(id).reversing_minor), (payout::State::Returned, 0));
    seen_by_job(&mut world, id, number, seen);
    assert_eq!(job_is(&world, id, number), job::State::Done);
    assert_eq!(world.close_the_books()["payable"], -SHARE);
}

#[test]
fn what_somebody_else_takes_back_does_not_end_ours() {
    let (mut world, id) = paid();
    let number = reverse(&mut world, id, Some(100));
    send(&mut world, id, number);
    let others = reversed(&world, id, 300, &[]);
    world.payout_webhook(id, others);
    let row = world.payout(id);
    assert_eq!((row.returned_minor, row.reversing_minor), (300, 100), "ours is not there yet");
    let both = reversed(&world, id, 400, &[number]);
    seen_by_job(&mut world, id, number, both);
    assert_eq!((world.payout(id).returned_minor, world.payout(id).reversing_minor), (400, 0));
    assert_eq!(world.close_the_books()["payable"], -400);
}

#[test]
fn a_lost_reply_is_sent_again_under_the_same_key_and_a_spent_one_after_a_while() {
    let (mut world, id) = paid();
    let number = reverse(&mut world, id, None);
    assert_eq!(send(&mut world, id, number), Some(0));
    postpone(&mut world, id, number, |postpone| postpone.lost_sight = true);
    assert_eq!(send(&mut world, id, number), Some(0));
    postpone(&mut world, id, number, |postpone| (postpone.lost_sight, postpone.key_spent) = (true, true));
    assert_eq!(send(&mut world, id, number), None, "the effect of the call gets time to appear");
    postpone(&mut world, id, number, |postpone| postpone.pause = ANOTHER_KEY_AFTER);
    assert_eq!(send(&mut world, id, number), Some(1));
}

#[test]
fn what_stays_unknown_goes_to_a_person_who_may_end_it() {
    let unknown = || {
        let (mut world, id) = paid();
        let number = reverse(&mut world, id, None);
        send(&mut world, id, number);
        postpone(&mut world, id, number, |postpone| postpone.lost_sight = true);
        world.wait(Span::seconds(OPERATION_DEADLINE_SECONDS));
        postpone(&mut world, id, number, |_| {});
        assert_eq!(cases(&world), ["outcome_unknown_at_deadline"]);
        assert_eq!(send(&mut world, id, number), None, "the person may act at any time");
        (world, id, number)
    };
    let (mut world, id, number) = unknown();
    let seen = reversed(&world, id, SHARE, &[number]);
    seen_by_job(&mut world, id, number, seen);
    assert!(cases(&world).is_empty(), "an outcome that is found closes the case");
    assert_eq!(*world.payout(id).state, payout::State::Returned);

    let (mut world, id, _) = unknown();
    let not_made = world.record_payout_command(id, RecordedOutcome::Failed);
    world.run(&not_made).reply();
    let row = world.payout(id);
    assert_eq!((*row.state, row.reversing_minor, cases(&world).len()), (payout::State::Paid, 0, 0));
    assert_eq!(world.close_the_books()["payable"], 0);
    reverse(&mut world, id, None);

    let (mut world, id, _) = unknown();
    let made = world.record_payout_command(id, RecordedOutcome::Returned);
    world.run(&made).reply();
    assert_eq!((*world.payout(id).state, world.payout(id).reversing_minor), (payout::State::Returned, 0));
    assert_eq!(world.close_the_books()["payable"], -SHARE);
}

/// The reversal's outcome is unknown at its deadline.
fn becomes_unknown(world: &mut TestWorld, id: PayoutId) -> i64 {
    let number = reverse(world, id, Some(100));
    send(world, id, number);
    postpone(world, id, number, |postpone| postpone.lost_sight = true);
    world.wait(Span::seconds(OPERATION_DEADLINE_SECONDS));
    postpone(world, id, number, |_| {});
    number
}

#[test]
fn the_case_of_a_reversal_is_its_own() {
    // The payout had a case before, which its outcome closed.
    let (mut world, _, id) = released(true);
    world.send_payout(id);
    world.postpone_payout(id, |postpone| postpone.lost_sight = true);
    world.wait(Span::seconds(OPERATION_DEADLINE_SECONDS));
    world.postpone_payout(id, |_| {});
    let seen = world.transfer(id);
    world.payout_seen(id, seen);
    assert!(cases(&world).is_empty());
    let number = becomes_unknown(&mut world, id);
    assert_eq!(cases(&world), ["outcome_unknown_at_deadline"]);
    // A person who closes it is not asked again.
    let case = world.reviews().pop().unwrap();
    world.run(&resolution(&case)).reply();
    postpone(&mut world, id, number, |_| {});
    assert!(cases(&world).is_empty());
    let not_made = world.record_payout_command(id, RecordedOutcome::Failed);
    world.run(&not_made).reply();

    // The next reversal has the next case, which a webhook closes.
    let number = becomes_unknown(&mut world, id);
    assert_eq!(cases(&world), ["outcome_unknown_at_deadline"]);
    let seen = reversed(&world, id, 100, &[number]);
    world.payout_webhook(id, seen);
    assert!(cases(&world).is_empty());
    becomes_unknown(&mut world, id);
    let not_made = world.record_payout_command(id, RecordedOutcome::Failed);
    world.run(&not_made).reply();
    assert!(cases(&world).is_empty());
}

#[test]
fn the_end_of_a_reversal_leaves_the_case_of_its_payout_open() {
    let made_after_it_had_failed = || {
        let (mut world, _, id) = released(true);
        world.send_payout(id);
        let refused = PayoutOutcome::Refused(failure("account_invalid", false));
        let command = world.settle_payout_command(id, refused);
        world.run(&command).reply();
        let failed = world.reviews().pop().unwrap();
        world.run(&resolution(&failed)).reply();
        let seen = world.transfer(id);
        world.payout_webhook(id, seen);
        let own = cases(&world);
        assert_eq!(own, ["payout_made_after_it_had_failed"]);
        let number = becomes_unknown(&mut world, id);
        assert_eq!(cases(&world).len(), 2, "a person is told of the reversal too");
        (world, id, number, own)
    };
    let (mut world, id, number, own) = made_after_it_had_failed();
    let seen = reversed(&world, id, 100, &[number]);
    seen_by_job(&mut world, id, number, seen);
    assert_eq!(cases(&world), own);

    let (mut world, id, _, own) = made_after_it_had_failed();
    let not_made = world.record_payout_command(id, RecordedOutcome::Failed);
    world.run(&not_made).reply();
    assert_eq!(cases(&world), own);
}

#[test]
fn a_dead_job_gives_its_reversal_to_a_person() {
    // Before it was sent: an outcome that is unknown later still gets a case.
    let (mut world, id) = paid();
    let number = reverse(&mut world, id, None);
    let job = JobId::of_reversal(id, number);
    let letter = kill(&mut world, job);
    assert_eq!(cases(&world), ["job_is_dead"]);
    let case = world.reviews().pop().unwrap();
    world.run(&resolution(&case)).reply();
    retry(&mut world, letter);
    send(&mut world, id, number);
    postpone(&mut world, id, number, |postpone| postpone.lost_sight = true);
    world.wait(Span::seconds(OPERATION_DEADLINE_SECONDS));
    postpone(&mut world, id, number, |_| {});
    assert_eq!(cases(&world), ["outcome_unknown_at_deadline"]);

    // After it was sent: its outcome is unknown from then on, and what ends it closes the case.
    let (mut world, id) = paid();
    let number = reverse(&mut world, id, None);
    send(&mut world, id, number);
    kill(&mut world, JobId::of_reversal(id, number));
    assert_eq!(cases(&world), ["job_is_dead"]);
    world.wait(Span::seconds(OPERATION_DEADLINE_SECONDS));
    let made = world.record_payout_command(id, RecordedOutcome::Returned);
    world.run(&made).reply();
    assert!(cases(&world).is_empty());

    // The job of a reversal that has ended says nothing of the next one.
    let (mut world, id) = paid();
    let number = reverse(&mut world, id, Some(100));
    send(&mut world, id, number);
    let job = world.get::<Job>(JobId::of_reversal(id, number));
    let seen = reversed(&world, id, 100, &[number]);
    world.payout_webhook(id, seen);
    let next = reverse(&mut world, id, Some(100));
    send(&mut world, id, next);
    kill(&mut world, job.id);
    assert!(cases(&world).is_empty());
    assert_eq!(world.payout(id).unknown_since, None);
}

#[test]
fn a_contradicted_reversal_can_be_ended_by_a_person() {
    let (mut world, id) = paid();
    let number = reverse(&mut world, id, Some(100));
    send(&mut world, id, number);
    let other = TransferObservation { amount_minor: 1, ..reversed(&world, id, 0, &[]) };
    seen_by_job(&mut world, id, number, other);
    assert_eq!(cases(&world), ["provider_contradicts"]);
    world.wait(Span::seconds(OPERATION_DEADLINE_SECONDS));
    let not_made = world.record_payout_command(id, RecordedOutcome::Failed);
    world.run(&not_made).reply();
    assert_eq!(world.payout(id).reversing_minor, 0);
    assert_eq!(cases(&world), ["provider_contradicts"], "the contradiction stands");
}

#[test]
fn a_record_of_one_reversal_ends_no_other() {
    let (mut world, id) = paid();
    becomes_unknown(&mut world, id);
    let late = world.record_payout_command(id, RecordedOutcome::Failed);
    let first = world.record_payout_command(id, RecordedOutcome::Failed);
    world.run(&first).reply();
    reverse(&mut world, id, None);
    assert_eq!(world.refused(&late), Refusal::PayoutIsBeingReversed);
}

#[test]
fn a_refused_reversal_leaves_the_payout_paid() {
    let (mut world, id) = paid();
    let number = reverse(&mut world, id, None);
    send(&mut world, id, number);
    let token = world.token(JobId::of_reversal(id, number));
    let failure = failure("insufficient_funds", false);
    let refuse = RefuseReversal { payout: id, number, token, failure: failure.clone() };
    world.run(&refuse).reply();
    let row = world.payout(id);
    assert_eq!((*row.state, row.reversing_minor), (payout::State::Paid, 0));
    assert_eq!(row.failure.map(|shown| shown.0), Some(failure));
    assert_eq!(job_is(&world, id, number), job::State::Done);
    let told = world.all::<Message>().into_iter().filter(|one| one.kind == "payout.reversal_failed").count();
    assert_eq!(told, 1);
    assert_eq!(world.close_the_books()["payable"], 0);
    let next = reverse(&mut world, id, None);
    assert_eq!(send(&mut world, id, next), Some(0));
    assert_eq!(world.payout(id).failure, None);
}

#[test]
fn only_what_a_provider_paid_is_reversed() {
    let (mut world, _, id) = released(true);
    let early = command(&mut world, id, None);
    assert!(matches!(world.refused(&early), Refusal::StateDoesNotAllowIt { .. }));
    let mut foreign = command(&mut world, id, None);
    foreign.mode = Mode::Live;
    assert_eq!(world.refused(&foreign), Refusal::PayoutNotFound);

    let (mut world, _, id) = released(false);
    let record = world.record_payout_command(id, RecordedOutcome::Paid);
    world.run(&record).reply();
    let by_hand = command(&mut world, id, None);
    assert_eq!(world.refused(&by_hand), Refusal::PayoutWasPaidByHand);

    let (mut world, id) = paid();
    let mut dollars = command(&mut world, id, Some(1));
    dollars.amount = Some(Money::new(1, crate::Currency::USD));
    assert!(matches!(world.refused(&dollars), Refusal::ReversalExceedsPayout { .. }));
}
