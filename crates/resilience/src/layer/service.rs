//! The service that a [`Layer`](super::Layer) makes.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use tower::Service;

use super::{AttemptOutcome, Error, Policy, RetryAdvice, Shared};
use crate::observer::{GiveUpReason, OperationEnd, Retry};
use crate::retry_after::clamp;
use crate::timeout::Deadline;

pub struct Resilient<S, P> {
    inner: S,
    shared: Arc<Shared<P>>,
}

type AttemptResult<Response, Failure> = Result<Response, Error<Failure>>;

impl<S, P> Resilient<S, P> {
    pub(super) fn new(inner: S, shared: Arc<Shared<P>>) -> Resilient<S, P> {
        Resilient { inner, shared }
    }
}

impl<S: Clone, P> Clone for Resilient<S, P> {
    fn clone(&self) -> Self {
        Resilient { inner: self.inner.clone(), shared: self.shared.clone() }
    }
}

impl<S, P, Request> Service<Request> for Resilient<S, P>
where
    S: Service<Request> + Clone + Send + 'static,
    S::Future: Send,
    S::Response: Send,
    S::Error: Send,
    P: Policy<Request, S::Response, S::Error>,
    Request: Send + 'static,
{
    type Response = S::Response;
    type Error = Error<S::Error>;
    type Future = Pin<Box<dyn Future<Output = AttemptResult<S::Response, S::Error>> + Send>>;

    /// Always ready: each try waits for the inner service within its own timeout.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (inner, shared) = (self.inner.clone(), self.shared.clone());
        Box::pin(async move { Operation::begin(inner, shared, &request).run(request).await })
    }
}

fn attempt_outcome<Response, Failure>(
    result: &AttemptResult<Response, Failure>,
) -> AttemptOutcome<'_, Response, Failure> {
    match result {
        Ok(response) => AttemptOutcome::Answered(response),
        Err(Error::Inner(failure)) => AttemptOutcome::Failed(failure),
        Err(Error::TimedOut { .. } | Error::Open { .. } | Error::NoTime) => AttemptOutcome::TimedOut,
    }
}

struct Operation<S, P> {
    inner: S,
    shared: Arc<Shared<P>>,
    timeouts: crate::Timeouts,
    deadline: Deadline,
    call: u64,
    attempts: u32,
}

impl<S, P> Operation<S, P> {
    fn begin<Request>(inner: S, shared: Arc<Shared<P>>, request: &Request) -> Operation<S, P>
    where
        S: Service<Request>,
        P: Policy<Request, S::Response, S::Error>,
    {
        let timeouts = shared.policy.timeouts(request).unwrap_or(shared.timeouts);
        let deadline = timeouts.begin(shared.start.elapsed());
        let call = shared.calls.fetch_add(1, Ordering::Relaxed);
        Operation { inner, shared, timeouts, deadline, call, attempts: 0 }
    }

    async fn run<Request>(mut self, request: Request) -> AttemptResult<S::Response, S::Error>
    where
        S: Service<Request>,
        P: Policy<Request, S::Response, S::Error>,
    {
        let mut request = request;
        let mut last = None;
        loop {
            let copy = self.shared.policy.clone_request(&request);
            let outcome = match self.attempt(request).await {
                Ok(result) => result,
                Err((error, gave_up)) => {
                    if last.is_some() {
                        self.give_back();
                    }
                    // An outcome that was received says more than a circuit that is open now.
                    return self.end(last.unwrap_or(Err(error)), Some(gave_up));
                }
            };
            let advice =
                copy.as_ref().and_then(|copy| self.shared.policy.retry(copy, &attempt_outcome(&outcome)));
            let (Some(advice), Some(copy)) = (advice, copy) else { return self.end(outcome, None) };
            if let Err(gave_up) = self.pause(&advice).await {
                return self.end(outcome, Some(gave_up));
            }
            last = Some(outcome);
            request = copy;
        }
    }

    /// Makes one try. The error says why it was not made.
    async fn attempt<Request>(
        &mut self,
        request: Request,
    ) -> Result<AttemptResult<S::Response, S::Error>, (Error<S::Error>, GiveUpReason)>
    where
        S: Service<Request>,
        P: Policy<Request, S::Response, S::Error>,
    {
        // A pause may have lasted longer than planned.
        let now = self.shared.start.elapsed();
        let Some(limit) = self.timeouts.attempt(now, self.deadline) else {
            return Err((Error::NoTime, GiveUpReason::Deadline));
        };
        let permit = match self.shared.breaker.as_ref().map(crate::SharedBreaker::admit) {
            Some(Err(rejected)) => {
                return Err((Error::Open { retry_after: rejected.retry_after }, GiveUpReason::Open));
            }
            Some(Ok(permit)) => Some(permit.about(self.shared.policy.subject(&request))),
            None => None,
        };
        if self.attempts == 0
            && self.shared.deposits
            && let Some(budget) = &self.shared.budget
        {
            budget.deposit();
        }
        self.attempts += 1;
        let inner = &mut self.inner;
        let exchange = async {
            poll_fn(|context| inner.poll_ready(context)).await?;
            inner.call(request).await
        };
        let result = match tokio::time::timeout(limit, exchange).await {
            Ok(result) => result.map_err(Error::Inner),
            Err(_) => Err(Error::TimedOut { after: limit }),
        };
        if let Some(permit) = permit {
            permit.end(self.shared.policy.health(&attempt_outcome(&result)));
        }
        Ok(result)
    }

    /// Waits for the next try, or says why there is none.
    async fn pause(&mut self, advice: &RetryAdvice) -> Result<(), GiveUpReason> {
        let shared = &self.shared;
        if self.attempts >= shared.attempts_max {
            return Err(GiveUpReason::Attempts);
        }
        let drawn = shared.rng.with(|rng| shared.backoff.pause(self.attempts - 1, rng));
        let fitting = || clamp(drawn, advice.after, self.deadline.left(shared.start.elapsed()));
        fitting().ok_or(GiveUpReason::Deadline)?;
        if let Some(budget) = &shared.budget
            && !budget.withdraw().await
        {
            return Err(GiveUpReason::Budget);
        }
        // The call to the budget may have taken time, because the fleet may share a floor.
        let Some(delay) = fitting() else {
            self.give_back();
            return Err(GiveUpReason::Deadline);
        };
        shared.observer.retrying(&Retry {
            call: self.call,
            attempt: self.attempts,
            delay,
            reason: advice.reason,
            retry_after: advice.after,
            at: shared.start.elapsed(),
        });
        tokio::time::sleep(delay).await;
        Ok(())
    }

    /// Returns the token of a retry that is not made.
    fn give_back(&self) {
        if let Some(budget) = &self.shared.budget {
            budget.give_back();
        }
    }

    fn end<T>(&self, outcome: T, gave_up: Option<GiveUpReason>) -> T {
        let at = self.shared.start.elapsed();
        self.shared.observer.ended(&OperationEnd { call: self.call, attempts: self.attempts, gave_up, at });
        outcome
    }
}
