//! One call, pursued to its end.
//!
//! | round | what |
//! |---|---|
//! | retry | the layer of `resilience`: attempts, pauses, budget, breaker, under the deadline |
//! | wait | the server is at work on this very operation: it is asked again, as often as the deadline allows |
//!
//! Waiting is not retrying. Nothing has failed, the server has said when to come back, and the answer is the
//! one that is wanted: so it takes neither an attempt nor a token of the budget. Nor does it give any: it is
//! one operation from its first round to its last, which deposits once and has its attempts once.
//!
//! All along it is kept in mind whether anything that was sent may have been done: that decides between
//! "nothing was done" and "the outcome is unknown" at the end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::Code;
use resilience::timeout::Deadline;
use resilience::{AttemptOutcome, Health, Layer, Policy, RetryAdvice, Start, Timeouts, layer, retry_after};
use tower::{Layer as _, Service as _};

use crate::answer::AnswerReader;
use crate::api_request::{ApiRequest, Repeat};
use crate::attempt::{Attempt, AttemptFailure, AttemptResult, RefusedAnswer};
use crate::client::ClientParts;
use crate::{Error, Observer, Refused, RequestFailure, Result, Retry, Stop, Stopped};
use outbound::HttpReply;

/// A result, with the answer that brought it.
pub struct FinalResult<T> {
    pub value: T,
    pub answer: HttpReply,
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
    /// Attempts that met something else than work in progress.
    failed: u32,
    perhaps_done: bool,
    last: Option<AttemptFailure>,
    gave_up: Option<resilience::GaveUp>,
}

pub async fn pursue<T: Send + 'static>(
    parts: &ClientParts,
    call: &ApiRequest,
    timeouts: Timeouts,
    read: AnswerReader<T>,
) -> Result<FinalResult<T>> {
    let settings = &parts.settings;
    let start = Start::here();
    let pursuit = Arc::new(RetryLoop {
        call: call.clone(),
        timeouts,
        start,
        deadline: timeouts.begin(start.elapsed()),
        observer: settings.observer.clone(),
        log: Mutex::default(),
    });
    let attempt = Attempt { carrier: parts.carrier.clone(), read, wall: settings.wall };
    let mut waits = 0;
    loop {
        let layer = parts.layer(pursuit.clone(), waits, pursuit.log().failed);
        let mut service = layer.observer(pursuit.clone()).layer(attempt.clone());
        match service.call(call.clone()).await {
            Ok(AttemptResult::Result(value, answer)) => {
                return Ok(FinalResult { value, answer, attempts: pursuit.log().attempts });
            }
            Ok(AttemptResult::Refused(refusal)) => return Err(pursuit.refused(refusal)),
            Err(layer::Error::Inner(missed)) if missed.is_in_progress() => {
                let drawn = settings.dice.with(|rng| settings.backoff.pause(waits, rng));
                waits += 1;
                let Some(delay) = retry_after::clamp(drawn, missed.retry_after, pursuit.left()) else {
                    return Err(pursuit.stopped(Stop::Deadline, missed.retry_after));
                };
                pursuit.tell(delay, missed.retry_after);
                tokio::time::sleep(delay).await;
            }
            Err(layer::Error::Open { retry_after }) => {
                return Err(pursuit.stopped(Stop::CircuitOpen, Some(retry_after)));
            }
            Err(layer::Error::TimedOut { .. } | layer::Error::NoTime | layer::Error::Inner(_)) => {
                let (why, retry_after) = pursuit.log().end();
                return Err(pursuit.stopped(why, retry_after));
            }
        }
    }
}

impl ClientParts {
    /// For the round after so many waits, of an operation that failed so many times before.
    fn layer<P>(&self, policy: P, waits: u32, failed: u32) -> Layer<P> {
        let settings = &self.settings;
        let layer = Layer::new(policy)
            .attempts_max(settings.attempts_max.saturating_sub(failed).max(1))
            .backoff(settings.backoff)
            .dice(settings.dice.clone());
        let budget = self.budget.clone();
        let layer = if waits == 0 { layer.budget(budget) } else { layer.withdraws_from(budget) };
        match &self.breaker {
            Some(breaker) => layer.breaker(breaker.clone()),
            None => layer,
        }
    }
}

impl Log {
    /// What ended the retries, and what the server asked for at last.
    fn end(&self) -> (Stop, Option<Duration>) {
        use resilience::GaveUp;
        let why = match self.gave_up {
            Some(GaveUp::Attempts) => Stop::Attempts,
            Some(GaveUp::Deadline) => Stop::Deadline,
            Some(GaveUp::Budget) => Stop::Budget,
            Some(GaveUp::Open) => Stop::CircuitOpen,
            None => Stop::NotRepeatable,
        };
        (why, self.last.as_ref().and_then(|missed| missed.retry_after))
    }
}

impl RetryLoop {
    /// What is behind the lock is whole between any two statements.
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn left(&self) -> Duration {
        self.deadline.left(self.start.elapsed())
    }

    fn tell(&self, delay: Duration, retry_after: Option<Duration>) {
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

    fn refused(&self, refusal: RefusedAnswer) -> Error {
        let log = self.log();
        let open = (log.perhaps_done || !refusal.is_surehold_s()) && !refusal.settles_earlier_attempts();
        Error::Refused(Box::new(Refused {
            key: self.call.key.clone(),
            replayed: refusal.replayed,
            in_doubt: open && self.call.repeat() != Repeat::Read,
            attempts: log.attempts,
            status: refusal.status,
            problem: refusal.problem,
        }))
    }

    fn stopped(&self, why: Stop, retry_after: Option<Duration>) -> Error {
        let log = self.log();
        let stopped = Box::new(Stopped {
            why,
            key: self.call.key.clone(),
            attempts: log.attempts,
            last: log.last.as_ref().map(|missed| missed.failure.clone()),
            retry_after,
        });
        if log.perhaps_done && self.call.repeat() != Repeat::Read {
            Error::OutcomeUnknown(stopped)
        } else {
            Error::Unavailable(stopped)
        }
    }

    /// Whether the call may be sent again after this.
    fn may_again(&self, missed: &AttemptFailure) -> bool {
        match self.call.repeat() {
            // Somebody is at work on it: that is waited for, outside of the retries.
            _ if missed.is_in_progress() => false,
            Repeat::Read | Repeat::Keyed => missed.again,
            Repeat::Once => matches!(missed.failure, RequestFailure::NotSent(_)),
        }
    }
}

impl<T> Policy<ApiRequest, AttemptResult<T>, AttemptFailure> for Arc<RetryLoop> {
    fn again(&self, call: &ApiRequest) -> Option<ApiRequest> {
        Some(call.clone())
    }

    /// A refusal is a good sign, and one for the number of requests says nothing of the server's health.
    fn health(&self, outcome: &AttemptOutcome<'_, AttemptResult<T>, AttemptFailure>) -> Health {
        let missed = match outcome {
            AttemptOutcome::Answered(_) => return Health::Good,
            AttemptOutcome::TimedOut => return Health::Bad,
            AttemptOutcome::Failed(missed) => missed,
        };
        match (missed.failure.code(), &missed.failure) {
            (Some(Code::RequestInProgress), _) => Health::Good,
            (Some(Code::Overloaded), _) | (_, RequestFailure::Answered { status: 429, .. }) => {
                Health::Unclear
            }
            _ => Health::Bad,
        }
    }

    /// Asked once after each attempt: here it is written down.
    fn retry(
        &self,
        _: &ApiRequest,
        outcome: &AttemptOutcome<'_, AttemptResult<T>, AttemptFailure>,
    ) -> Option<RetryAdvice> {
        let mut log = self.log();
        log.attempts += 1;
        let missed = match outcome {
            AttemptOutcome::Answered(_) => return None,
            AttemptOutcome::TimedOut => AttemptFailure::from(RequestFailure::TimedOut),
            AttemptOutcome::Failed(missed) => (*missed).clone(),
        };
        log.perhaps_done |= missed.perhaps_done;
        log.failed += u32::from(!missed.is_in_progress());
        let wish = RetryAdvice { reason: missed.failure.word(), after: missed.retry_after };
        let wish = self.may_again(&missed).then_some(wish);
        log.last = Some(missed);
        wish
    }

    fn timeouts(&self, _: &ApiRequest) -> Option<Timeouts> {
        Some(Timeouts { operation: self.left(), ..self.timeouts })
    }
}

impl resilience::Observer for RetryLoop {
    fn retrying(&self, retry: &resilience::Retry) {
        self.tell(retry.delay, retry.retry_after);
    }

    fn ended(&self, ended: &resilience::Ended) {
        self.log().gave_up = ended.gave_up;
    }
}

#[cfg(test)]
mod tests;
