//! What a layer asks of whoever knows the requests.

use std::time::Duration;

use crate::breaker::BreakerSubject;
use crate::{Health, Timeouts};

/// What became of one try.
#[derive(Debug, PartialEq, Eq)]
pub enum AttemptOutcome<'a, Response, Failure> {
    /// The service answered; the answer may be a refusal.
    Answered(&'a Response),
    Failed(&'a Failure),
    /// No answer in time: it may or may not have been carried out.
    TimedOut,
}

/// The request may be made again, and why it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAdvice {
    /// A word for logs and figures, such as `status_503`.
    pub reason: &'static str,
    /// How long the other side asks to wait, see [`crate::retry_after::wanted`].
    pub after: Option<Duration>,
}

pub trait Policy<Request, Response, Failure>: Send + Sync + 'static {
    /// The same request once more. `None`: there is no way to make it again, so it goes out once.
    fn again(&self, request: &Request) -> Option<Request>;

    /// What the outcome says about the health of what was called. A refusal is a good sign: somebody is
    /// there to refuse.
    fn health(&self, outcome: &AttemptOutcome<'_, Response, Failure>) -> Health;

    /// Whether making the request again is safe and may help. `None`: the outcome is final.
    fn retry(
        &self,
        request: &Request,
        outcome: &AttemptOutcome<'_, Response, Failure>,
    ) -> Option<RetryAdvice>;

    /// What the request is about: a breaker takes all calls about one subject for one witness.
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
