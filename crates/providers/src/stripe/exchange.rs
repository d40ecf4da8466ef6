//! What may be called again, and what a call says about the health of the account.

use std::{hash::DefaultHasher, hash::Hash as _, hash::Hasher as _, time::Duration};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use outbound::HttpReply;
use resilience::{AttemptOutcome, Health, Policy, RetryAdvice, breaker::BreakerSubject, retry_after};

/// What a call is about, for the circuit.
#[derive(Clone, Copy, Debug)]
pub struct CallSubject(BreakerSubject);

impl CallSubject {
    /// The subject that a provider's id, or one of ours, names.
    pub fn of(subject: &str) -> CallSubject {
        let mut hasher = DefaultHasher::new();
        subject.hash(&mut hasher);
        CallSubject(hasher.finish())
    }
}

/// No answer, or none that came whole.
#[derive(Debug, PartialEq, Eq)]
pub enum NoReply {
    /// Not a byte of it was written.
    NotSent(String),
    /// It was not even tried: the circuit is open, for so long.
    Shut(Duration),
    Unknown(String),
}

/// The table of [`crate::guard`].
pub struct Rules;

impl Policy<Request<Full<Bytes>>, HttpReply, outbound::Error> for Rules {
    fn again(&self, request: &Request<Full<Bytes>>) -> Option<Request<Full<Bytes>>> {
        Some(request.clone())
    }

    fn subject(&self, request: &Request<Full<Bytes>>) -> Option<BreakerSubject> {
        request.extensions().get::<CallSubject>().map(|about| about.0)
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
        let looks = request.method() == Method::GET;
        let (reason, after) = match outcome {
            AttemptOutcome::Failed(outbound::Error::NotSent(_)) => ("not_sent", None),
            AttemptOutcome::Failed(_) if looks => ("connection_broke", None),
            AttemptOutcome::TimedOut if looks => ("timed_out", None),
            AttemptOutcome::Answered(reply) if looks && reply.status.is_server_error() => {
                ("server_error", retry_after::wanted_by_its_own_clock(&reply.headers))
            }
            _ => return None,
        };
        Some(RetryAdvice { reason, after })
    }
}
