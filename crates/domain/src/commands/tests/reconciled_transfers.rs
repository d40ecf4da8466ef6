//! Transfers of the provider's list, against our payouts.

use super::payouts::{cases, released};
use super::provider_model::failure;
use super::reconciliation::started;
use super::test_world::TestWorld;
use crate::commands::{ObservedBy, PayoutOutcome, RecordedOutcome, SettlePayout};
use crate::lifecycle::{job, payout};
use crate::provider::TransferAtProvider;
use crate::reconciliation::{compare_payout, missing_payout, without_payout};
use crate::rows::{DifferenceKind, Job, Payout, PayoutMethod};
use crate::time::Timestamp;
use crate::{Currency, JobId, PayoutId, Refusal};

fn listed(world: &TestWorld, id: PayoutId) -> TransferAtProvider {
    TransferAtProvider { reference: Some(id), observation: world.transfer(id), created_at: Timestamp(7) }
}

fn paid() -> (TestWorld, PayoutId) {
    let (mut world, _, id) = released(true);
    world.send_payout(id);
    let seen = world.transfer(id);
    world.payout_seen(id, seen);
    (world, id)
}

#[test]
fn each_way_in_which_a_payout_differs_has_its_kind() {
    use DifferenceKind::{OtherAmount, OtherCurrency, OtherDestination, OtherObject, StateBehind};
    let (world, id) = paid();
    let check = |seen: fn(&mut TransferAtProvider), row: fn(&mut Payout), expected| {
        let (mut shown, mut own) = (listed(&world, id), world.payout(id));
        seen(&mut shown);
        row(&mut own);
        assert_eq!(compare_payout(&shown, &own).map(|found| found.kind), expected, "{shown:?} {own:?}");
    };
    check(|_| (), |_| (), None);
    check(|seen| seen.observation.currency = Currency::USD, |_| (), Some(OtherCurrency));
    check(|seen| seen.observation.amount_minor += 1, |_| (), Some(OtherAmount));
    check(|seen| seen.observation.destination = "acct_x".into(), |_| (), Some(OtherDestination));
    check(|seen| seen.observation.object = "tr_x".into(), |_| (), Some(OtherObject));
    check(|_| (), |row| row.method = PayoutMethod::Manual, Some(OtherObject));
    let all_came_back = |seen: &mut TransferAtProvider| {
        seen.observation.object = "tr_x".into();
        seen.observation.reversed_minor = seen.observation.amount_minor;
    };
    check(all_came_back, |_| (), None);
    check(|_| (), |row| row.provider_ref = None, Some(StateBehind));
    check(|seen| seen.observation.reversed_minor = 5, |_| (), Some(StateBehind));
    check(|_| (), |row| row.returned_minor = 5, Some(OtherAmount));
    let same = |seen: &mut TransferAtProvider| seen.observation.reversed_minor = 5;
    check(same, |row| row.returned_minor = 5, None);
    let our_reversal = |seen: &mut TransferAtProvider| {
        (seen.observation.reversed_minor, seen.observation.own_reversals) = (5, [1].into());
    };
    let under_way = |row: &mut Payout| {
        (row.returned_minor, row.reversal, row.reversing_minor) = (5, 1, 5);
    };
    check(our_reversal, under_way, Some(StateBehind));

    let (mut unpaid, _, id) = released(true);
    let differs = |world: &TestWorld| compare_payout(&listed(world, id), &world.payout(id)).unwrap().kind;
    assert_eq!(differs(&unpaid), StateBehind);
    assert_eq!(missing_payout(&unpaid.payout(id)), None);
    unpaid.send_payout(id);
    assert_eq!(differs(&unpaid), StateBehind);
    assert_eq!(missing_payout(&unpaid.payout(id)), None, "a call may be under way");
}

#[test]
fn a_transfer_without_a_payout_differs_only_if_money_stayed_there() {
    let (world, id) = paid();
    let check = |change: fn(&mut TransferAtProvider), expected: Option<DifferenceKind>| {
        let mut seen = listed(&world, id);
        change(&mut seen);
        assert_eq!(
            without_payout(&seen).map(|found| (found.kind, found.payout)),
            expected.map(|kind| (kind, seen.reference))
        );
    };
    check(|_| (), Some(DifferenceKind::PayoutUnknownHere));
    check(|seen| seen.reference = None, Some(DifferenceKind::ForeignTransfer));
    check(|seen| seen.observation.reversed_minor = seen.observation.amount_minor, None);
    let missing = missing_payout(&world.payout(id)).unwrap();
    assert_eq!((missing.kind, missing.payout), (DifferenceKind::PayoutUnknownThere, Some(id)));
}

/// A lost webhook: the fetched transfer is evidence, as it is for the payout's own worker.
#[test]
fn a_look_up_settles_a_payout_of_its_own_account_as_evidence() {
    let (mut world, _, id) = released(true);
    world.send_payout(id);
    let run = started(&mut world);
    let by = |token| ObservedBy::LookUp { job: JobId::from(run), token };
    let (token, seen) = (world.token(run), PayoutOutcome::Seen(world.transfer(id)));
    let settle = SettlePayout { by: by(token), payout: id, outcome: seen };
    assert_eq!(world.refused(&SettlePayout { by: by(token - 1), ..settle.clone() }), Refusal::LeaseLost);
    let mut row: Job = world.get(JobId::from(run));
    let own = row.concurrency_key.replace(uuid::Uuid::nil());
    world.set(&row);
    assert_eq!(world.refused(&settle), Refusal::PayoutNotFound, "another account's payout");
    row.concurrency_key = own;
    world.set(&row);
    world.run(&settle).reply();
    assert_eq!(*world.payout(id).state, payout::State::Paid);
    assert!(world.get::<Job>(JobId::from(id)).state.is(job::State::Done), "nothing is left to do");
    assert!(world.get::<Job>(JobId::from(run)).state.is(job::State::Running), "the run goes on");
    world.run(&settle).reply();
    world.close_the_books();
}

#[test]
fn a_look_up_that_contradicts_a_payout_leaves_the_run_alone() {
    let (mut world, _, id) = released(true);
    world.send_payout(id);
    let refused = PayoutOutcome::Refused(failure("account_invalid", false));
    let command = world.settle_payout_command(id, refused);
    world.run(&command).reply();
    let record = world.record_payout_command(id, RecordedOutcome::Paid);
    world.run(&record).reply();
    let run = started(&mut world);
    let by = ObservedBy::LookUp { job: JobId::from(run), token: world.token(run) };
    let outcome = PayoutOutcome::Seen(world.transfer(id));
    world.run(&SettlePayout { by, payout: id, outcome }).reply();
    assert_eq!(cases(&world), ["provider_contradicts"], "it was paid twice");
    assert!(world.get::<Job>(JobId::from(run)).state.is(job::State::Running));
}
