//! Jobs without an attempt: of a kind that only this test registers, and of kinds that only a newer
//! version knows.

use alloc::borrow::ToOwned;
use std::vec;

use uuid::Uuid;

use super::dead_letters::decided;
use super::test_world::{LEASE, TENANT, TestWorld};
use crate::JobId;
use crate::Refusal;
use crate::commands::{
    ClaimJobs, DeadLetterRef, Decided, DiscardDeadLetter, FailJob, FinishJob, NewJob, RetryDeadLetter,
};
use crate::jobs::{JobKind, JobKinds, USED_UP};
use crate::lifecycle::job;
use crate::reply::{ClaimedJob, DeadLetter, Reply};
use crate::rows::{Job, Lane};
use crate::time::{Span, Timestamp};

static NOTICE: JobKind = JobKind {
    attempts_max: 3,
    dead_letter: "the notice was not sent",
    ..JobKind::standalone("notice", Lane::Ordinary)
};
static KINDS: [&JobKind; 1] = [&NOTICE];
const PAUSE: Span = Span::seconds(1);
const DEADLINE: Timestamp = Timestamp(i64::MAX / 2);

fn job(world: &mut TestWorld) -> JobId {
    let id = JobId(Uuid::from_u128(70));
    let new = NewJob {
        id,
        tenant: TENANT,
        kind: &NOTICE,
        subject_kind: "booking",
        subject: Uuid::from_u128(7),
        concurrency_key: None,
        payload: "{}".to_owned(),
        due_at: world.now,
        deadline_at: Some(DEADLINE),
    };
    let row = new.row(world.now);
    world.set(&row);
    id
}

fn claim(world: &mut TestWorld, job: JobId) -> usize {
    let claim = ClaimJobs { jobs: vec![job], kinds: JobKinds(&KINDS), lease: LEASE, alone: false };
    let Reply::Claimed(claimed) = world.run(&claim).reply() else { panic!("claimed") };
    assert!(claimed.iter().all(|claimed| matches!(claimed, ClaimedJob::Standalone(_))));
    claimed.len()
}

fn fail(job: JobId, token: i64) -> FailJob {
    FailJob { job, token, kind: &NOTICE, error: "no answer".to_owned(), pause: PAUSE }
}

fn is(world: &TestWorld, job: JobId) -> job::State {
    *world.get::<Job>(job).state
}

fn letter(job: JobId) -> Decided {
    Decided { kinds: JobKinds(&KINDS), ..decided(DeadLetterRef::Job(job)) }
}

#[test]
fn the_holder_of_the_lease_finishes_the_job() {
    let mut world = TestWorld::new(9);
    let job = job(&mut world);
    assert_eq!(claim(&mut world, job), 1);
    world.wait(LEASE.span);
    assert_eq!(claim(&mut world, job), 1, "it was left behind");
    for late in [1, 3] {
        assert_eq!(world.refused(&FinishJob { job, token: late }), Refusal::LeaseLost);
        assert_eq!(world.refused(&fail(job, late)), Refusal::LeaseLost);
    }
    world.run(&FinishJob { job, token: 2 }).reply();
    assert_eq!(is(&world, job), job::State::Done);
}

#[test]
fn a_job_that_fails_too_often_dies_and_a_person_decides() {
    let mut world = TestWorld::new(9);
    let job = job(&mut world);
    for token in 1..=3 {
        assert_eq!(claim(&mut world, job), 1);
        world.run(&fail(job, token)).reply();
        assert_eq!(claim(&mut world, job), 0, "it is put off, or dead");
        world.wait(PAUSE);
    }
    assert_eq!(is(&world, job), job::State::Dead);
    let row: Job = world.get(job);
    assert_eq!((row.attempts, row.last_error.as_deref()), (3, Some("no answer")));
    assert_eq!(world.reviews().len(), 0, "its letter is all there is to see to");

    world.run(&RetryDeadLetter(letter(job))).reply();
    assert_eq!(claim(&mut world, job), 1);
    for token in 4..=6 {
        world.run(&fail(job, token)).reply();
        world.wait(PAUSE);
        claim(&mut world, job);
    }
    assert_eq!(is(&world, job), job::State::Dead);
    let Reply::DeadLetter(shown) = world.run(&DiscardDeadLetter(letter(job))).reply() else {
        panic!("shown")
    };
    let DeadLetter::Job { job: ended, attempt: None } = *shown else { panic!("{shown:?}") };
    assert!(ended.state.is(job::State::Done));
}

#[test]
fn a_job_that_kills_its_workers_dies_with_the_text_of_its_kind() {
    let mut world = TestWorld::new(9);
    let job = job(&mut world);
    for _ in 0..3 {
        assert_eq!(claim(&mut world, job), 1);
        world.wait(LEASE.span);
    }
    assert_eq!(claim(&mut world, job), 0);
    let row: Job = world.get(job);
    assert_eq!((*row.state, row.last_error.as_deref()), (job::State::Dead, Some("the notice was not sent")));
    assert_eq!(crate::jobs::CHARGE.dead_letter, USED_UP);
}

#[test]
fn a_job_dies_at_its_deadline() {
    let mut world = TestWorld::new(9);
    let job = job(&mut world);
    let deadline_at = Some(world.now.plus(PAUSE));
    let row = Job { deadline_at, ..world.get(job) };
    world.set(&row);
    assert_eq!(claim(&mut world, job), 1);
    world.run(&fail(job, 1)).reply();
    assert_eq!(is(&world, job), job::State::Ready, "it can be tried once more");
    world.wait(PAUSE);
    assert_eq!(claim(&mut world, job), 1);
    world.run(&fail(job, 2)).reply();
    assert_eq!(is(&world, job), job::State::Dead);
}

/// A newer version works on it: here it is neither claimed, nor counted, nor ended.
#[test]
fn what_only_a_newer_version_knows_is_left_as_it_stands() {
    let changes: [fn(Job) -> Job; 2] = [
        |row| Job { kind: "voucher".to_owned(), subject_kind: "voucher".to_owned(), ..row },
        |row| Job { payload_version: NOTICE.payload_version + 1, ..row },
    ];
    for change in changes {
        let mut world = TestWorld::new(9);
        let job = job(&mut world);
        let newer = change(Job { attempts: 99, ..world.get(job) });
        world.set(&newer);
        assert_eq!(claim(&mut world, job), 0);
        assert_eq!(world.get::<Job>(job), newer);
    }
    let mut world = TestWorld::new(9);
    let job = job(&mut world);
    let dead = |row: Job| Job { kind: "voucher".to_owned(), ..row };
    for token in 1..=3 {
        claim(&mut world, job);
        world.run(&fail(job, token)).reply();
        world.wait(PAUSE);
    }
    let newer = dead(world.get(job));
    world.set(&newer);
    let refused = world.refused(&DiscardDeadLetter(letter(job)));
    assert!(matches!(refused, Refusal::StateDoesNotAllowIt { .. }), "{refused:?}");
    world.run(&RetryDeadLetter(letter(job))).reply();
    assert_eq!(is(&world, job), job::State::Ready, "it waits for its version");
}
