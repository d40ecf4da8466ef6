//! Carries a call over the wire, and says of one that got no answer whether it was sent.
//!
//! Nothing is said twice here. The HTTP library would write a call again in one case only: a kept
//! connection turned out to be closed and the library still holds the whole request, not a byte of it
//! written (`retry_canceled_requests` of hyper-util, which asks hyper for the untouched message back). A
//! connection that breaks once writing began is [`Lost::Unknown`], always.

use std::{error::Error, fmt::Write, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioTimer},
};

use super::{Settings, connector::Connector, form::Form};

/// The version whose shapes are followed here, whatever the account's default is.
const API_VERSION: HeaderValue = HeaderValue::from_static("2026-10-28.endive");
const STRIPE_VERSION: HeaderName = HeaderName::from_static("stripe-version");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

const BODY_BYTES_MAX: usize = 1 << 20;
const HEADERS_BYTES_MAX: usize = 64 << 10;
const IDLE_CONNECTIONS_MAX: usize = 128;
/// Shorter than a load balancer keeps them, so that ours is the side that closes: a call written into a
/// connection just closed over there is unknown, and costs a look-up.
const IDLE_MAX: Duration = Duration::from_secs(20);

pub struct Client {
    http: legacy::Client<Connector, Full<Bytes>>,
    /// Without a slash at its end.
    base_url: String,
    authorization: HeaderValue,
    call_timeout: Duration,
}

/// An answer that came whole.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// No answer, or none that came whole.
#[derive(Debug, PartialEq, Eq)]
pub enum Lost {
    /// Not a byte of it was written.
    NotSent(String),
    Unknown(String),
}

impl Client {
    pub fn new(settings: &Settings) -> Result<Client, String> {
        let mut authorization = HeaderValue::try_from(format!("Bearer {}", settings.secret_key.expose()))
            .map_err(|_| "the secret key cannot stand in a header".to_owned())?;
        authorization.set_sensitive(true);
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .pool_idle_timeout(IDLE_MAX)
            .http1_max_buf_size(HEADERS_BYTES_MAX)
            .retry_canceled_requests(true)
            .build(Connector::new(settings.connect_timeout)?);
        let base_url = settings.base_url.trim_end_matches('/').to_owned();
        Ok(Client { http, base_url, authorization, call_timeout: settings.call_timeout })
    }

    pub async fn get(&self, path: &str) -> Result<Reply, Lost> {
        self.call(Method::GET, path, Bytes::new(), None).await
    }

    pub async fn post(&self, path: &str, form: Form, key: &str) -> Result<Reply, Lost> {
        self.call(Method::POST, path, form.into_body().into(), Some(key)).await
    }

    async fn call(&self, method: Method, path: &str, body: Bytes, key: Option<&str>) -> Result<Reply, Lost> {
        let not_sent = |error: http::Error| Lost::NotSent(format!("the call cannot be written: {error}"));
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base_url))
            .header(header::AUTHORIZATION, &self.authorization)
            .header(STRIPE_VERSION, API_VERSION);
        if let Some(key) = key {
            request = request
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header(IDEMPOTENCY_KEY, key);
        }
        let request = request.body(Full::new(body)).map_err(not_sent)?;
        let exchanged = tokio::time::timeout(self.call_timeout, self.exchange(request)).await;
        exchanged.unwrap_or_else(|_| {
            Err(Lost::Unknown(format!("no whole answer within {} ms", self.call_timeout.as_millis())))
        })
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Reply, Lost> {
        let response = self.http.request(request).await.map_err(|error| {
            if error.is_connect() {
                Lost::NotSent(format!("no connection: {}", chain(&error)))
            } else {
                Lost::Unknown(format!("the connection broke before an answer: {}", chain(&error)))
            }
        })?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(|error| {
            Lost::Unknown(format!("the answer ({}) broke off: {}", parts.status.as_u16(), chain(&*error)))
        })?;
        Ok(Reply { status: parts.status, headers: parts.headers, body: body.to_bytes() })
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
