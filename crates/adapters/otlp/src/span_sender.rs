//! Brings batches to the collector, with the HTTP client that calls providers too.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{HttpClient, HttpError};
use tokio::runtime::Handle;

use super::queue::QueueStats;
use crate::Settings;

/// An answer says how many were taken; what is longer says something else.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

#[cfg(feature = "tls")]
type Connector = hyper_rustls::HttpsConnector<HttpConnector>;
#[cfg(not(feature = "tls"))]
type Connector = HttpConnector;

pub struct SpanSender {
    /// The SDK sends on a thread of its own, where nothing would drive a connection.
    runtime: Handle,
    http: Client<Connector, Full<Bytes>>,
    headers: Vec<(HeaderName, HeaderValue)>,
    timeout: Duration,
    books: QueueStats,
}

impl SpanSender {
    pub fn new(settings: &Settings, books: QueueStats) -> Result<SpanSender, String> {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(settings.timeout));
        let http = Client::builder(TokioExecutor::new()).build(secured(connector)?);
        let (headers, timeout) = (settings.headers.clone(), settings.timeout);
        Ok(SpanSender { runtime: Handle::current(), http, headers, timeout, books })
    }
}

#[cfg(not(feature = "tls"))]
#[expect(clippy::unnecessary_wraps, reason = "with TLS the system's certificates may be missing")]
fn secured(http: HttpConnector) -> Result<Connector, String> {
    Ok(http)
}

#[cfg(feature = "tls")]
fn secured(mut http: HttpConnector) -> Result<Connector, String> {
    http.enforce_http(false);
    let builder = hyper_rustls::HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
        .map_err(|error| format!("the system's certificates cannot be read: {error}"))?;
    Ok(builder.https_or_http().enable_http1().wrap_connector(http))
}

#[async_trait]
impl HttpClient for SpanSender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut request = request.map(Full::new);
        request.headers_mut().extend(self.headers.clone());
        let (http, timeout) = (self.http.clone(), self.timeout);
        let sent = self.runtime.spawn(async move {
            let exchange = async {
                let (head, body) = http.request(request).await?.into_parts();
                let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?.to_bytes();
                Ok::<_, HttpError>(Response::from_parts(head, body))
            };
            let late = |_| format!("no answer within {} ms", timeout.as_millis());
            tokio::time::timeout(timeout, exchange).await.map_err(late)?
        });
        // A runtime that ends takes the exchange with it.
        let answer = sent.await.map_err(|_| HttpError::from("the process ends")).flatten();
        answer.inspect_err(|error| self.books.because(whole(error.as_ref())))
    }
}

/// With its causes: the outermost says no more than that a connection failed.
fn whole(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |error| (*error).source());
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}

/// Without the headers, which may hold a secret.
impl fmt::Debug for SpanSender {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Courier").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}
