//! Sends batches of spans to the collector, with the HTTP client that also calls providers.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::Full;
use opentelemetry_http::{HttpClient, HttpError};
use tokio::runtime::Handle;
use tower::ServiceExt as _;

use super::queue::QueueStats;
use crate::Settings;

/// A reply contains the number of accepted spans. A longer reply contains something else.
const REPLY_BYTES_MAX: usize = 64 * 1024;

pub struct SpanSender {
    /// The SDK sends on its own thread, which drives no connection.
    runtime: Handle,
    http: outbound::HttpClient,
    headers: Vec<(HeaderName, HeaderValue)>,
    timeout: Duration,
    books: QueueStats,
}

impl SpanSender {
    pub fn new(settings: &Settings, books: QueueStats) -> Result<SpanSender, String> {
        let limits =
            outbound::Settings { connect_timeout: settings.timeout, reply_bytes_max: REPLY_BYTES_MAX };
        let http = outbound::HttpClient::new(limits)?;
        let (headers, timeout) = (settings.headers.clone(), settings.timeout);
        Ok(SpanSender { runtime: Handle::current(), http, headers, timeout, books })
    }
}

#[async_trait]
impl HttpClient for SpanSender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut request = request.map(Full::new);
        request.headers_mut().extend(self.headers.clone());
        let (http, timeout) = (self.http.clone(), self.timeout);
        let sent = self.runtime.spawn(async move {
            let late = |_| format!("no answer within {} ms", timeout.as_millis());
            let reply = tokio::time::timeout(timeout, http.oneshot(request)).await.map_err(late)??;
            let mut response = Response::new(reply.body);
            (*response.status_mut(), *response.headers_mut()) = (reply.status, reply.headers);
            Ok::<_, HttpError>(response)
        });
        // The end of the runtime cancels the exchange.
        let answer = sent.await.map_err(|_| HttpError::from("the process ends")).flatten();
        answer.inspect_err(|error| self.books.because(error.to_string()))
    }
}

/// Without the headers, which may hold a secret.
impl fmt::Debug for SpanSender {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SpanSender").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}
