//! Makes a call to Stripe.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, header};
use outbound::HttpReply;

use super::form::Form;
use crate::{
    Guard, ProviderSettings,
    exchange::{Exchange, NoReply},
};

/// The API version whose shapes are used here, whatever the account's default is.
const API_VERSION: HeaderValue = HeaderValue::from_static("2026-10-28.endive");
const STRIPE_VERSION: HeaderName = HeaderName::from_static("stripe-version");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

pub struct StripeClient {
    exchange: Exchange,
    authorization: HeaderValue,
}

impl StripeClient {
    pub fn new(settings: &ProviderSettings, guard: &Guard) -> Result<StripeClient, String> {
        let mut authorization = HeaderValue::try_from(format!("Bearer {}", settings.secret_key.expose()))
            .map_err(|_| "the secret key is not a valid header value".to_owned())?;
        authorization.set_sensitive(true);
        Ok(StripeClient { exchange: Exchange::new(&settings.wire, guard)?, authorization })
    }

    /// `subject` is the object of the call.
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
        let mut request = self
            .exchange
            .request(method, path, subject)
            .header(header::AUTHORIZATION, &self.authorization)
            .header(STRIPE_VERSION, API_VERSION);
        if let Some(key) = key {
            request = request
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header(IDEMPOTENCY_KEY, key);
        }
        self.exchange.send(request, body).await
    }
}
