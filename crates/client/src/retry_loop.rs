//! Runs one call until it has a result.
//!
//! | step | what happens |
//! |---|---|
//! | retry | the layer of `resilience`: attempts, pauses, budget, breaker, within the deadline |
//! | wait | the server is already working on this operation: the call is repeated as long as the deadline allows |
//!
//! Waiting is not retrying. Nothing has failed, the server has said when to repeat the call, and
//! its reply is the wanted one. So a wait uses neither an attempt nor a token of the budget. It
//! adds none either: it is one operation from start to end, which deposits once and has its
//! attempts once.
//!
//! The loop records whether any request that was sent may have been done. At the end this decides
//! between "nothing was done" and "the outcome is unknown".

use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;
use std::time::Duration;

use api::Code;
use resilience::timeout::Deadline;
use resilience::{AttemptOutcome, Health, Layer, Policy, RetryAdvice, Start, Timeouts, layer, retry_after};
use tower::{Layer as _, Service as _};

use crate::api_request::{ApiRequest, Repeat};
use crate::attempt::{Attempt, AttemptFailure, AttemptResult, RefusedReply};
use crate::client::ClientParts;
use crate::reply_meaning::ReplyReader;
use crate::{Error, Observer, Refused, RequestFailure, Result, Retry, Stop, Stopped};
use outbound::HttpReply;

/// A result with its reply.
pub struct FinalResult<T> {
    pub value: T,
    pub reply: HttpReply,
    pub attempts: u32,
}

struct RetryLoop {
    call: ApiRequest,
    timeouts: Timeouts,
    start: Start,
    deadline: Deadline,
    observer: Arc<dyn Observer>,
    log: Mutex<Log>,
}

/// What has happened so far.
#[derive(Default)]
struct Log {
    attempts: u32,
    /// Attempts that failed, without those that met work in progress.
    failed: u32,
    may_be_done: bool,
    last: Option<AttemptFailure>,
    gave_up: Option<resilience::GiveUpReason>,
}

pub async fn run<T: Send + 'static>(
    parts: &ClientParts,
    call: &ApiRequest,
    timeouts: Timeouts,
    read: ReplyReader<T>,
) -> Result<FinalResult<T>> {
    let settings = &parts.settings;
    let start = Start::now();
    let retry_loop = Arc::new(RetryLoop {
        call: call.clone(),
        timeouts,
        start,
        deadline: timeouts.begin(start.elapsed()),
        observer: settings.observer.clone(),
        log: Mutex::default(),
    });
    let attempt = Attempt { http: parts.http.clone(), read, wall_clock: settings.wall_clock };
    let mut waits = 0;
    loop {
        let layer = parts.layer(retry_loop.clone(), waits, retry_loop.log().failed);
        let mut service = layer.observer(retry_loop.clone()).layer(attempt.clone());
        match service.call(call.clone()).await {
            Ok(AttemptResult::Result(value, reply)) => {
                return Ok(FinalResult { value, reply, attempts: retry_loop.log().attempts });
            }
            Ok(AttemptResult::Refused(refusal)) => return Err(retry_loop.refused(refusal)),
            Err(layer::Error::Inner(failed_attempt)) if failed_attempt.is_in_progress() => {
                let drawn = settings.rng.with(|rng| settings.backoff.pause(waits, rng));
                waits += 1;
                let Some(delay) = retry_after::clamp(drawn, failed_attempt.retry_after, retry_loop.left())
                else {
                    return Err(retry_loop.stopped(Stop::Deadline, failed_attempt.retry_after));
                };
                retry_loop.observe_retry(delay, failed_attempt.retry_after);
                tokio::time::sleep(delay).await;
            }
            Err(layer::Error::Open { retry_after }) => {
                return Err(retry_loop.stopped(Stop::CircuitOpen, Some(retry_after)));
            }
            Err(layer::Error::TimedOut { .. } | layer::Error::NoTime | layer::Error::Inner(_)) => {
                let (stop, retry_after) = retry_loop.log().end();
                return Err(retry_loop.stopped(stop, retry_after));
            }
        }
    }
}

impl ClientParts {
    /// The layer after this many waits, of an operation that has failed this many times.
    fn layer<P>(&self, policy: P, waits: u32, failed: u32) -> Layer<P> {
        let settings = &self.settings;
        let layer = Layer::new(policy)
            .attempts_max(settings.attempts_max.saturating_sub(failed).max(1))
            .backoff(settings.backoff)
            .rng(settings.rng.clone());
        let budget = self.budget.clone();
        let layer = if waits == 0 { layer.budget(budget) } else { layer.withdraws_from(budget) };
        match &self.breaker {
            Some(breaker) => layer.breaker(breaker.clone()),
            None => layer,
        }
    }
}

impl Log {
    /// What ended the retries, and the wait that the server requested last.
    fn end(&self) -> (Stop, Option<Duration>) {
        use resilience::GiveUpReason;
        let stop = match self.gave_up {
            Some(GiveUpReason::Attempts) => Stop::Attempts,
            Some(GiveUpReason::Deadline) => Stop::Deadline,
            Some(GiveUpReason::Budget) => Stop::Budget,
            Some(GiveUpReason::Open) => Stop::CircuitOpen,
            None => Stop::NotRepeatable,
        };
        (stop, self.last.as_ref().and_then(|failed_attempt| failed_attempt.retry_after))
    }
}

impl RetryLoop {
    /// The state behind the lock is consistent after every statement, so a poisoned lock can be
    /// used.
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock()
    }

    fn left(&self) -> Duration {
        self.deadline.left(self.start.elapsed())
    }

    fn observe_retry(&self, delay: Duration, retry_after: Option<Duration>) {
        let (attempt, last) = {
            let log = self.log();
            (log.attempts, log.last.clone())
        };
        let Some(AttemptFailure { failure, .. }) = last else { return };
        self.observer.retrying(&Retry {
            method: self.call.method.as_str(),
            path: self.call.path(),
            key: self.call.key.as_ref(),
            attempt,
            delay,
            failure: &failure,
            retry_after,
        });
    }

    fn refused(&self, refusal: RefusedReply) -> Error {
        let log = self.log();
        let is_open = (log.may_be_done || !refusal.is_from_surehold()) && !refusal.settles_earlier_attempts();
        Error::Refused(Box::new(Refused {
            key: self.call.key.clone(),
            replayed: refusal.replayed,
            in_doubt: is_open && self.call.repeat() != Repeat::Read,
            attempts: log.attempts,
            status: refusal.status,
            problem: refusal.problem,
        }))
    }

    fn stopped(&self, stop: Stop, retry_after: Option<Duration>) -> Error {
        let log = self.log();
        let stopped = Box::new(Stopped {
            why: stop,
            key: self.call.key.clone(),
            attempts: log.attempts,
            last: log.last.as_ref().map(|failed_attempt| failed_attempt.failure.clone()),
            retry_after,
        });
        if log.may_be_done && self.call.repeat() != Repeat::Read {
            Error::OutcomeUnknown(stopped)
        } else {
            Error::Unavailable(stopped)
        }
    }

    /// Whether the call may be sent again after this failure.
    fn may_retry(&self, failed_attempt: &AttemptFailure) -> bool {
        match self.call.repeat() {
            // The server is working on it: the loop waits for that, outside of the retries.
            _ if failed_attempt.is_in_progress() => false,
            Repeat::Read | Repeat::Keyed => failed_attempt.retryable,
            Repeat::Once => matches!(failed_attempt.failure, RequestFailure::NotSent(_)),
        }
    }
}

impl<T> Policy<ApiRequest, AttemptResult<T>, AttemptFailure> for Arc<RetryLoop> {
    fn clone_request(&self, call: &ApiRequest) -> Option<ApiRequest> {
        Some(call.clone())
    }

    /// A refusal is a good sign. A refusal because of rate limits says nothing about the server's
    /// health.
    fn health(&self, outcome: &AttemptOutcome<'_, AttemptResult<T>, AttemptFailure>) -> Health {
        let failed_attempt = match outcome {
            AttemptOutcome::Answered(_) => return Health::Good,
            AttemptOutcome::TimedOut => return Health::Bad,
            AttemptOutcome::Failed(failed_attempt) => failed_attempt,
        };
        match (failed_attempt.failure.code(), &failed_attempt.failure) {
            (Some(Code::RequestInProgress), _) => Health::Good,
            (Some(Code::Overloaded), _) | (_, RequestFailure::Answered { status: 429, .. }) => {
                Health::Unclear
            }
            _ => Health::Bad,
        }
    }

    /// Called once after each attempt: records it.
    fn retry(
        &self,
        _: &ApiRequest,
        outcome: &AttemptOutcome<'_, AttemptResult<T>, AttemptFailure>,
    ) -> Option<RetryAdvice> {
        let mut log = self.log();
        log.attempts += 1;
        let failed_attempt = match outcome {
            AttemptOutcome::Answered(_) => return None,
            AttemptOutcome::TimedOut => AttemptFailure::from(RequestFailure::TimedOut),
            AttemptOutcome::Failed(failed_attempt) => (*failed_attempt).clone(),
        };
        log.may_be_done |= failed_attempt.may_be_done;
        log.failed += u32::from(!failed_attempt.is_in_progress());
        let advice =
            RetryAdvice { reason: failed_attempt.failure.label(), after: failed_attempt.retry_after };
        let advice = self.may_retry(&failed_attempt).then_some(advice);
        log.last = Some(failed_attempt);
        advice
    }

    fn timeouts(&self, _: &ApiRequest) -> Option<Timeouts> {
        Some(Timeouts { operation: self.left(), ..self.timeouts })
    }
}

impl resilience::Observer for RetryLoop {
    fn retrying(&self, retry: &resilience::Retry) {
        self.observe_retry(retry.delay, retry.retry_after);
    }

    fn ended(&self, ended: &resilience::OperationEnd) {
        self.log().gave_up = ended.gave_up;
    }
}

#[cfg(test)]
mod tests;
