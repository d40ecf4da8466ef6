//! What may be retried, and what a call says about the health of the account.

use std::{hash::DefaultHasher, hash::Hash as _, hash::Hasher as _, time::Duration};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use outbound::HttpReply;
use resilience::{AttemptOutcome, Health, Policy, RetryAdvice, breaker::BreakerSubject, retry_after};

/// The subject of a call, for the circuit.
#[derive(Clone, Copy, Debug)]
pub struct CallSubject(BreakerSubject);

impl CallSubject {
    /// Made from the provider's id or one of ours.
    pub fn new(subject: &str) -> CallSubject {
        let mut hasher = DefaultHasher::new();
        subject.hash(&mut hasher);
        CallSubject(hasher.finish())
    }
}

/// There was no reply, or no complete one.
#[derive(Debug, PartialEq, Eq)]
pub enum NoReply {
    /// Not a byte of it was written.
    NotSent(String),
    /// It was not tried: the circuit is open for this long.
    CircuitOpen(Duration),
    Unknown(String),
}

/// The table of [`crate::guard`].
pub struct RetryPolicy;

impl Policy<Request<Full<Bytes>>, HttpReply, outbound::Error> for RetryPolicy {
    fn clone_request(&self, request: &Request<Full<Bytes>>) -> Option<Request<Full<Bytes>>> {
        Some(request.clone())
    }

    fn subject(&self, request: &Request<Full<Bytes>>) -> Option<BreakerSubject> {
        request.extensions().get::<CallSubject>().map(|subject| subject.0)
    }

    fn health(&self, outcome: &AttemptOutcome<'_, HttpReply, outbound::Error>) -> Health {
        match outcome {
            AttemptOutcome::Answered(reply) if reply.status == StatusCode::TOO_MANY_REQUESTS => {
                Health::Unclear
            }
            AttemptOutcome::Answered(reply) if reply.status.is_server_error() => {
                if reply.is_replayed() {
                    Health::Unclear
                } else {
                    Health::Bad
                }
            }
            AttemptOutcome::Answered(_) => Health::Good,
            AttemptOutcome::Failed(_) | AttemptOutcome::TimedOut => Health::Bad,
        }
    }

    fn retry(
        &self,
        request: &Request<Full<Bytes>>,
        outcome: &AttemptOutcome<'_, HttpReply, outbound::Error>,
    ) -> Option<RetryAdvice> {
        let is_read = request.method() == Method::GET;
        let (reason, after) = match outcome {
            AttemptOutcome::Failed(outbound::Error::NotSent(_)) => ("not_sent", None),
            AttemptOutcome::Failed(_) if is_read => ("connection_broke", None),
            AttemptOutcome::TimedOut if is_read => ("timed_out", None),
            AttemptOutcome::Answered(reply) if is_read && reply.status.is_server_error() => {
                ("server_error", retry_after::wanted_by_own_date(&reply.headers))
            }
            _ => return None,
        };
        Some(RetryAdvice { reason, after })
    }
}
