//! The layer under tokio's paused clock: no test waits for real time.

mod outage;

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tower::{Layer as _, ServiceExt as _, service_fn};

use super::*;
use crate::budget::{FloorSource, FloorUnavailable};
use crate::observer::{GiveUpReason, OperationEnd, Retry};
use crate::{Health, breaker, budget};

/// What the dependency does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    Fine,
    Fail,
    /// Fails permanently: a retry would not help.
    Refuse,
    /// Busy; replies with the number of seconds to wait.
    Busy(u64),
    Hang,
    /// Takes this many seconds.
    Slow(u64),
}

#[derive(Debug, PartialEq, Eq)]
pub enum TestError {
    Failed,
    Refused,
    Busy(u64),
}

/// A request that says whether it may be sent again.
#[derive(Clone, Debug)]
pub struct TestRequest {
    repeatable: bool,
    timeouts: Option<Timeouts>,
}

pub const SAFE: TestRequest = TestRequest { repeatable: true, timeouts: None };
const UNSAFE: TestRequest = TestRequest { repeatable: false, timeouts: None };

pub struct TestPolicy;

impl Policy<TestRequest, u32, TestError> for TestPolicy {
    fn clone_request(&self, request: &TestRequest) -> Option<TestRequest> {
        request.repeatable.then(|| request.clone())
    }

    fn health(&self, outcome: &AttemptOutcome<'_, u32, TestError>) -> Health {
        match outcome {
            AttemptOutcome::Answered(_) | AttemptOutcome::Failed(TestError::Refused) => Health::Good,
            AttemptOutcome::Failed(TestError::Busy(_)) => Health::Unclear,
            AttemptOutcome::Failed(TestError::Failed) | AttemptOutcome::TimedOut => Health::Bad,
        }
    }

    fn retry(&self, _: &TestRequest, outcome: &AttemptOutcome<'_, u32, TestError>) -> Option<RetryAdvice> {
        let (reason, after) = match outcome {
            AttemptOutcome::Answered(_) | AttemptOutcome::Failed(TestError::Refused) => return None,
            AttemptOutcome::Failed(TestError::Busy(seconds)) => ("busy", Some(Duration::from_secs(*seconds))),
            AttemptOutcome::Failed(TestError::Failed) => ("failed", None),
            AttemptOutcome::TimedOut => ("timeout", None),
        };
        Some(RetryAdvice { reason, after })
    }

    fn timeouts(&self, request: &TestRequest) -> Option<Timeouts> {
        request.timeouts
    }
}

#[derive(Default)]
pub struct RecordedEvents {
    pub retries: Mutex<Vec<Retry>>,
    pub ended: Mutex<Vec<OperationEnd>>,
}

impl Observer for RecordedEvents {
    fn retrying(&self, retry: &Retry) {
        self.retries.lock().push(*retry);
    }

    fn ended(&self, ended: &OperationEnd) {
        self.ended.lock().push(*ended);
    }
}

/// A layer around a dependency that follows a script and repeats its last step.
struct ScriptedLayer {
    script: Arc<Mutex<VecDeque<Script>>>,
    calls: Arc<Mutex<Vec<Duration>>>,
    events: Arc<RecordedEvents>,
    layer: Layer<TestPolicy>,
    start: Start,
}

fn seconds(attempt: u64, operation: u64) -> Timeouts {
    Timeouts { attempt: Duration::from_secs(attempt), operation: Duration::from_secs(operation) }
}

impl ScriptedLayer {
    fn new(script: &[Script]) -> ScriptedLayer {
        let events = Arc::new(RecordedEvents::default());
        let backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(1) };
        let layer =
            Layer::new(TestPolicy).timeouts(seconds(2, 20)).backoff(backoff).rng(SharedRng::seeded(11));
        ScriptedLayer {
            script: Arc::new(Mutex::new(script.iter().copied().collect())),
            calls: Arc::default(),
            events: events.clone(),
            layer: layer.observer(events),
            start: Start::now(),
        }
    }

    fn with(mut self, change: impl FnOnce(Layer<TestPolicy>) -> Layer<TestPolicy>) -> ScriptedLayer {
        self.layer = change(self.layer);
        self
    }

    async fn call(&self, request: TestRequest) -> Result<u32, Error<TestError>> {
        let (script, calls, start) = (self.script.clone(), self.calls.clone(), self.start);
        let play = service_fn(move |_: TestRequest| {
            let line = {
                let mut script = script.lock();
                if script.len() > 1 { script.pop_front() } else { script.front().copied() }
            };
            calls.lock().push(start.elapsed());
            async move {
                match line.unwrap_or(Script::Fine) {
                    Script::Fine => Ok(7),
                    Script::Fail => Err(TestError::Failed),
                    Script::Refuse => Err(TestError::Refused),
                    Script::Busy(seconds) => Err(TestError::Busy(seconds)),
                    Script::Hang => std::future::pending().await,
                    Script::Slow(seconds) => {
                        tokio::time::sleep(Duration::from_secs(seconds)).await;
                        Ok(7)
                    }
                }
            }
        });
        self.layer.layer(play).oneshot(request).await
    }

    fn calls(&self) -> usize {
        self.calls.lock().len()
    }

    fn last_end(&self) -> (u32, Option<GiveUpReason>) {
        let ended = *self.events.ended.lock().last().expect("an operation has ended");
        (ended.attempts, ended.gave_up)
    }
}

#[tokio::test(start_paused = true)]
async fn operations_end_as_expected() {
    use Script::*;
    async fn check(
        script: &[Script],
        request: TestRequest,
        expected: Result<u32, Error<TestError>>,
        attempts: u32,
        gave_up: Option<GiveUpReason>,
    ) {
        let scripted = ScriptedLayer::new(script);
        assert_eq!(scripted.call(request).await, expected, "{script:?}");
        assert_eq!(scripted.last_end(), (attempts, gave_up), "{script:?}");
        assert_eq!(scripted.calls(), attempts as usize, "{script:?}");
    }
    let failed = || Err(Error::Inner(TestError::Failed));
    let timed_out = || Err(Error::TimedOut { after: Duration::from_secs(2) });
    check(&[Fine], SAFE, Ok(7), 1, None).await;
    check(&[Fail, Fine], SAFE, Ok(7), 2, None).await;
    check(&[Fail, Hang, Fine], SAFE, Ok(7), 3, None).await;
    check(&[Fail], SAFE, failed(), 3, Some(GiveUpReason::Attempts)).await;
    check(&[Hang], SAFE, timed_out(), 3, Some(GiveUpReason::Attempts)).await;
    check(&[Refuse], SAFE, Err(Error::Inner(TestError::Refused)), 1, None).await;
    check(&[Fail, Refuse], SAFE, Err(Error::Inner(TestError::Refused)), 2, None).await;
    check(&[Fail], UNSAFE, failed(), 1, None).await;
    check(&[Hang], UNSAFE, timed_out(), 1, None).await;
    check(&[Busy(5), Fine], SAFE, Ok(7), 2, None).await;
    check(&[Busy(20)], SAFE, Err(Error::Inner(TestError::Busy(20))), 1, Some(GiveUpReason::Deadline)).await;
    let short = TestRequest { timeouts: Some(seconds(2, 3)), ..SAFE };
    check(&[Slow(1)], short.clone(), Ok(7), 1, None).await;
    check(&[Busy(3)], short.clone(), Err(Error::Inner(TestError::Busy(3))), 1, Some(GiveUpReason::Deadline))
        .await;
    // The second try begins with less than a second left, and gets no more.
    let scripted = ScriptedLayer::new(&[Hang]);
    let Err(Error::TimedOut { after }) = scripted.call(short).await else { panic!("it hangs") };
    assert!(after < Duration::from_secs(1), "{after:?}");
    assert!(scripted.start.elapsed() <= Duration::from_millis(3_010), "{:?}", scripted.start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn waits_for_retry_after_and_reports_each_retry() {
    let scripted = ScriptedLayer::new(&[Script::Busy(4), Script::Fail, Script::Fine]);
    scripted.call(SAFE).await.unwrap();
    let calls = scripted.calls.lock().clone();
    let retries = scripted.events.retries.lock().clone();
    let [busy, failed] = retries[..] else { panic!("{retries:?}") };
    assert_eq!((busy.attempt, busy.reason, busy.retry_after), (1, "busy", Some(Duration::from_secs(4))));
    assert_eq!(busy.delay, Duration::from_secs(4), "the requested wait is longer than the drawn pause");
    assert_eq!((failed.attempt, failed.reason, failed.retry_after), (2, "failed", None));
    assert!(failed.delay <= Duration::from_millis(200), "{:?}", failed.delay);
    // Tokio's timer counts whole milliseconds.
    let slack = Duration::from_millis(2);
    for (call, retry) in calls[1..].iter().zip(&retries) {
        assert!(*call >= retry.at + retry.delay, "{calls:?} {retries:?}");
        assert!(*call <= retry.at + retry.delay + slack, "{calls:?} {retries:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_sends_nothing_and_says_when_to_retry() {
    let breaker = SharedBreaker::new(breaker::Settings { calls_min: 4, ..Default::default() });
    let budget = SharedBudget::new("test", budget::Settings { floor_per_second: 0.0, ..Default::default() });
    let scripted = ScriptedLayer::new(&[Script::Fail])
        .with(|layer| layer.attempts_max(1).breaker(breaker.clone()).budget(budget.clone()));
    for _ in 0..4 {
        assert_eq!(scripted.call(SAFE).await, Err(Error::Inner(TestError::Failed)));
    }
    let Err(Error::Open { retry_after }) = scripted.call(SAFE).await else { panic!("it is closed") };
    assert_eq!((scripted.calls(), scripted.last_end()), (4, (0, Some(GiveUpReason::Open))));
    assert!(
        (budget.left() - 0.4).abs() < 1e-9,
        "a request that was not sent deposits nothing: {}",
        budget.left()
    );
    tokio::time::advance(retry_after).await;
    *scripted.script.lock() = VecDeque::from([Script::Fine]);
    for _ in 0..3 {
        assert_eq!(scripted.call(SAFE).await, Ok(7));
    }
    assert_eq!(breaker.state(), breaker::BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_circuit_that_opens_between_two_tries_returns_the_last_outcome() {
    let breaker = SharedBreaker::new(breaker::Settings { calls_min: 2, ..Default::default() });
    let scripted = ScriptedLayer::new(&[Script::Fail]).with(|layer| layer.breaker(breaker.clone()));
    assert_eq!(scripted.call(SAFE).await, Err(Error::Inner(TestError::Failed)));
    assert_eq!((scripted.calls(), scripted.last_end()), (2, (2, Some(GiveUpReason::Open))));
}

/// The machine was suspended during a pause.
#[tokio::test(start_paused = true)]
async fn a_try_without_time_left_is_not_begun() {
    let breaker = SharedBreaker::new(breaker::Settings { calls_min: 1, ..Default::default() });
    let settings = budget::Settings { ratio: 1.0, floor_per_second: 0.0, ..Default::default() };
    let budget = SharedBudget::new("test", settings);
    let scripted = ScriptedLayer::new(&[Script::Busy(5), Script::Hang])
        .with(|layer| layer.breaker(breaker.clone()).budget(budget.clone()));
    let suspended = async {
        tokio::task::yield_now().await;
        tokio::time::advance(Duration::from_secs(25)).await;
    };
    let (outcome, ()) = tokio::join!(scripted.call(SAFE), suspended);
    assert_eq!(
        outcome,
        Err(Error::Inner(TestError::Busy(5))),
        "the received outcome is returned, and nothing is sent after it"
    );
    assert_eq!((scripted.calls(), scripted.last_end()), (1, (1, Some(GiveUpReason::Deadline))));
    assert_eq!(breaker.state(), breaker::BreakerState::Closed);
    assert!(
        (budget.left() - 1.0).abs() < 1e-9,
        "the token of a retry that was not made is back: {}",
        budget.left()
    );
}

#[tokio::test(start_paused = true)]
async fn an_operation_without_time_sends_nothing() {
    for timeouts in [seconds(2, 0), seconds(0, 5)] {
        let breaker = SharedBreaker::new(breaker::Settings { calls_min: 1, ..Default::default() });
        let settings = budget::Settings { floor_per_second: 0.0, ..Default::default() };
        let budget = SharedBudget::new("test", settings);
        let scripted = ScriptedLayer::new(&[Script::Hang])
            .with(|layer| layer.breaker(breaker.clone()).budget(budget.clone()));
        let outcome = scripted.call(TestRequest { timeouts: Some(timeouts), ..SAFE }).await;
        assert_eq!(outcome, Err(Error::NoTime));
        assert_eq!((scripted.calls(), scripted.last_end()), (0, (0, Some(GiveUpReason::Deadline))));
        assert_eq!((breaker.state(), budget.left()), (breaker::BreakerState::Closed, 0.0));
    }
}

/// A shared floor that replies slowly.
struct SlowFloor;

impl FloorSource for SlowFloor {
    fn take<'a>(
        &'a self,
        _: &'a str,
        _: &'a budget::Settings,
        wanted: u32,
    ) -> Pin<Box<dyn Future<Output = Result<u32, FloorUnavailable>> + Send + 'a>> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(90)).await;
            Ok(wanted)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_no_longer_fits_after_the_budget_replied_is_not_begun() {
    let settings = budget::Settings { ratio: 0.0, ..Default::default() };
    let budget = SharedBudget::with_source("test", settings, Some(Arc::new(SlowFloor)));
    let scripted = ScriptedLayer::new(&[Script::Busy(3)]).with(|layer| layer.budget(budget.clone()));
    let timeouts = Timeouts { operation: Duration::from_millis(3_050), ..seconds(2, 0) };
    let outcome = scripted.call(TestRequest { timeouts: Some(timeouts), ..SAFE }).await;
    assert_eq!(outcome, Err(Error::Inner(TestError::Busy(3))));
    assert_eq!((scripted.calls(), scripted.last_end()), (1, (1, Some(GiveUpReason::Deadline))));
    assert!(scripted.events.retries.lock().is_empty());
    assert!(scripted.start.elapsed() < Duration::from_secs(1), "{:?}", scripted.start.elapsed());
    assert!(
        (budget.left() - 1.0).abs() < 1e-9,
        "the token of a retry that was not made is back: {}",
        budget.left()
    );
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_says_nothing_about_the_dependency() {
    let breaker = SharedBreaker::new(breaker::Settings { calls_min: 1, ..Default::default() });
    let scripted = ScriptedLayer::new(&[Script::Hang]).with(|layer| layer.breaker(breaker.clone()));
    let gone = tokio::time::timeout(Duration::from_millis(10), scripted.call(SAFE)).await;
    assert!(gone.is_err());
    let seen = breaker.snapshot();
    assert_eq!((seen.state, seen.calls), (breaker::BreakerState::Closed, 0));
}

/// Not every operation may retry: the budget is a share of all requests, not of each.
#[tokio::test(start_paused = true)]
async fn a_spent_budget_returns_the_outcome() {
    let settings = budget::Settings { ratio: 0.5, floor_per_second: 0.0, ..Default::default() };
    let budget = SharedBudget::new("test", settings);
    let scripted = ScriptedLayer::new(&[Script::Fail]).with(|layer| layer.budget(budget));
    let mut ends = Vec::new();
    for _ in 0..4 {
        scripted.call(SAFE).await.unwrap_err();
        ends.push(scripted.last_end());
    }
    let denied = Some(GiveUpReason::Budget);
    assert_eq!(ends, [(1, denied), (2, denied), (1, denied), (2, denied)]);
}

#[tokio::test(start_paused = true)]
async fn a_layer_below_another_only_withdraws() {
    let settings = budget::Settings { ratio: 1.0, floor_per_second: 0.0, ..Default::default() };
    let budget = SharedBudget::new("test", settings);
    let scripted = ScriptedLayer::new(&[Script::Fail]).with(|layer| layer.withdraws_from(budget.clone()));
    scripted.call(SAFE).await.unwrap_err();
    assert_eq!(scripted.last_end(), (1, Some(GiveUpReason::Budget)));
    budget.deposit();
    scripted.call(SAFE).await.unwrap_err();
    assert_eq!(scripted.last_end(), (2, Some(GiveUpReason::Budget)));
}

#[tokio::test(start_paused = true)]
async fn concurrent_operations_share_budget_and_breaker() {
    let budget = SharedBudget::new("test", budget::Settings { floor_per_second: 0.0, ..Default::default() });
    let scripted = Arc::new(ScriptedLayer::new(&[Script::Fail]).with(|layer| layer.budget(budget)));
    let mut set = tokio::task::JoinSet::new();
    for _ in 0..1_000 {
        let scripted = scripted.clone();
        set.spawn(async move { scripted.call(SAFE).await.unwrap_err() });
    }
    set.join_all().await;
    assert_eq!(scripted.calls(), 1_100);
}
