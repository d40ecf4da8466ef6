//! Carries one attempt over the wire. It says of an attempt that got no answer whether it was sent, and
//! never sends anything twice: the HTTP library would in one case only, when a kept connection turned
//! out to be closed and not a byte of the request was written (`retry_canceled_requests` of hyper-util).

use std::error::Error;
use std::fmt::Write;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower::Service;

use crate::RequestFailure;
use crate::answer::HttpAnswer;
use crate::api_request::{ApiRequest, CommonHeaders};
use crate::connector::Connector;

/// A page of 200 rows, each with what a client may put into it, has room.
const BODY_BYTES_MAX: usize = 16 << 20;
const HEADERS_BYTES_MAX: usize = 64 << 10;
const IDLE_CONNECTIONS_MAX: usize = 128;
/// Shorter than the server keeps them, so that ours is the side that closes: a request written into a
/// connection just closed over there costs a retry.
const IDLE_MAX: Duration = Duration::from_secs(20);

pub type Answered = Pin<Box<dyn Future<Output = Result<HttpAnswer, RequestFailure>> + Send>>;

/// The wire under one client.
#[derive(Clone)]
pub struct Transport {
    http: legacy::Client<Connector, Full<Bytes>>,
    who: CommonHeaders,
}

impl Transport {
    pub fn new(who: CommonHeaders, connect_timeout: Duration) -> Result<Transport, String> {
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .pool_idle_timeout(IDLE_MAX)
            .http1_max_buf_size(HEADERS_BYTES_MAX)
            .retry_canceled_requests(true)
            .build(Connector::new(connect_timeout)?);
        Ok(Transport { http, who })
    }
}

impl Service<ApiRequest> for Transport {
    type Response = HttpAnswer;
    type Error = RequestFailure;
    type Future = Answered;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), RequestFailure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: ApiRequest) -> Answered {
        let request = call.request(&self.who);
        let http = self.http.clone();
        Box::pin(async move {
            let request = request.map_err(|error| RequestFailure::NotSent(error.to_string()))?;
            exchange(&http, request).await
        })
    }
}

async fn exchange(
    http: &legacy::Client<Connector, Full<Bytes>>,
    request: http::Request<Full<Bytes>>,
) -> Result<HttpAnswer, RequestFailure> {
    let response = http.request(request).await.map_err(|error| {
        let told = chain(&error);
        if error.is_connect() { RequestFailure::NotSent(told) } else { RequestFailure::Broken(told) }
    })?;
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(|error| {
        RequestFailure::Broken(format!(
            "the answer ({}) broke off: {}",
            parts.status.as_u16(),
            chain(&*error)
        ))
    })?;
    Ok(HttpAnswer { status: parts.status, headers: parts.headers, body: body.to_bytes() })
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
