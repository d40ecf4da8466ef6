//! Calls a provider over HTTP. If there is no reply, it reports whether the call was sent.
//!
//! A call is repeated here in two cases only, once, and if the account's retry budget allows it:
//! not a byte of it was written, or it was a read ([`crate::guard`] has the table). Any other call
//! whose connection breaks after writing began is [`NoReply::Unknown`].

use std::{fmt::Write as _, hash::DefaultHasher, hash::Hash as _, hash::Hasher as _, time::Duration};

use bytes::Bytes;
use domain::{provider::CallOutcome, rows::Mode};
use http::{Method, Request, StatusCode, request};
use http_body_util::Full;
use outbound::{Address, ClientIdentity, HttpClient, HttpReply};
use resilience::{
    AttemptOutcome, Backoff, Error, Health, Layer, Policy, RetryAdvice, Timeouts, breaker::BreakerSubject,
    layer::Resilient, retry_after,
};
use tower::{Layer as _, ServiceExt as _};

use crate::Guard;

const REPLY_BYTES_MAX: usize = 1 << 20;
/// The first try and one more; the driver of the attempt retries later.
const TRIES_MAX: u32 = 2;
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(1) };
const OPERATION_TIMEOUT_MAX: Duration = Duration::from_mins(10);
/// A longer wait is cut to this.
const RETRY_AFTER_SECONDS_MAX: i64 = 3_600;

/// How a provider's API is reached.
#[derive(Clone, Debug)]
pub struct WireSettings {
    /// Scheme, host and port: the provider's, or a stand-in's on loopback in test mode.
    pub base_url: String,
    /// For DNS, connection and TLS together. A call that times out here was provably not sent.
    pub connect_timeout: Duration,
    /// For the whole call, including connection and body.
    pub call_timeout: Duration,
    /// For a call with its retry, if it has one.
    pub operation_timeout: Duration,
    /// The certificate that the provider knows us by, if it wants one.
    pub identity: Option<ClientIdentity>,
}

impl WireSettings {
    pub fn new(base_url: &str) -> WireSettings {
        WireSettings {
            base_url: base_url.to_owned(),
            connect_timeout: Duration::from_secs(3),
            call_timeout: Duration::from_secs(30),
            operation_timeout: Duration::from_secs(40),
            identity: None,
        }
    }

    /// The error is a sentence that says what is wrong.
    pub fn check(&self, mode: Mode) -> Result<(), String> {
        let address = Address::parse(&self.base_url).map_err(|error| format!("base_url {error}"))?;
        if address.has_path() {
            return Err("base_url must be scheme, host and port alone".to_owned());
        }
        if !address.is_https() && mode == Mode::Live {
            return Err("base_url must be https in live mode".to_owned());
        }
        if !address.is_https() && !address.is_loopback() {
            let reason = "a key must not cross a network unencrypted";
            return Err(format!("base_url may be plain http only on loopback: {reason}"));
        }
        if self.connect_timeout.is_zero() || self.call_timeout <= self.connect_timeout {
            return Err("connect_timeout must be above zero and below call_timeout".to_owned());
        }
        if self.operation_timeout < self.call_timeout || self.operation_timeout > OPERATION_TIMEOUT_MAX {
            return Err("operation_timeout must be at least call_timeout and at most ten minutes".to_owned());
        }
        Ok(())
    }
}

/// Cheap to clone; all clones share their connections.
#[derive(Clone)]
pub struct Exchange {
    http: Resilient<HttpClient, RetryPolicy>,
    /// Without a slash at the end.
    base_url: String,
}

impl Exchange {
    pub fn new(settings: &WireSettings, guard: &Guard) -> Result<Exchange, String> {
        let limits = outbound::Settings {
            connect_timeout: settings.connect_timeout,
            reply_bytes_max: REPLY_BYTES_MAX,
        };
        let http = HttpClient::identified(limits, settings.identity.as_ref())?;
        let layer = Layer::new(RetryPolicy)
            .attempts_max(TRIES_MAX)
            .backoff(BACKOFF)
            .timeouts(Timeouts { attempt: settings.call_timeout, operation: settings.operation_timeout })
            .breaker(guard.breaker.clone())
            .withdraws_from(guard.budget.clone())
            .observer(guard.observer.clone());
        let base_url = settings.base_url.trim_end_matches('/').to_owned();
        Ok(Exchange { http: layer.layer(http), base_url })
    }

    /// `path` with its query. `subject` is the object of the call: the circuit counts all calls about
    /// one subject once.
    pub fn request(&self, method: Method, path: &str, subject: &str) -> request::Builder {
        let subject = CallSubject::new(subject);
        Request::builder().method(method).uri(format!("{}{path}", self.base_url)).extension(subject)
    }

    pub async fn send(&self, request: request::Builder, body: Bytes) -> Result<HttpReply, NoReply> {
        let not_sent = |error: http::Error| NoReply::NotSent(format!("the call cannot be written: {error}"));
        let request = request.body(Full::new(body)).map_err(not_sent)?;
        self.http.clone().oneshot(request).await.map_err(|error| match error {
            Error::Open { retry_after } => NoReply::CircuitOpen(retry_after),
            Error::NoTime => NoReply::NotSent("no time was left for the call".to_owned()),
            Error::TimedOut { after } => {
                NoReply::Unknown(format!("no complete reply within {} ms", after.as_millis()))
            }
            Error::Inner(outbound::Error::NotSent(reason)) => NoReply::NotSent(reason),
            Error::Inner(outbound::Error::Broken(reason)) => NoReply::Unknown(reason),
        })
    }
}

/// The subject of a call, for the circuit.
#[derive(Clone, Copy, Debug)]
struct CallSubject(BreakerSubject);

impl CallSubject {
    /// Made from the provider's id or one of ours.
    fn new(subject: &str) -> CallSubject {
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

impl NoReply {
    pub fn outcome<O>(self) -> CallOutcome<O> {
        match self {
            NoReply::NotSent(error) => {
                CallOutcome::NotSent { error, retry_after_seconds: None, reached_provider: true }
            }
            NoReply::CircuitOpen(left) => {
                let error = "the circuit of this account is open".to_owned();
                CallOutcome::NotSent {
                    error,
                    retry_after_seconds: Some(seconds(left)),
                    reached_provider: false,
                }
            }
            NoReply::Unknown(error) => CallOutcome::Unknown { error, key_spent: false },
        }
    }
}

/// How long the provider asks to wait.
pub fn retry_after_seconds(reply: &HttpReply) -> Option<i64> {
    retry_after::wanted_by_own_date(&reply.headers).map(seconds)
}

/// Rounded up, so that no retry comes too early.
fn seconds(wanted: Duration) -> i64 {
    let received = wanted.as_secs().saturating_add(u64::from(wanted.subsec_nanos() > 0));
    i64::try_from(received).unwrap_or(i64::MAX).min(RETRY_AFTER_SECONDS_MAX)
}

/// A text as one segment of a path, or as one value of a query; no text can leave its place.
pub fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("writing into a String cannot fail");
        }
    }
    out
}

/// The table of [`crate::guard`].
struct RetryPolicy;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_leave_its_segment() {
        assert_eq!(segment("pi_3Abc"), "pi_3Abc");
        assert_eq!(segment("../x?y#z/é"), "%2E%2E%2Fx%3Fy%23z%2F%C3%A9");
    }
}
