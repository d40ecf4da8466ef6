//! For tests: a server that follows a script, request by request, without a socket, so that time
//! can be paused.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use api::{Code, Problem};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tower::Service;

use crate::api_request::ApiRequest;
use crate::transport::ReplyFuture;
use crate::{Builder, Client, RequestFailure, Retry};
use outbound::HttpReply;

/// How the server handles one request.
#[derive(Clone, Debug)]
pub enum ScriptStep {
    Answer(HttpReply),
    Lost(RequestFailure),
    /// Never replies.
    NoReply,
}

/// More calls than any test needs; a test that reaches it would not end.
const CALLS_MAX: usize = 10_000;

/// The last step is repeated.
#[derive(Clone, Default)]
pub struct Script {
    steps: Arc<Mutex<VecDeque<ScriptStep>>>,
    calls: Arc<Mutex<Vec<ApiRequest>>>,
    retries: Arc<Mutex<Vec<ObservedRetry>>>,
}

/// A retry as the observer saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct ObservedRetry {
    pub attempt: u32,
    pub label: &'static str,
    pub delay: Duration,
    pub retry_after: Option<Duration>,
    pub key: Option<String>,
}

/// Sun, 06 Nov 1994 08:49:37 GMT, the example in RFC 9110.
pub fn wall_clock() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777)
}

impl Script {
    pub fn new(steps: impl IntoIterator<Item = ScriptStep>) -> Script {
        let script = Script::default();
        script.steps.lock().extend(steps);
        script
    }

    pub fn client(&self) -> Client {
        self.client_with(|builder| builder)
    }

    pub fn client_with(&self, change: impl FnOnce(Builder) -> Builder) -> Client {
        let retries = self.retries.clone();
        let observer = move |retry: &Retry<'_>| {
            retries.lock().push(ObservedRetry {
                attempt: retry.attempt,
                label: retry.failure.label(),
                delay: retry.delay,
                retry_after: retry.retry_after,
                key: retry.key.map(ToString::to_string),
            });
        };
        let builder =
            Client::builder("http://script", "sh_test_key").seed(7).observer(observer).wall_clock(wall_clock);
        change(builder).over(self.clone()).unwrap()
    }

    /// The requests so far.
    pub fn calls(&self) -> Vec<ApiRequest> {
        self.calls.lock().clone()
    }

    pub fn retries(&self) -> Vec<ObservedRetry> {
        self.retries.lock().clone()
    }
}

impl Service<ApiRequest> for Script {
    type Response = HttpReply;
    type Error = RequestFailure;
    type Future = ReplyFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), RequestFailure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: ApiRequest) -> ReplyFuture {
        let mut calls = self.calls.lock();
        calls.push(call);
        assert!(calls.len() < CALLS_MAX, "the test makes calls without end");
        let mut steps = self.steps.lock();
        let step = if steps.len() > 1 { steps.pop_front() } else { steps.front().cloned() };
        Box::pin(async move {
            match step.expect("a script has a step") {
                ScriptStep::Answer(answer) => Ok(answer),
                ScriptStep::Lost(failure) => Err(failure),
                ScriptStep::NoReply => std::future::pending().await,
            }
        })
    }
}

pub fn answer(status: u16, body: impl Into<Bytes>) -> ScriptStep {
    let status = StatusCode::from_u16(status).unwrap();
    ScriptStep::Answer(HttpReply { status, headers: HeaderMap::new(), body: body.into() })
}

pub fn problem(code: Code) -> ScriptStep {
    answer(code.status(), serde_json::to_vec(&Problem::new(code, "req_1")).unwrap())
}

pub fn not_sent() -> ScriptStep {
    ScriptStep::Lost(RequestFailure::NotSent("refused".to_owned()))
}

pub fn broken() -> ScriptStep {
    ScriptStep::Lost(RequestFailure::Broken("reset".to_owned()))
}

impl ScriptStep {
    pub fn with(self, name: &'static str, value: &'static str) -> ScriptStep {
        let ScriptStep::Answer(mut answer) = self else { panic!("only an answer has headers") };
        answer.headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        ScriptStep::Answer(answer)
    }
}
