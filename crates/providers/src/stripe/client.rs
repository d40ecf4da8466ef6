//! Makes a call to Stripe. If there is no reply, it reports whether the call was sent.
//!
//! A call is repeated here in two cases only, once, and if the account's retry budget allows it:
//! not a byte of it was written, or it was a read ([`crate::guard`] has the table). Any other call
//! whose connection breaks after writing began is [`NoReply::Unknown`].

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, header};
use http_body_util::Full;
use outbound::{HttpClient, HttpReply};
use resilience::{Backoff, Error, Layer, Timeouts, layer::Resilient};
use tower::{Layer as _, ServiceExt as _};

pub use super::exchange::NoReply;
use super::{
    Settings,
    exchange::{CallSubject, RetryPolicy},
    form::Form,
};
use crate::Guard;

/// The API version whose shapes are used here, whatever the account's default is.
const API_VERSION: HeaderValue = HeaderValue::from_static("2026-10-28.endive");
const STRIPE_VERSION: HeaderName = HeaderName::from_static("stripe-version");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

const REPLY_BYTES_MAX: usize = 1 << 20;
/// The first try and one more; the driver of the attempt retries later.
const TRIES_MAX: u32 = 2;
const BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(1) };

pub struct StripeClient {
    http: Resilient<HttpClient, RetryPolicy>,
    /// Without a slash at the end.
    base_url: String,
    authorization: HeaderValue,
}

impl StripeClient {
    pub fn new(settings: &Settings, guard: &Guard) -> Result<StripeClient, String> {
        let mut authorization = HeaderValue::try_from(format!("Bearer {}", settings.secret_key.expose()))
            .map_err(|_| "the secret key is not a valid header value".to_owned())?;
        authorization.set_sensitive(true);
        let http = HttpClient::new(outbound::Settings {
            connect_timeout: settings.connect_timeout,
            reply_bytes_max: REPLY_BYTES_MAX,
        })?;
        let layer = Layer::new(RetryPolicy)
            .attempts_max(TRIES_MAX)
            .backoff(BACKOFF)
            .timeouts(Timeouts { attempt: settings.call_timeout, operation: settings.operation_timeout })
            .breaker(guard.breaker.clone())
            .withdraws_from(guard.budget.clone())
            .observer(guard.observer.clone());
        let base_url = settings.base_url.trim_end_matches('/').to_owned();
        Ok(StripeClient { http: layer.layer(http), base_url, authorization })
    }

    /// `subject` is the object of the call. The circuit counts all calls about one subject once.
    pub async fn get(&self, path: &str, subject: &str) -> Result<HttpReply, NoReply> {
        self.call(Method::GET, path, Bytes::new(), None, subject).await
    }

    pub async fn post(&self, path: &str, form: Form, key: &str, subject: &str) -> Result<HttpReply, NoReply> {
        self.call(Method::POST, path, form.into_body().into(), Some(key), subject).await
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        key: Option<&str>,
        subject: &str,
    ) -> Result<HttpReply, NoReply> {
        let not_sent = |error: http::Error| NoReply::NotSent(format!("the call cannot be written: {error}"));
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base_url))
            .extension(CallSubject::new(subject))
            .header(header::AUTHORIZATION, &self.authorization)
            .header(STRIPE_VERSION, API_VERSION);
        if let Some(key) = key {
            request = request
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header(IDEMPOTENCY_KEY, key);
        }
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
