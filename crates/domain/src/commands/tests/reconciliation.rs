//! Reconciliation: the pure comparison, and the commands of a run.

use std::string::ToString as _;
use std::vec;
use std::vec::Vec;
use std::{borrow::ToOwned as _, format};

use uuid::Uuid;

use super::test_store::CommandResult;
use super::test_world::{
    CLIENT, DEADLINE, LEASE, RECHECK, STRANGER, TENANT, TestWorld, account, eur, object,
};
use crate::commands::{
    AcceptDifference, ClaimJobs, ClearMarks, DecidedDifference, FailJob, FinishReconciliation, ObservedBy,
    RecordPage, RunProgress, Settle, StartReconciliation, StartedBy,
};
use crate::jobs::{JobKinds, RECONCILE};
use crate::lifecycle::{difference, reconciliation};
use crate::provider::{PaymentAtProvider, ProviderStatus, Source};
use crate::reconciliation::{
    FoundDifference, PostedTransfer, compare_ledger, compare_payment, missing_payment, without_payment,
};
use crate::reply::{ClaimedJob, Reply};
use crate::rows::{
    AccountReconciliation, Capture, Difference, DifferenceKind, Job, Mode, Movement, Payment, Reconciliation,
    ReconciliationMark, ReconciliationStage,
};
use crate::time::{Span, Timestamp};
use crate::{AttemptId, Currency, DifferenceId, JobId, Money, PaymentId, ReconciliationId, Refusal};

const DAY: Span = Span::seconds(86_400);
const CAPTURED: ProviderStatus = ProviderStatus::Captured { amount_minor: 2_000 };

fn by_person(world: &TestWorld) -> StartedBy {
    StartedBy::Person {
        client: CLIENT,
        mode: Mode::Test,
        request_id: "req".to_owned(),
        person: "Ana".to_owned(),
        begins_at: world.now.minus(DAY),
        ends_at: world.now,
    }
}

fn by_timer() -> StartedBy {
    StartedBy::Timer { every: DAY, margin: Span::seconds(900), overlap: Span::seconds(3_600) }
}

fn start(by: StartedBy) -> StartReconciliation {
    StartReconciliation { claim: None, tenant: TENANT, account: account(), by }
}

pub fn started(world: &mut TestWorld) -> ReconciliationId {
    let command = start(by_person(world));
    let Reply::Reconciliation(run) = world.run(&command).reply() else { panic!("a run was started") };
    run.id
}

fn page(world: &mut TestWorld, run: ReconciliationId) -> RecordPage {
    let token = world.token(run);
    let row: Reconciliation = world.get(run);
    let stage = ReconciliationStage::Provider;
    RecordPage {
        run,
        token,
        pages_before: row.pages,
        account: account(),
        progress: RunProgress { stage, cursor: Some("next".to_owned()), provider_objects: 2, own_objects: 0 },
        found: vec![],
        repaired: vec![],
        vanished: vec![],
        marks: vec![],
    }
}

fn found(minor: i64) -> FoundDifference {
    FoundDifference {
        kind: DifferenceKind::ForeignObject,
        object: "pi_other".to_owned(),
        payment: None,
        payout: None,
        at_provider: Some(eur(minor)),
        here: None,
        in_ledger: None,
        detail: "it carries no reference of ours".to_owned(),
        object_at: Timestamp(7),
    }
}

fn finish(world: &mut TestWorld, run: ReconciliationId) {
    let token = world.token(run);
    world.run(&FinishReconciliation { run, token }).reply();
}

fn difference_is(world: &TestWorld) -> difference::State {
    *world.get::<Difference>(found(0).id(account())).state
}

fn accept(world: &mut TestWorld, id: DifferenceId) -> AcceptDifference {
    AcceptDifference(DecidedDifference {
        claim: Some(world.claim()),
        tenant: TENANT,
        client: CLIENT,
        mode: Mode::Test,
        request_id: "req".to_owned(),
        difference: id,
        person: "Ana".to_owned(),
        why: "known".to_owned(),
    })
}

#[test]
fn one_run_of_an_account_is_under_way_at_a_time() {
    let mut world = TestWorld::new(4);
    let run = started(&mut world);
    let again = start(by_person(&world));
    assert_eq!(world.refused(&again), Refusal::ReconciliationIsRunning { run: run.0 });
    assert_eq!(world.refused(&start(by_timer())), Refusal::NothingToDo);
    finish(&mut world, run);
    assert!(world.get::<Reconciliation>(run).state.is(reconciliation::State::Finished));
    assert_ne!(started(&mut world), run);
}

#[test]
fn a_run_is_of_the_keys_own_account() {
    let mut world = TestWorld::new(4);
    let foreign = StartReconciliation { tenant: STRANGER, ..start(by_person(&world)) };
    assert_eq!(world.refused(&foreign), Refusal::AccountNotFound);
    let mut live = by_person(&world);
    if let StartedBy::Person { mode, .. } = &mut live {
        *mode = Mode::Live;
    }
    assert_eq!(world.refused(&start(live)), Refusal::AccountNotFound);
}

#[test]
fn the_timer_starts_one_run_a_day_and_leaves_no_time_out() {
    let mut world = TestWorld::new(4);
    let is_started = |world: &mut TestWorld| match world.run(&start(by_timer())) {
        CommandResult::Fresh(reply) => match *reply {
            Reply::Reconciliation(run) => Some(*run),
            _ => None,
        },
        _ => None,
    };
    assert_eq!(is_started(&mut world), None, "nothing of ours is older than the account");
    world.wait(DAY);
    let first = is_started(&mut world).unwrap();
    assert_eq!(is_started(&mut world), None, "it is under way");
    finish(&mut world, first.id);
    assert_eq!(is_started(&mut world), None, "it is not due");
    world.wait(Span(DAY.0 * 3));
    let second = is_started(&mut world).unwrap();
    assert_eq!(second.begins_at, first.ends_at.minus(Span::seconds(3_600)));
    assert_eq!(second.ends_at, world.now.minus(Span::seconds(900)));
}

#[test]
fn a_run_of_another_time_leaves_a_hole_and_does_not_count() {
    let mut world = TestWorld::new(4);
    let run = started(&mut world);
    finish(&mut world, run);
    let until = world.get::<AccountReconciliation>(account()).compared_until;
    world.wait(Span(DAY.0 * 3));
    let later = started(&mut world);
    finish(&mut world, later);
    assert_eq!(world.get::<AccountReconciliation>(account()).compared_until, until);
}

#[test]
fn a_page_is_recorded_once_and_under_its_token() {
    let mut world = TestWorld::new(4);
    let run = started(&mut world);
    let first = RecordPage { found: vec![found(500)], ..page(&mut world, run) };
    world.run(&first).reply();
    assert_eq!(world.refused(&first), Refusal::NothingToDo);
    let stale = RecordPage { token: first.token - 1, pages_before: 1, ..first.clone() };
    assert_eq!(world.refused(&stale), Refusal::LeaseLost);
    let row: Reconciliation = world.get(run);
    assert_eq!((row.pages, row.provider_objects, row.found), (1, 2, 1));
    assert_eq!(row.cursor.as_deref(), Some("next"));
}

#[test]
fn a_difference_is_one_row_whatever_is_repeated() {
    let mut world = TestWorld::new(4);
    for expected in [1, 0, 0] {
        let run = started(&mut world);
        let twice = vec![found(500), found(500)];
        let page = RecordPage { found: twice, ..page(&mut world, run) };
        world.run(&page).reply();
        assert_eq!(world.get::<Reconciliation>(run).found, expected);
        finish(&mut world, run);
    }
    let rows = world.all::<Difference>();
    assert_eq!(rows.len(), 1);
    assert_ne!(rows[0].first_run, rows[0].last_run);
}

#[test]
fn a_difference_that_is_gone_is_settled_and_one_that_comes_back_is_open() {
    let mut world = TestWorld::new(4);
    let run = started(&mut world);
    let id = found(0).id(account());
    let with =
        |page: RecordPage, found: &[FoundDifference], repaired: &[FoundDifference], gone: &[DifferenceId]| {
            RecordPage { found: found.to_vec(), repaired: repaired.to_vec(), vanished: gone.to_vec(), ..page }
        };
    use difference::State::{Accepted, Open, Settled};
    for (seen, repaired, gone, expected) in [
        (vec![found(500)], vec![], vec![], Open),
        (vec![], vec![], vec![id], Settled),
        (vec![], vec![], vec![id], Settled),
        (vec![found(500)], vec![], vec![id], Open),
        (vec![], vec![found(500)], vec![], Settled),
        (vec![found(500)], vec![found(500)], vec![id], Open),
    ] {
        let page = with(page(&mut world, run), &seen, &repaired, &gone);
        world.run(&page).reply();
        assert_eq!(difference_is(&world), expected);
    }
    let accepts = accept(&mut world, id);
    world.run(&accepts).reply();
    for (minor, expected) in [(500, Accepted), (501, Open)] {
        let page = with(page(&mut world, run), &[found(minor)], &[], &[]);
        world.run(&page).reply();
        assert_eq!(difference_is(&world), expected, "{minor}");
    }
}

#[test]
fn a_person_accepts_an_open_difference_of_their_own() {
    let mut world = TestWorld::new(4);
    let run = started(&mut world);
    let page = RecordPage { found: vec![found(500)], ..page(&mut world, run) };
    world.run(&page).reply();
    let id = found(0).id(account());
    let own = accept(&mut world, id);
    let foreign = |change: fn(&mut DecidedDifference)| {
        let mut decided = own.clone();
        decided.0.claim = None;
        change(&mut decided.0);
        decided
    };
    let not_found = Refusal::DifferenceNotFound;
    assert_eq!(world.refused(&foreign(|decided| decided.tenant = STRANGER)), not_found);
    assert_eq!(world.refused(&foreign(|decided| decided.mode = Mode::Live)), not_found);
    assert_eq!(world.refused(&foreign(|decided| decided.difference = DifferenceId(Uuid::nil()))), not_found);
    let Reply::Difference(row) = world.run(&own).reply() else { panic!("it was accepted") };
    assert_eq!((row.closed_by.as_deref(), row.closed_because.as_deref()), (Some("Ana"), Some("known")));
    let again = foreign(|_| ());
    assert!(matches!(world.refused(&again), Refusal::StateDoesNotAllowIt { .. }));
}

#[test]
fn a_run_that_is_given_up_has_failed_and_frees_its_account() {
    let mut world = TestWorld::new(4);
    let run = started(&mut world);
    for _ in 0..RECONCILE.attempts_max {
        let token = world.token(run);
        let fail = FailJob {
            job: JobId::from(run),
            token,
            kind: &RECONCILE,
            error: "no answer".to_owned(),
            pause: Span::seconds(1),
        };
        world.run(&fail).reply();
    }
    let row: Reconciliation = world.get(run);
    assert!(row.state.is(reconciliation::State::Failed));
    assert_eq!(row.error.as_deref(), Some("no answer"));
    started(&mut world);
}

#[test]
fn a_page_that_comes_through_forgives_earlier_failures() {
    let mut world = TestWorld::new(4);
    let run = started(&mut world);
    for _ in 0..RECONCILE.attempts_max * 2 {
        world.wait(LEASE.span);
        let claim = ClaimJobs {
            jobs: vec![JobId::from(run)],
            kinds: JobKinds::default(),
            lease: LEASE,
            alone: false,
        };
        world.run(&claim).reply();
        let page = page(&mut world, run);
        world.run(&page).reply();
    }
    assert!(world.get::<Reconciliation>(run).state.is(reconciliation::State::Running));
}

#[test]
fn the_marks_of_a_run_are_kept_once_and_cleared() {
    let mut world = TestWorld::new(4);
    let run = started(&mut world);
    let [one, two] = [1, 2].map(Uuid::from_u128);
    for marks in [vec![one, one], vec![one, two]] {
        let page = RecordPage { marks, ..page(&mut world, run) };
        world.run(&page).reply();
    }
    let marks: Vec<_> = world.all::<ReconciliationMark>().iter().map(|mark| mark.id).collect();
    assert_eq!(marks.len(), 2);
    let token = world.token(run);
    world.run(&ClearMarks { run, token, marks }).reply();
    assert!(world.all::<ReconciliationMark>().is_empty());
}

/// A lost webhook: the fetched object is evidence, as it is for the payment's own worker.
#[test]
fn a_look_up_settles_a_payment_of_its_own_account_as_evidence() {
    let mut world = TestWorld::new(4);
    let (_, payment) = world.sent(Capture::Automatic);
    let run = started(&mut world);
    let token = world.token(run);
    let settle = Settle {
        by: ObservedBy::LookUp { job: JobId::from(run), token },
        payment,
        attempt: AttemptId::from(payment),
        observation: world.seen(payment, CAPTURED),
        source: Source::Fetched,
        refused: None,
        recheck: RECHECK,
        deadline: DEADLINE,
    };
    let by = ObservedBy::LookUp { job: JobId::from(run), token: token - 1 };
    assert_eq!(world.refused(&Settle { by, ..settle.clone() }), Refusal::LeaseLost);
    let mut job: crate::rows::Job = world.get(JobId::from(run));
    let own = job.concurrency_key.replace(Uuid::nil());
    world.set(&job);
    assert_eq!(world.refused(&settle), Refusal::PaymentNotFound, "another account's payment");
    job.concurrency_key = own;
    world.set(&job);
    world.run(&settle).reply();
    assert!(world.get::<Payment>(payment).evidenced);
    let job: crate::rows::Job = world.get(JobId::from(run));
    assert!(job.state.is(crate::lifecycle::job::State::Running), "the run goes on");
}

fn seen(world: &TestWorld, payment: PaymentId, status: ProviderStatus) -> PaymentAtProvider {
    PaymentAtProvider {
        reference: Some(payment),
        observation: world.seen(payment, status),
        refunded_minor: None,
        created_at: Timestamp(7),
    }
}

#[test]
fn each_way_in_which_a_payment_differs_has_its_kind() {
    use DifferenceKind::{
        CapturedNotHere, CapturedNotThere, OtherAmount, OtherCurrency, OtherObject, StateBehind,
    };
    let mut world = TestWorld::new(9);
    let (_, pending) = world.sent(Capture::Automatic);
    let (_, held) = world.sent(Capture::Manual);
    world.fetched(held, ProviderStatus::Authorized { amount_minor: 2_000 });
    let (_, taken) = world.sent(Capture::Automatic);
    world.fetched(taken, CAPTURED);
    let authorized = |amount_minor| ProviderStatus::Authorized { amount_minor };
    let captured = |amount_minor| ProviderStatus::Captured { amount_minor };
    let check = |payment: PaymentId, status: ProviderStatus, expected: Option<DifferenceKind>| {
        let found = compare_payment(&seen(&world, payment, status.clone()), &world.get::<Payment>(payment));
        assert_eq!(found.map(|found| found.kind), expected, "{status:?}");
    };
    check(pending, ProviderStatus::Processing, None);
    check(pending, ProviderStatus::Unconfirmed, None);
    check(pending, captured(2_000), Some(CapturedNotHere));
    check(pending, authorized(2_000), Some(StateBehind));
    check(pending, ProviderStatus::Cancelled, Some(StateBehind));
    check(held, authorized(2_000), None);
    check(held, authorized(1_999), Some(OtherAmount));
    check(held, captured(2_000), Some(CapturedNotHere));
    check(held, ProviderStatus::Cancelled, Some(StateBehind));
    check(taken, captured(2_000), None);
    check(taken, captured(1_999), Some(OtherAmount));
    check(taken, authorized(2_000), Some(CapturedNotThere));
    check(taken, ProviderStatus::Cancelled, Some(CapturedNotThere));
    check(taken, ProviderStatus::Processing, Some(CapturedNotThere));

    let unproven = Payment { evidenced: false, ..world.get::<Payment>(taken) };
    let found = compare_payment(&seen(&world, taken, captured(2_000)), &unproven);
    assert_eq!(found.map(|found| found.kind), Some(StateBehind), "our own reply is no evidence");

    let row: Payment = world.get(taken);
    let changed = |change: fn(&mut PaymentAtProvider)| {
        let mut seen = seen(&world, taken, captured(2_000));
        change(&mut seen);
        compare_payment(&seen, &row).map(|found| found.kind)
    };
    assert_eq!(changed(|seen| seen.observation.currency = Currency::USD), Some(OtherCurrency));
    assert_eq!(changed(|seen| seen.observation.amount_minor = 1), Some(OtherAmount));
    assert_eq!(changed(|seen| seen.observation.object = "pi_x".to_owned()), Some(OtherObject));
    let unconfirmed = |seen: &mut PaymentAtProvider| {
        seen.observation.object = "pi_x".to_owned();
        seen.observation.status = ProviderStatus::Unconfirmed;
    };
    assert_eq!(changed(unconfirmed), None, "it moved nothing");
    assert_eq!(missing_payment(&row).unwrap().kind, DifferenceKind::MissingThere);
    assert_eq!(missing_payment(&Payment { provider_ref: None, ..row }), None, "it was never sent");
}

#[test]
fn an_object_without_a_payment_differs_only_if_money_moved() {
    let mut world = TestWorld::new(4);
    let (_, payment) = world.sent(Capture::Automatic);
    let check = |status: ProviderStatus, reference, expected: Option<DifferenceKind>| {
        let seen = PaymentAtProvider { reference, ..seen(&world, payment, status) };
        assert_eq!(without_payment(&seen).map(|found| found.kind), expected);
    };
    check(CAPTURED, None, Some(DifferenceKind::ForeignObject));
    check(CAPTURED, Some(payment), Some(DifferenceKind::PaymentUnknownHere));
    check(ProviderStatus::Unconfirmed, None, None);
    check(ProviderStatus::Cancelled, Some(payment), None);
}

#[test]
fn a_charge_looks_for_its_object_once_payments_were_found_that_are_unknown_here() {
    let mut world = TestWorld::new(9);
    let begun = |world: &mut TestWorld| {
        let booking = world.reserve(1);
        let command = world.pay_command(booking);
        let Reply::Started(started) = world.run(&command).reply() else { panic!("a payment was started") };
        (started.payment.id, started.may_be_found)
    };
    let claimed = |world: &mut TestWorld, payment: PaymentId| {
        let job: Job = world.get(JobId(payment.0));
        world.now = world.now.max(job.due_at);
        let jobs = vec![job.id];
        let claim = ClaimJobs { jobs, kinds: JobKinds::default(), lease: LEASE, alone: false };
        let Reply::Claimed(claimed) = world.run(&claim).reply() else { panic!("it was claimed") };
        let [ClaimedJob::Attempt(claimed)] = &claimed[..] else { panic!("of an attempt") };
        claimed.may_be_found
    };
    let record = |world: &mut TestWorld, found: &[FoundDifference], vanished: &[DifferenceId]| {
        let run = started(world);
        let (found, vanished) = (found.to_vec(), vanished.to_vec());
        let page = RecordPage { found, vanished, ..page(world, run) };
        world.run(&page).reply();
        finish(world, run);
    };
    record(&mut world, &[found(500)], &[]);
    let (before, may_be_found) = begun(&mut world);
    assert!(
        !may_be_found && !claimed(&mut world, before),
        "another kind of difference costs a charge nothing"
    );

    let lost = FoundDifference { kind: DifferenceKind::PaymentUnknownHere, ..found(500) };
    record(&mut world, core::slice::from_ref(&lost), &[]);
    let (after, may_be_found) = begun(&mut world);
    assert!(may_be_found && claimed(&mut world, after));
    assert!(claimed(&mut world, before), "and so does one that was begun before, and is not sent yet");
    assert!(world.mark_sent(after));
    assert!(!claimed(&mut world, after), "its object is known");
    record(&mut world, &[], &[lost.id(account())]);
    assert!(begun(&mut world).1, "it stays so");
}

#[test]
fn the_ledger_is_compared_by_the_names_of_the_movements() {
    let mut world = TestWorld::new(4);
    let (_, payment) = world.sent(Capture::Automatic);
    world.fetched(payment, CAPTURED);
    let (row, movements) = (world.get::<Payment>(payment), world.all::<Movement>());
    let name = format!("payment.captured/{payment}/{}", object(payment));
    let posted = |kind: &str, movement: &str, amount_minor| PostedTransfer {
        kind: kind.to_owned(),
        movement: movement.to_owned(),
        amount_minor,
        currency: Currency::EUR,
    };
    let own = posted("payment.captured", &name, 2_000);
    let check = |transfers: &[PostedTransfer], expected: &[DifferenceKind]| {
        let found = compare_ledger(&row, &movements, transfers);
        assert_eq!(found.iter().map(|found| found.kind).collect::<Vec<_>>(), expected, "{transfers:?}");
    };
    use DifferenceKind::{LedgerExtraTransfer, LedgerLacksTransfer, LedgerOtherAmount};
    check(core::slice::from_ref(&own), &[]);
    check(&[], &[LedgerLacksTransfer]);
    check(&[posted("payment.captured", &name, 1)], &[LedgerOtherAmount]);
    check(&[own.clone(), own.clone()], &[LedgerExtraTransfer]);
    check(&[own.clone(), posted("refund.succeeded", "refund.succeeded/7", 5)], &[LedgerExtraTransfer]);
    check(&[own, posted("payment.contradicted", "payment.contradicted/7", 5)], &[]);
    let mut other = row.clone();
    other.currency = Currency::USD;
    assert_eq!(other.amount(), Money::new(2_000, Currency::USD));
    assert_eq!(name.matches(&payment.to_string()).count(), 1);
}
