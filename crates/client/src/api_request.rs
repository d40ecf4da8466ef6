//! One request, built once. Every attempt sends the same bytes: a retry that differed in one byte
//! would be another request.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use http_body_util::Full;
use serde::Serialize;

use crate::IdempotencyKey;

/// What may be done if no reply arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It changes nothing.
    Read,
    /// It is done once under its key, however often it is sent.
    Keyed,
    /// It takes no key: it is sent again only if nothing of it was written.
    Once,
}

/// A request to the API. Cloning it does not copy the body.
#[derive(Clone, Debug)]
pub struct ApiRequest {
    pub method: Method,
    /// The path with the query.
    pub target: String,
    pub body: Bytes,
    pub key: Option<IdempotencyKey>,
    /// How long the server should wait for a provider's outcome.
    pub wait: Option<Duration>,
    /// It changes nothing, although it is not a GET.
    pub reads: bool,
}

/// What every request of one client has in common.
#[derive(Clone, Debug)]
pub struct CommonHeaders {
    /// Without a slash at the end.
    pub base_url: String,
    pub authorization: HeaderValue,
    pub user_agent: HeaderValue,
}

impl ApiRequest {
    pub fn get(path: impl Into<String>) -> ApiRequest {
        ApiRequest {
            method: Method::GET,
            target: path.into(),
            body: Bytes::new(),
            key: None,
            wait: None,
            reads: false,
        }
    }

    /// As `get`, with the query's parameters; absent ones are left out.
    pub fn search(path: &str, query: &impl Serialize) -> ApiRequest {
        let query =
            serde_urlencoded::to_string(query).expect("queries are flat records of strings and numbers");
        let target = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
        ApiRequest::get(target)
    }

    pub fn send(method: Method, path: impl Into<String>, body: &impl Serialize) -> ApiRequest {
        let body = serde_json::to_vec(body).expect("requests contain only what JSON can represent");
        ApiRequest { method, body: body.into(), ..ApiRequest::get(path) }
    }

    /// A question that does not fit into a query.
    pub fn ask(path: impl Into<String>, body: &impl Serialize) -> ApiRequest {
        ApiRequest { reads: true, ..ApiRequest::send(Method::POST, path, body) }
    }

    pub fn repeat(&self) -> Repeat {
        match &self.key {
            _ if self.reads || self.method == Method::GET => Repeat::Read,
            Some(_) => Repeat::Keyed,
            None => Repeat::Once,
        }
    }

    /// The path without the query, which may appear in a transcript.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub fn request(&self, common: &CommonHeaders) -> Result<Request<Full<Bytes>>, http::Error> {
        let mut request = Request::builder()
            .method(&self.method)
            .uri(format!("{}{}", common.base_url, self.target))
            .header(header::AUTHORIZATION, &common.authorization)
            .header(header::USER_AGENT, &common.user_agent)
            .header(header::ACCEPT, "application/json, application/problem+json");
        if !self.body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(key) = &self.key {
            request = request.header("idempotency-key", key.as_str());
        }
        if let Some(wait) = self.wait {
            request = request.header("prefer", format!("wait={}", wait.as_secs()));
        }
        request.body(Full::new(self.body.clone()))
    }
}

#[cfg(test)]
mod tests {
    use api::requests::PaymentsQuery;

    use super::*;

    #[test]
    fn a_query_has_only_the_given_parameters() {
        let none = ApiRequest::search("/v1/payments", &PaymentsQuery::default());
        assert_eq!(none.target, "/v1/payments");
        let query = PaymentsQuery {
            reference: Some("räum & zeit=1".to_owned()),
            limit: Some(2),
            ..PaymentsQuery::default()
        };
        let some = ApiRequest::search("/v1/payments", &query);
        assert_eq!(some.target, "/v1/payments?reference=r%C3%A4um+%26+zeit%3D1&limit=2");
        assert_eq!(some.path(), "/v1/payments");
    }

    #[test]
    fn method_and_key_decide_what_may_be_repeated() {
        let post = ApiRequest::send(Method::POST, "/v1/ops/api_keys", &());
        assert_eq!(ApiRequest::get("/v1/events").repeat(), Repeat::Read);
        assert_eq!(ApiRequest::ask("/v1/quotes", &()).repeat(), Repeat::Read);
        assert_eq!(post.repeat(), Repeat::Once);
        assert_eq!(ApiRequest { key: Some(IdempotencyKey::mint()), ..post }.repeat(), Repeat::Keyed);
    }
}
