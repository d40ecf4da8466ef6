//! What the layer needs to know about requests; the caller implements it.

use std::time::Duration;

use crate::breaker::BreakerSubject;
use crate::{Health, Timeouts};

/// The outcome of one try.
#[derive(Debug, PartialEq, Eq)]
pub enum AttemptOutcome<'a, Response, Failure> {
    /// The service responded; the response may be a refusal.
    Answered(&'a Response),
    Failed(&'a Failure),
    /// No response in time: the request may or may not have been carried out.
    TimedOut,
}

/// The request may be made again, and the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAdvice {
    /// A label for logs and metrics, such as `status_503`.
    pub reason: &'static str,
    /// The wait that the other side requests, see [`crate::retry_after::wanted`].
    pub after: Option<Duration>,
}

pub trait Policy<Request, Response, Failure>: Send + Sync + 'static {
    /// A copy of the request for a retry. `None`: it cannot be made again, so it is sent once.
    fn clone_request(&self, request: &Request) -> Option<Request>;

    /// What the outcome says about the health of the dependency. A refusal is a good sign: the
    /// dependency works.
    fn health(&self, outcome: &AttemptOutcome<'_, Response, Failure>) -> Health;

    /// Whether making the request again is safe and may help. `None`: the outcome is final.
    fn retry(
        &self,
        request: &Request,
        outcome: &AttemptOutcome<'_, Response, Failure>,
    ) -> Option<RetryAdvice>;

    /// The subject of the request: a breaker counts all calls about one subject as one.
    fn subject(&self, request: &Request) -> Option<BreakerSubject> {
        let _ = request;
        None
    }

    /// Limits of this request, if it has its own.
    fn timeouts(&self, request: &Request) -> Option<Timeouts> {
        let _ = request;
        None
    }
}
