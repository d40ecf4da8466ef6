//! What a client of the API does: it asks, reads the answer, and looks until something is so.

use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

/// For a condition to come true. Far longer than any takes.
const PATIENCE: Duration = Duration::from_secs(30);
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// Looks until there is something to see.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

/// A client with one API key.
#[derive(Clone)]
pub struct Client {
    pub http: reqwest::Client,
    pub base: String,
    pub secret: &'static str,
}

pub struct Ask {
    request: reqwest::RequestBuilder,
}

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Client {
    pub fn get(&self, path: &str) -> Ask {
        let request = self.http.get(format!("{}{path}", self.base));
        Ask { request: request.bearer_auth(self.secret) }
    }

    pub fn post(&self, path: &str, body: &Value) -> Ask {
        let request = self.http.post(format!("{}{path}", self.base)).bearer_auth(self.secret);
        Ask { request }.header("content-type", "application/json").raw(body.to_string().into_bytes())
    }

    /// Something of the client's own, as it is now.
    pub async fn see(&self, path: &str) -> Value {
        self.get(path).expect(200).await.body
    }

    pub async fn booking(&self, id: &str) -> Value {
        self.see(&format!("/v1/bookings/{id}")).await
    }

    pub async fn payment(&self, id: &str) -> Value {
        self.see(&format!("/v1/payments/{id}")).await
    }

    /// The payment, once its state is this one.
    pub async fn payment_becomes(&self, id: &str, state: &str) -> Value {
        let path = format!("/v1/payments/{id}");
        self.becomes(&path, |seen| seen["state"] == state, &format!("payment {id} is {state}")).await
    }

    pub async fn booking_becomes(&self, id: &str, state: &str) -> Value {
        let path = format!("/v1/bookings/{id}");
        self.becomes(&path, |seen| seen["state"] == state, &format!("booking {id} is {state}")).await
    }

    pub async fn refund_becomes(&self, id: &str, state: &str) -> Value {
        let path = format!("/v1/refunds/{id}");
        self.becomes(&path, |seen| seen["state"] == state, &format!("refund {id} is {state}")).await
    }

    pub async fn becomes(&self, path: &str, so: impl Fn(&Value) -> bool, what: &str) -> Value {
        until(what, async || Some(self.see(path).await).filter(&so)).await
    }

    /// A dead letter, or the problem that says it is none.
    pub async fn letter(&self, id: &str) -> Value {
        self.get(&format!("/v1/ops/dead_letters/{id}")).send().await.body
    }

    /// A person retries or discards a dead letter.
    pub async fn decide(&self, id: &str, verb: &str) -> Value {
        let decision = json!({ "who": "Ana", "why": "looked it up" });
        self.post(&format!("/v1/ops/dead_letters/{id}/{verb}"), &decision).expect(200).await.body
    }

    /// Asks again under the same key, as a client does, until the answer is none that bids it wait.
    pub async fn persist(&self, path: &str, body: &Value, key: &str) -> Answer {
        until(&format!("an answer to {key}"), async || {
            let answer = self.post(path, body).key(key).try_send().await?;
            let wait = answer.body["retryable"] == json!(true) || answer.status == 202;
            (!wait).then_some(answer)
        })
        .await
    }
}

impl Ask {
    pub fn raw(self, body: Vec<u8>) -> Ask {
        Ask { request: self.request.body(body) }
    }

    pub fn header(self, name: &str, value: &str) -> Ask {
        Ask { request: self.request.header(name, HeaderValue::from_bytes(value.as_bytes()).unwrap()) }
    }

    pub fn key(self, key: &str) -> Ask {
        self.header("idempotency-key", key)
    }

    /// The answer comes before the outcome, if that is not there at once.
    pub fn without_waiting(self) -> Ask {
        self.header("prefer", "wait=0")
    }

    /// `None` where no answer came.
    pub async fn try_send(self) -> Option<Answer> {
        let response = self.request.send().await.ok()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.ok()?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Some(Answer { status, headers, text, body })
    }

    pub async fn send(self) -> Answer {
        self.try_send().await.expect("the server answers")
    }

    pub async fn expect(self, status: u16) -> Answer {
        let answer = self.send().await;
        assert_eq!(answer.status, status, "{}", answer.text);
        answer
    }

    /// A problem document with this code.
    pub async fn refused(self, status: u16, code: &str) -> Answer {
        let answer = self.send().await;
        assert_eq!((answer.status, answer.code()), (status, code), "{}", answer.text);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        answer
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn id(&self) -> String {
        id(&self.body)
    }

    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    pub fn is_replay(&self) -> bool {
        self.header("idempotent-replayed") == Some("true")
    }
}

pub fn id(body: &Value) -> String {
    body["id"].as_str().unwrap_or_else(|| panic!("there is no id in {body}")).to_owned()
}

pub fn eur(minor: i64) -> Value {
    json!({ "minor": minor, "currency": "EUR" })
}

/// `body` with some members more, or others.
pub fn with(mut body: Value, members: Value) -> Value {
    let Value::Object(members) = members else { panic!("members are an object") };
    body.as_object_mut().unwrap().extend(members);
    body
}

pub fn charge(minor: i64, payment_method: &str) -> Value {
    json!({ "amount": eur(minor), "provider": "stripe", "payment_method": payment_method })
}

/// A payment of what a booking owes.
pub fn payment_of(booking: &str, payment_method: &str) -> Value {
    json!({ "booking_id": booking, "provider": "stripe", "payment_method": payment_method })
}
