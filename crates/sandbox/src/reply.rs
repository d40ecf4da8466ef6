//! The HTTP reply to a call, with the headers of its wire.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::HeaderName};
use http_body_util::Full;

use crate::{stripe::version::Version, wire::ProviderWire};

/// A connection that is closed without a reply: hyper aborts it when a service fails.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped on purpose")]
pub struct Dropped;

pub type ConnectionResult = Result<Response<Full<Bytes>>, Dropped>;

pub struct CallReply {
    pub wire: ProviderWire,
    pub status: u16,
    pub body: Vec<u8>,
    pub request: String,
    /// The API version of the call.
    pub version: Version,
    pub key: Option<String>,
    /// The request whose reply is repeated.
    pub original: Option<String>,
    /// Stripe's hint about a retry, if it gives one.
    pub should_retry: Option<bool>,
}

impl CallReply {
    pub fn response(self) -> Response<Full<Bytes>> {
        let replayed = self.original.is_some();
        let original = self.original.or_else(|| self.key.as_ref().map(|_| self.request.clone()));
        let mut response = typed(self.status, self.wire.content_type(self.status), self.body);
        if self.wire != ProviderWire::Stripe {
            insert(&mut response, "x-request-id", Some(self.request));
            return response;
        }
        let headers = [
            ("request-id", Some(self.request)),
            ("stripe-version", Some(self.version.name().to_owned())),
            ("idempotency-key", self.key),
            ("original-request", original),
            ("idempotent-replayed", replayed.then(|| "true".to_owned())),
            ("stripe-should-retry", self.should_retry.map(|retry| retry.to_string())),
        ];
        for (name, value) in headers {
            insert(&mut response, name, value);
        }
        response
    }
}

fn insert(response: &mut Response<Full<Bytes>>, name: &'static str, value: Option<String>) {
    if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
}

pub fn json(status: u16, body: Vec<u8>) -> Response<Full<Bytes>> {
    typed(status, "application/json", body)
}

pub fn typed(status: u16, kind: &'static str, body: Vec<u8>) -> Response<Full<Bytes>> {
    let is_empty = body.is_empty();
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if !is_empty {
        response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    response
}
