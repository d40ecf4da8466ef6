//! One call over the wire, and what may be said of it again.

use std::{
    error::Error, fmt::Write, hash::DefaultHasher, hash::Hash as _, hash::Hasher as _, pin::Pin,
    task::Context, task::Poll, time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy;
use resilience::{AttemptOutcome, Health, Policy, RetryAdvice, breaker::BreakerSubject, retry_after};
use tower::Service;

use super::connector::Connector;

const BODY_BYTES_MAX: usize = 1 << 20;
const REPLAYED: &str = "idempotent-replayed";

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

/// An answer that came whole.
#[derive(Debug)]
pub struct HttpReply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl HttpReply {
    /// What an earlier call under the same key was answered: it says nothing about now.
    pub fn is_replayed(&self) -> bool {
        self.headers.get(REPLAYED).is_some_and(|value| value == "true")
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

/// Writes a call and reads its answer, body included: within the timeout of whoever is around it.
#[derive(Clone)]
pub struct Exchange {
    pub http: legacy::Client<Connector, Full<Bytes>>,
}

impl Service<Request<Full<Bytes>>> for Exchange {
    type Response = HttpReply;
    type Error = NoReply;
    type Future = Pin<Box<dyn Future<Output = Result<HttpReply, NoReply>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NoReply>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let asked = self.http.request(request);
        Box::pin(async move {
            let response = asked.await.map_err(|error| {
                if error.is_connect() {
                    NoReply::NotSent(format!("no connection: {}", chain(&error)))
                } else {
                    NoReply::Unknown(format!("the connection broke before an answer: {}", chain(&error)))
                }
            })?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(|error| {
                NoReply::Unknown(format!(
                    "the answer ({}) broke off: {}",
                    parts.status.as_u16(),
                    chain(&*error)
                ))
            })?;
            Ok(HttpReply { status: parts.status, headers: parts.headers, body: body.to_bytes() })
        })
    }
}

/// An error with its causes: hyper's own text says no more than "connection error".
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        write!(text, ": {cause}").expect("writing into a String cannot fail");
        source = cause.source();
    }
    text
}

/// The table of [`crate::guard`].
pub struct Rules;

impl Policy<Request<Full<Bytes>>, HttpReply, NoReply> for Rules {
    fn again(&self, request: &Request<Full<Bytes>>) -> Option<Request<Full<Bytes>>> {
        Some(request.clone())
    }

    fn subject(&self, request: &Request<Full<Bytes>>) -> Option<BreakerSubject> {
        request.extensions().get::<CallSubject>().map(|about| about.0)
    }

    fn health(&self, outcome: &AttemptOutcome<'_, HttpReply, NoReply>) -> Health {
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
        outcome: &AttemptOutcome<'_, HttpReply, NoReply>,
    ) -> Option<RetryAdvice> {
        let looks = request.method() == Method::GET;
        let (reason, after) = match outcome {
            AttemptOutcome::Failed(NoReply::NotSent(_)) => ("not_sent", None),
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
