//! The layer under tokio's paused clock: nothing here waits for real time.

mod outage;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tower::{Layer as _, ServiceExt as _, service_fn};

use super::*;
use crate::budget::{FloorSource, FloorUnavailable};
use crate::observer::{Ended, GaveUp, Retry};
use crate::{Health, breaker, budget};

/// What the dependency does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    Fine,
    Fail,
    /// Fails for good: a second call would be no better.
    Refuse,
    /// Busy, and says for how many seconds.
    Busy(u64),
    Hang,
    /// Takes so many seconds.
    Slow(u64),
}

#[derive(Debug, PartialEq, Eq)]
pub enum Broken {
    Failed,
    Refused,
    Busy(u64),
}

/// A request that says whether it may be said again.
#[derive(Clone, Debug)]
pub struct Ask {
    again: bool,
    timeouts: Option<Timeouts>,
}

pub const SAFE: Ask = Ask { again: true, timeouts: None };
const UNSAFE: Ask = Ask { again: false, timeouts: None };

pub struct Rules;

impl Policy<Ask, u32, Broken> for Rules {
    fn again(&self, request: &Ask) -> Option<Ask> {
        request.again.then(|| request.clone())
    }

    fn health(&self, outcome: &AttemptOutcome<'_, u32, Broken>) -> Health {
        match outcome {
            AttemptOutcome::Answered(_) | AttemptOutcome::Failed(Broken::Refused) => Health::Good,
            AttemptOutcome::Failed(Broken::Busy(_)) => Health::Unclear,
            AttemptOutcome::Failed(Broken::Failed) | AttemptOutcome::TimedOut => Health::Bad,
        }
    }

    fn retry(&self, _: &Ask, outcome: &AttemptOutcome<'_, u32, Broken>) -> Option<RetryAdvice> {
        let (reason, after) = match outcome {
            AttemptOutcome::Answered(_) | AttemptOutcome::Failed(Broken::Refused) => return None,
            AttemptOutcome::Failed(Broken::Busy(seconds)) => ("busy", Some(Duration::from_secs(*seconds))),
            AttemptOutcome::Failed(Broken::Failed) => ("failed", None),
            AttemptOutcome::TimedOut => ("timeout", None),
        };
        Some(RetryAdvice { reason, after })
    }

    fn timeouts(&self, request: &Ask) -> Option<Timeouts> {
        request.timeouts
    }
}

#[derive(Default)]
pub struct RecordedEvents {
    pub retries: Mutex<Vec<Retry>>,
    pub ended: Mutex<Vec<Ended>>,
}

impl Observer for RecordedEvents {
    fn retrying(&self, retry: &Retry) {
        self.retries.lock().unwrap().push(*retry);
    }

    fn ended(&self, ended: &Ended) {
        self.ended.lock().unwrap().push(*ended);
    }
}

/// Plays a script, its last line forever, behind a layer.
struct Stage {
    script: Arc<Mutex<VecDeque<Script>>>,
    calls: Arc<Mutex<Vec<Duration>>>,
    heard: Arc<RecordedEvents>,
    layer: Layer<Rules>,
    start: Start,
}

fn seconds(attempt: u64, operation: u64) -> Timeouts {
    Timeouts { attempt: Duration::from_secs(attempt), operation: Duration::from_secs(operation) }
}

impl Stage {
    fn new(script: &[Script]) -> Stage {
        let heard = Arc::new(RecordedEvents::default());
        let backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(1) };
        let layer = Layer::new(Rules).timeouts(seconds(2, 20)).backoff(backoff).dice(Dice::seeded(11));
        Stage {
            script: Arc::new(Mutex::new(script.iter().copied().collect())),
            calls: Arc::default(),
            heard: heard.clone(),
            layer: layer.observer(heard),
            start: Start::here(),
        }
    }

    fn with(mut self, change: impl FnOnce(Layer<Rules>) -> Layer<Rules>) -> Stage {
        self.layer = change(self.layer);
        self
    }

    async fn call(&self, request: Ask) -> Result<u32, Error<Broken>> {
        let (script, calls, start) = (self.script.clone(), self.calls.clone(), self.start);
        let play = service_fn(move |_: Ask| {
            let line = {
                let mut script = script.lock().unwrap();
                if script.len() > 1 { script.pop_front() } else { script.front().copied() }
            };
            calls.lock().unwrap().push(start.elapsed());
            async move {
                match line.unwrap_or(Script::Fine) {
                    Script::Fine => Ok(7),
                    Script::Fail => Err(Broken::Failed),
                    Script::Refuse => Err(Broken::Refused),
                    Script::Busy(seconds) => Err(Broken::Busy(seconds)),
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
        self.calls.lock().unwrap().len()
    }

    fn last_end(&self) -> (u32, Option<GaveUp>) {
        let ended = *self.heard.ended.lock().unwrap().last().expect("an operation has ended");
        (ended.attempts, ended.gave_up)
    }
}

#[tokio::test(start_paused = true)]
async fn what_becomes_of_an_operation() {
    use Script::*;
    async fn check(
        script: &[Script],
        request: Ask,
        expected: Result<u32, Error<Broken>>,
        attempts: u32,
        gave_up: Option<GaveUp>,
    ) {
        let stage = Stage::new(script);
        assert_eq!(stage.call(request).await, expected, "{script:?}");
        assert_eq!(stage.last_end(), (attempts, gave_up), "{script:?}");
        assert_eq!(stage.calls(), attempts as usize, "{script:?}");
    }
    let failed = || Err(Error::Inner(Broken::Failed));
    let timed_out = || Err(Error::TimedOut { after: Duration::from_secs(2) });
    check(&[Fine], SAFE, Ok(7), 1, None).await;
    check(&[Fail, Fine], SAFE, Ok(7), 2, None).await;
    check(&[Fail, Hang, Fine], SAFE, Ok(7), 3, None).await;
    check(&[Fail], SAFE, failed(), 3, Some(GaveUp::Attempts)).await;
    check(&[Hang], SAFE, timed_out(), 3, Some(GaveUp::Attempts)).await;
    check(&[Refuse], SAFE, Err(Error::Inner(Broken::Refused)), 1, None).await;
    check(&[Fail, Refuse], SAFE, Err(Error::Inner(Broken::Refused)), 2, None).await;
    check(&[Fail], UNSAFE, failed(), 1, None).await;
    check(&[Hang], UNSAFE, timed_out(), 1, None).await;
    check(&[Busy(5), Fine], SAFE, Ok(7), 2, None).await;
    check(&[Busy(20)], SAFE, Err(Error::Inner(Broken::Busy(20))), 1, Some(GaveUp::Deadline)).await;
    let short = Ask { timeouts: Some(seconds(2, 3)), ..SAFE };
    check(&[Slow(1)], short.clone(), Ok(7), 1, None).await;
    check(&[Busy(3)], short.clone(), Err(Error::Inner(Broken::Busy(3))), 1, Some(GaveUp::Deadline)).await;
    // The second try begins with less than a second left, and gets no more.
    let stage = Stage::new(&[Hang]);
    let Err(Error::TimedOut { after }) = stage.call(short).await else { panic!("it hangs") };
    assert!(after < Duration::from_secs(1), "{after:?}");
    assert!(stage.start.elapsed() <= Duration::from_millis(3_010), "{:?}", stage.start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn waits_as_told_and_tells_each_retry() {
    let stage = Stage::new(&[Script::Busy(4), Script::Fail, Script::Fine]);
    stage.call(SAFE).await.unwrap();
    let calls = stage.calls.lock().unwrap().clone();
    let retries = stage.heard.retries.lock().unwrap().clone();
    let [busy, failed] = retries[..] else { panic!("{retries:?}") };
    assert_eq!((busy.attempt, busy.reason, busy.retry_after), (1, "busy", Some(Duration::from_secs(4))));
    assert_eq!(busy.delay, Duration::from_secs(4), "longer than what was drawn, so it is what was asked for");
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
async fn an_open_circuit_sends_nothing_and_says_when_to_come_back() {
    let breaker = SharedBreaker::new(breaker::Settings { calls_min: 4, ..Default::default() });
    let budget = SharedBudget::new("test", budget::Settings { floor_per_second: 0.0, ..Default::default() });
    let stage = Stage::new(&[Script::Fail])
        .with(|layer| layer.attempts_max(1).breaker(breaker.clone()).budget(budget.clone()));
    for _ in 0..4 {
        assert_eq!(stage.call(SAFE).await, Err(Error::Inner(Broken::Failed)));
    }
    let Err(Error::Open { retry_after }) = stage.call(SAFE).await else { panic!("it is closed") };
    assert_eq!((stage.calls(), stage.last_end()), (4, (0, Some(GaveUp::Open))));
    assert!((budget.left() - 0.4).abs() < 1e-9, "what was not sent deposits nothing: {}", budget.left());
    tokio::time::advance(retry_after).await;
    *stage.script.lock().unwrap() = VecDeque::from([Script::Fine]);
    for _ in 0..3 {
        assert_eq!(stage.call(SAFE).await, Ok(7));
    }
    assert_eq!(breaker.state(), breaker::BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_circuit_that_opens_between_two_tries_gives_the_last_outcome_back() {
    let breaker = SharedBreaker::new(breaker::Settings { calls_min: 2, ..Default::default() });
    let stage = Stage::new(&[Script::Fail]).with(|layer| layer.breaker(breaker.clone()));
    assert_eq!(stage.call(SAFE).await, Err(Error::Inner(Broken::Failed)));
    assert_eq!((stage.calls(), stage.last_end()), (2, (2, Some(GaveUp::Open))));
}

/// The machine was held up while a pause was slept.
#[tokio::test(start_paused = true)]
async fn a_try_is_not_begun_when_no_time_is_left_for_it() {
    let breaker = SharedBreaker::new(breaker::Settings { calls_min: 1, ..Default::default() });
    let settings = budget::Settings { ratio: 1.0, floor_per_second: 0.0, ..Default::default() };
    let budget = SharedBudget::new("test", settings);
    let stage = Stage::new(&[Script::Busy(5), Script::Hang])
        .with(|layer| layer.breaker(breaker.clone()).budget(budget.clone()));
    let held_up = async {
        tokio::task::yield_now().await;
        tokio::time::advance(Duration::from_secs(25)).await;
    };
    let (outcome, ()) = tokio::join!(stage.call(SAFE), held_up);
    assert_eq!(outcome, Err(Error::Inner(Broken::Busy(5))), "what was heard, and nothing was sent after it");
    assert_eq!((stage.calls(), stage.last_end()), (1, (1, Some(GaveUp::Deadline))));
    assert_eq!(breaker.state(), breaker::BreakerState::Closed);
    assert!((budget.left() - 1.0).abs() < 1e-9, "a retry that was not made: {}", budget.left());
}

#[tokio::test(start_paused = true)]
async fn without_time_nothing_is_begun() {
    for timeouts in [seconds(2, 0), seconds(0, 5)] {
        let breaker = SharedBreaker::new(breaker::Settings { calls_min: 1, ..Default::default() });
        let settings = budget::Settings { floor_per_second: 0.0, ..Default::default() };
        let budget = SharedBudget::new("test", settings);
        let stage =
            Stage::new(&[Script::Hang]).with(|layer| layer.breaker(breaker.clone()).budget(budget.clone()));
        let outcome = stage.call(Ask { timeouts: Some(timeouts), ..SAFE }).await;
        assert_eq!(outcome, Err(Error::NoTime));
        assert_eq!((stage.calls(), stage.last_end()), (0, (0, Some(GaveUp::Deadline))));
        assert_eq!((breaker.state(), budget.left()), (breaker::BreakerState::Closed, 0.0));
    }
}

/// A floor for the fleet that takes its time.
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
async fn a_pause_that_no_longer_fits_once_the_budget_was_asked_is_not_begun() {
    let settings = budget::Settings { ratio: 0.0, ..Default::default() };
    let budget = SharedBudget::with_source("test", settings, Some(Arc::new(SlowFloor)));
    let stage = Stage::new(&[Script::Busy(3)]).with(|layer| layer.budget(budget.clone()));
    let timeouts = Timeouts { operation: Duration::from_millis(3_050), ..seconds(2, 0) };
    let outcome = stage.call(Ask { timeouts: Some(timeouts), ..SAFE }).await;
    assert_eq!(outcome, Err(Error::Inner(Broken::Busy(3))));
    assert_eq!((stage.calls(), stage.last_end()), (1, (1, Some(GaveUp::Deadline))));
    assert!(stage.heard.retries.lock().unwrap().is_empty());
    assert!(stage.start.elapsed() < Duration::from_secs(1), "{:?}", stage.start.elapsed());
    assert!((budget.left() - 1.0).abs() < 1e-9, "a retry that was not made: {}", budget.left());
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_goes_away_says_nothing_about_the_dependency() {
    let breaker = SharedBreaker::new(breaker::Settings { calls_min: 1, ..Default::default() });
    let stage = Stage::new(&[Script::Hang]).with(|layer| layer.breaker(breaker.clone()));
    let gone = tokio::time::timeout(Duration::from_millis(10), stage.call(SAFE)).await;
    assert!(gone.is_err());
    let seen = breaker.snapshot();
    assert_eq!((seen.state, seen.calls), (breaker::BreakerState::Closed, 0));
}

/// Three operations of four may not retry at all: the budget is a share of requests, not of each.
#[tokio::test(start_paused = true)]
async fn a_spent_budget_gives_the_outcome_back() {
    let settings = budget::Settings { ratio: 0.5, floor_per_second: 0.0, ..Default::default() };
    let budget = SharedBudget::new("test", settings);
    let stage = Stage::new(&[Script::Fail]).with(|layer| layer.budget(budget));
    let mut ends = Vec::new();
    for _ in 0..4 {
        stage.call(SAFE).await.unwrap_err();
        ends.push(stage.last_end());
    }
    let denied = Some(GaveUp::Budget);
    assert_eq!(ends, [(1, denied), (2, denied), (1, denied), (2, denied)]);
}

#[tokio::test(start_paused = true)]
async fn a_layer_below_another_only_withdraws() {
    let settings = budget::Settings { ratio: 1.0, floor_per_second: 0.0, ..Default::default() };
    let budget = SharedBudget::new("test", settings);
    let stage = Stage::new(&[Script::Fail]).with(|layer| layer.withdraws_from(budget.clone()));
    stage.call(SAFE).await.unwrap_err();
    assert_eq!(stage.last_end(), (1, Some(GaveUp::Budget)));
    budget.deposit();
    stage.call(SAFE).await.unwrap_err();
    assert_eq!(stage.last_end(), (2, Some(GaveUp::Budget)));
}

#[tokio::test(start_paused = true)]
async fn many_at_once_share_budget_and_breaker() {
    let budget = SharedBudget::new("test", budget::Settings { floor_per_second: 0.0, ..Default::default() });
    let stage = Arc::new(Stage::new(&[Script::Fail]).with(|layer| layer.budget(budget)));
    let mut set = tokio::task::JoinSet::new();
    for _ in 0..1_000 {
        let stage = stage.clone();
        set.spawn(async move { stage.call(SAFE).await.unwrap_err() });
    }
    set.join_all().await;
    assert_eq!(stage.calls(), 1_100);
}
