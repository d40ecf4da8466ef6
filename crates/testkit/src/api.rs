//! Requests to the API as a client sends them, with one API key, and their replies.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use crate::until;

#[derive(Clone)]
pub struct TestClient {
    pub http: reqwest::Client,
    pub base_url: String,
    /// The API key; empty for a client without one.
    pub secret: String,
}

pub struct TestRequest {
    request: reqwest::RequestBuilder,
    secret: String,
}

#[derive(Clone, Debug)]
pub struct TestReply {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    /// Null if the text is not JSON.
    pub body: Value,
}

impl TestClient {
    pub fn request(&self, method: &str, path: &str) -> TestRequest {
        let method: Method = method.parse().unwrap();
        let request = self.http.request(method, format!("{}{path}", self.base_url));
        TestRequest { request, secret: self.secret.clone() }
    }

    pub fn get(&self, path: &str) -> TestRequest {
        self.request("GET", path)
    }

    pub fn post(&self, path: &str, body: &Value) -> TestRequest {
        self.request("POST", path).json(body)
    }

    /// The current view of something that belongs to the client.
    pub async fn see(&self, path: &str) -> Value {
        self.get(path).expect(200).await.body
    }

    pub async fn booking(&self, id: &str) -> Value {
        self.see(&format!("/v1/bookings/{id}")).await
    }

    pub async fn payment(&self, id: &str) -> Value {
        self.see(&format!("/v1/payments/{id}")).await
    }

    /// Waits until the payment has this state, and returns it.
    pub async fn payment_becomes(&self, id: &str, state: &str) -> Value {
        self.is_in(state, &format!("/v1/payments/{id}")).await
    }

    pub async fn booking_becomes(&self, id: &str, state: &str) -> Value {
        self.is_in(state, &format!("/v1/bookings/{id}")).await
    }

    pub async fn refund_becomes(&self, id: &str, state: &str) -> Value {
        self.is_in(state, &format!("/v1/refunds/{id}")).await
    }

    async fn is_in(&self, state: &str, path: &str) -> Value {
        self.becomes(path, |seen| seen["state"] == state, &format!("{path} is {state}")).await
    }

    pub async fn becomes(&self, path: &str, so: impl Fn(&Value) -> bool, what: &str) -> Value {
        until(what, async || Some(self.see(path).await).filter(&so)).await
    }

    /// A dead letter, or the problem document that it does not exist.
    pub async fn letter(&self, id: &str) -> Value {
        self.get(&format!("/v1/ops/dead_letters/{id}")).send().await.body
    }

    /// A person retries or discards a dead letter.
    pub async fn decide(&self, id: &str, verb: &str) -> Value {
        let decision = json!({ "who": "Ana", "why": "looked it up" });
        self.post(&format!("/v1/ops/dead_letters/{id}/{verb}"), &decision).expect(200).await.body
    }

    /// Sends the same request under the same key until the reply no longer requests to wait.
    pub async fn persist(&self, path: &str, body: &Value, key: &str) -> TestReply {
        until(&format!("an answer to {key}"), async || {
            let reply = self.post(path, body).key(key).try_send().await?;
            let wait = reply.body["retryable"] == json!(true) || reply.status == 202;
            (!wait).then_some(reply)
        })
        .await
    }
}

impl TestRequest {
    pub fn json(self, body: &Value) -> TestRequest {
        self.bytes(body.to_string().into_bytes())
    }

    pub fn bytes(self, body: Vec<u8>) -> TestRequest {
        self.header("content-type", "application/json").raw(body)
    }

    pub fn raw(self, body: Vec<u8>) -> TestRequest {
        TestRequest { request: self.request.body(body), ..self }
    }

    pub fn header(self, name: &str, value: &str) -> TestRequest {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        TestRequest { request: self.request.header(name, value), ..self }
    }

    pub fn key(self, key: &str) -> TestRequest {
        self.header("idempotency-key", key)
    }

    /// With another API key, or with none if `secret` is empty.
    pub fn by(self, secret: &str) -> TestRequest {
        TestRequest { secret: secret.to_owned(), ..self }
    }

    /// The reply comes before the outcome, unless the outcome is known at once.
    pub fn without_waiting(self) -> TestRequest {
        self.header("prefer", "wait=0")
    }

    /// `None` if no reply came.
    pub async fn try_send(self) -> Option<TestReply> {
        let request =
            if self.secret.is_empty() { self.request } else { self.request.bearer_auth(self.secret) };
        let response = request.send().await.ok()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.ok()?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Some(TestReply { status, headers, text, body })
    }

    pub async fn send(self) -> TestReply {
        self.try_send().await.expect("the server replies")
    }

    pub async fn expect(self, status: u16) -> TestReply {
        let reply = self.send().await;
        assert_eq!(reply.status, status, "{}", reply.text);
        reply
    }

    /// Checks a problem document: this code, and the members that all of them have.
    pub async fn refused(self, status: u16, code: &str) -> TestReply {
        let reply = self.send().await;
        assert_eq!((reply.status, reply.code()), (status, code), "{}", reply.text);
        assert_eq!(reply.header("content-type"), Some("application/problem+json"));
        assert_eq!(reply.body["status"], status);
        assert_eq!(reply.body["type"], format!("/docs/errors#{code}"));
        assert!(reply.body["retryable"].is_boolean());
        assert!(reply.body["title"].is_string() && reply.body["detail"].is_string());
        reply
    }
}

impl TestReply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn id(&self) -> String {
        id_of(&self.body)
    }

    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    pub fn is_replay(&self) -> bool {
        self.header("idempotent-replayed") == Some("true")
    }

    /// The JSON pointers of the mistakes.
    pub fn pointers(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect()
    }
}

pub fn id_of(body: &Value) -> String {
    body["id"].as_str().unwrap_or_else(|| panic!("there is no id in {body}")).to_owned()
}

pub fn eur(minor: i64) -> Value {
    json!({ "minor": minor, "currency": "EUR" })
}

/// `body` with these members added or replaced.
pub fn with(mut body: Value, members: Value) -> Value {
    let Value::Object(members) = members else { panic!("members are an object") };
    body.as_object_mut().unwrap().extend(members);
    body
}

pub fn charge(minor: i64, payment_method: &str) -> Value {
    json!({ "amount": eur(minor), "provider": "stripe", "payment_method": payment_method })
}

/// A payment of the amount that a booking owes.
pub fn payment_of(booking: &str, payment_method: &str) -> Value {
    json!({ "booking_id": booking, "provider": "stripe", "payment_method": payment_method })
}
