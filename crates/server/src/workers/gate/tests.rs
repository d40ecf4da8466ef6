//! The gate alone, on a paused clock: what passes, what does not, and the budget afterwards.

use std::time::Duration;

use domain::commands::NewJob;
use domain::{JobId, TenantId, Timestamp};
use providers::guard;
use resilience::{Health, NoObserver, breaker, budget};
use uuid::Uuid;

use super::*;

fn job(failures: i64, looks: i64) -> Job {
    let new = NewJob {
        id: JobId(Uuid::from_u128(1)),
        tenant: TenantId(Uuid::from_u128(2)),
        kind: &domain::jobs::CHARGE,
        subject_kind: "attempt",
        subject: Uuid::from_u128(1),
        concurrency_key: None,
        payload: String::new(),
        due_at: Timestamp(0),
        deadline_at: None,
    };
    Job { failures, looks, ..new.row(Timestamp(0)) }
}

fn first() -> Job {
    job(0, 0)
}

fn retry() -> Job {
    job(1, 0)
}

/// A planned check, after a call that was answered.
fn recheck() -> Job {
    job(0, 4)
}

/// Two permits, at most one token at the start, and a circuit that opens after four failures.
fn gate(ratio: f64, floor_per_second: f64) -> Gate {
    let settings = guard::Settings {
        breaker: breaker::Settings { calls_min: 4, ..Default::default() },
        budget: budget::Settings { ratio, floor_per_second, ..Default::default() },
    };
    let guard = Guard::new("test", &settings, None, Arc::new(NoObserver));
    Gate { guard, permits: Arc::new(Semaphore::new(2)) }
}

const WELL: AnswerKind = AnswerKind::Answered;
const LOST: AnswerKind = AnswerKind::Nothing { contacted: true, retry_after_seconds: None };
const NOT_CONTACTED: AnswerKind = AnswerKind::Nothing { contacted: false, retry_after_seconds: Some(7) };

async fn drive(gate: &Gate, job: &Job, outcomes: &[AnswerKind]) -> Result<(), Denied> {
    let permit = gate.enter(job).await?;
    for outcome in outcomes {
        permit.call(async {}, |()| *outcome).await;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_account_has_its_share_of_permits() {
    let gate = gate(0.1, 1.0);
    let (one, two) = (gate.enter(&first()).await.unwrap(), gate.enter(&first()).await.unwrap());
    assert_eq!(gate.room(), 0);
    assert_eq!(gate.enter(&first()).await.err(), Some(Denied::Crowded));
    drop(one);
    assert_eq!(gate.room(), 1);
    assert!(gate.enter(&first()).await.is_ok());
    drop(two);
}

#[test]
fn a_share_is_at_least_one_permit() {
    let check = |concurrency: usize, share: f64, expected: usize| {
        assert_eq!(share_of(concurrency, share), expected, "{share} of {concurrency}");
    };
    check(256, 0.5, 128);
    check(3, 0.5, 2);
    check(1, 0.5, 1);
    check(8, 0.01, 1);
    check(8, 1.0, 8);
}

#[tokio::test(start_paused = true)]
async fn nobody_passes_an_open_circuit_and_no_more_than_the_probes_after_it() {
    let gate = Gate { permits: Arc::new(Semaphore::new(9)), ..gate(0.1, 0.0) };
    assert!(!gate.is_behind_circuit());
    for _ in 0..4 {
        gate.guard.breaker.admit().unwrap().end(Health::Bad);
    }
    assert_eq!((gate.room(), gate.enter(&first()).await.err()), (0, Some(Denied::Open)));
    assert!(gate.is_behind_circuit());
    tokio::time::advance(Duration::from_secs(18)).await;
    assert_eq!((gate.room(), gate.is_behind_circuit()), (3, true));
    let probes: Vec<_> = (0..3).map(|_| gate.guard.breaker.admit().unwrap()).collect();
    assert_eq!((gate.room(), gate.enter(&first()).await.err()), (0, Some(Denied::Open)));
    for probe in probes {
        probe.end(Health::Good);
    }
    assert_eq!((gate.room(), gate.is_behind_circuit()), (9, false));
}

#[tokio::test(start_paused = true)]
async fn a_retry_needs_a_token_and_nothing_else_does() {
    let gate = gate(0.0, 0.0);
    assert_eq!(drive(&gate, &first(), &[LOST]).await, Ok(()));
    assert_eq!(drive(&gate, &recheck(), &[LOST]).await, Ok(()), "a planned check");
    assert_eq!(drive(&gate, &retry(), &[]).await, Err(Denied::Spent));
    gate.guard.budget.give_back();
    assert_eq!(drive(&gate, &retry(), &[LOST]).await, Ok(()));
    assert_eq!(drive(&gate, &retry(), &[]).await, Err(Denied::Spent));
}

/// The part of a token that is left after a drive that began with one.
#[tokio::test(start_paused = true)]
async fn what_a_drive_leaves_in_the_budget() {
    async fn check(job: Job, outcomes: &[AnswerKind], expected: f64) {
        let gate = gate(0.5, 0.0);
        gate.guard.budget.give_back();
        drive(&gate, &job, outcomes).await.unwrap();
        let left = gate.guard.budget.left();
        assert!((left - expected).abs() < 1e-9, "{left} of {expected}: {job:?} {outcomes:?}");
    }
    check(first(), &[], 1.0).await;
    check(first(), &[WELL], 1.5).await;
    check(first(), &[LOST], 1.5).await;
    check(first(), &[WELL, WELL, NOT_CONTACTED], 1.5).await;
    check(first(), &[NOT_CONTACTED], 1.0).await;
    check(retry(), &[LOST], 0.0).await;
    check(retry(), &[WELL, LOST], 0.0).await;
    check(retry(), &[WELL, NOT_CONTACTED], 0.0).await;
    check(retry(), &[LOST, WELL], 1.0).await;
    check(retry(), &[WELL], 1.0).await;
    check(retry(), &[NOT_CONTACTED], 1.0).await;
    check(retry(), &[], 1.0).await;
    check(recheck(), &[WELL], 1.0).await;
}

#[tokio::test(start_paused = true)]
async fn a_permit_knows_whether_the_provider_was_contacted_and_when_to_retry() {
    let gate = gate(0.1, 1.0);
    let permit = gate.enter(&first()).await.unwrap();
    assert!(!permit.turned_away(), "it made no call");
    permit.call(async {}, |()| NOT_CONTACTED).await;
    assert_eq!((permit.turned_away(), permit.retry_after()), (true, Span::seconds(7)));
    permit.call(async {}, |()| LOST).await;
    assert_eq!((permit.turned_away(), permit.retry_after()), (false, Span::seconds(0)));
}

/// Its worker lost the lease and stopped in the middle of a call, which may have been carried out.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_cut_off_was_made() {
    let gate = gate(0.5, 0.0);
    gate.guard.budget.give_back();
    for (job, expected) in [(first(), 1.5), (retry(), 0.5)] {
        let permit = gate.enter(&job).await.unwrap();
        let call = permit.call(std::future::pending::<()>(), |()| WELL);
        assert!(tokio::time::timeout(Duration::from_secs(1), call).await.is_err());
        assert!(!permit.turned_away());
        drop(permit);
        assert!((gate.guard.budget.left() - expected).abs() < 1e-9, "{}", gate.guard.budget.left());
    }
}
