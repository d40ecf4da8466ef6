//! Makes a call to Mercado Pago.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, header};
use outbound::HttpReply;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    Guard, ProviderSettings,
    exchange::{Exchange, NoReply},
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("x-idempotency-key");

pub struct MercadoPagoClient {
    exchange: Exchange,
    authorization: HeaderValue,
}

impl MercadoPagoClient {
    pub fn new(settings: &ProviderSettings, guard: &Guard) -> Result<MercadoPagoClient, String> {
        let mut authorization = HeaderValue::try_from(format!("Bearer {}", settings.secret_key.expose()))
            .map_err(|_| "the access token is not a valid header value".to_owned())?;
        authorization.set_sensitive(true);
        Ok(MercadoPagoClient { exchange: Exchange::new(&settings.wire, guard)?, authorization })
    }

    /// `subject` is the object of the call.
    pub async fn get(&self, path: &str, subject: &str) -> Result<HttpReply, NoReply> {
        let request = self
            .exchange
            .request(Method::GET, path, subject)
            .header(header::AUTHORIZATION, &self.authorization);
        self.exchange.send(request, Bytes::new()).await
    }

    /// A call that changes something. Some have no body.
    pub async fn change(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
        key: Uuid,
        subject: &str,
    ) -> Result<HttpReply, NoReply> {
        let body = body
            .map_or(Ok(Vec::new()), serde_json::to_vec)
            .map_err(|error| NoReply::NotSent(format!("the call cannot be written: {error}")))?;
        let request = self
            .exchange
            .request(method, path, subject)
            .header(header::AUTHORIZATION, &self.authorization)
            .header(header::CONTENT_TYPE, "application/json")
            .header(IDEMPOTENCY_KEY, key.to_string());
        self.exchange.send(request, body.into()).await
    }
}
