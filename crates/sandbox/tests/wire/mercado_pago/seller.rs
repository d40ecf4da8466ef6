//! A sandbox with one account of Mercado Pago, and a plain client to it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Answer, TestSandbox};

pub const PAYMENTS: &str = "/v1/payments";
pub const ACCESS_TOKEN: &str = "APP_USR-1";
/// The id of the account is the number that the wire shows.
pub const COLLECTOR: u64 = 44_444;
const PATIENCE: Duration = Duration::from_secs(10);

pub struct Seller(pub TestSandbox);

/// A payment of 100.50 with this card token.
pub fn card(token: &str) -> Value {
    json!({
        "transaction_amount": 100.5, "token": token, "installments": 1, "payment_method_id": "visa",
        "payer": {"email": "ana@example.com"}, "external_reference": "op_1",
    })
}

/// An authorisation of 100.50.
pub fn hold() -> Value {
    with(card("approved"), "capture", json!(false))
}

pub fn pix() -> Value {
    json!({
        "transaction_amount": 37, "payment_method_id": "pix", "payer": {"email": "ana@example.com"},
        "external_reference": "op_2",
    })
}

/// The object with one more member, or without it if the value is null.
pub fn with(mut object: Value, name: &str, value: Value) -> Value {
    if value.is_null() {
        object.as_object_mut().unwrap().remove(name);
    } else {
        object[name] = value;
    }
    object
}

impl Seller {
    pub async fn start() -> Self {
        let sandbox = TestSandbox::start().await;
        sandbox.control("/sandbox/accounts", Self::account(Value::Null)).await;
        Self(sandbox)
    }

    pub fn account(webhook: Value) -> Value {
        json!({
            "id": COLLECTOR.to_string(), "provider": "mercado_pago", "secret_key": ACCESS_TOKEN, "webhook": webhook,
        })
    }

    pub async fn try_call(
        &self,
        method: &str,
        path: &str,
        key: Option<&str>,
        body: &str,
    ) -> Result<Answer, outbound::Error> {
        let bearer = format!("Bearer {ACCESS_TOKEN}");
        let mut headers = vec![("authorization", &*bearer), ("content-type", "application/json")];
        headers.extend(key.map(|key| ("x-idempotency-key", key)));
        self.0.try_send(method, path, &headers, body).await
    }

    pub async fn call(&self, method: &str, path: &str, key: Option<&str>, body: &str) -> Answer {
        self.try_call(method, path, key, body).await.unwrap()
    }

    pub async fn create(&self, key: &str, body: &Value) -> Answer {
        self.call("POST", PAYMENTS, Some(key), &body.to_string()).await
    }

    pub async fn update(&self, payment: &Answer, body: Value) -> Answer {
        self.call("PUT", &path(payment), None, &body.to_string()).await
    }

    pub async fn refund(&self, payment: &Answer, key: &str, body: &str) -> Answer {
        self.call("POST", &format!("{}/refunds", path(payment)), Some(key), body).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None, "").await
    }

    /// What somebody does to a payment without the API.
    pub async fn act(&self, payment: &Answer, action: &str, body: Value) -> Answer {
        let path = format!("/sandbox/mercado_pago/payments/{}/{action}", payment.body["id"]);
        self.0.try_control(&path, body).await
    }

    pub async fn outcomes(&self) -> Vec<String> {
        self.0.outcomes().await
    }

    /// `[authorized, captured, refunded, disputed]` of each payment.
    pub async fn sums(&self) -> Vec<[i64; 4]> {
        let books = self.0.books().await;
        let parts = ["authorized_minor", "captured_minor", "refunded_minor", "disputed_minor"];
        let charges = books["charges"].as_array().unwrap().iter();
        charges.map(|charge| parts.map(|part| charge[part].as_i64().unwrap())).collect()
    }

    /// Waits until a payment reaches a status and a detail by itself.
    pub async fn until(&self, payment: &Answer, expected: &str) -> Answer {
        let reached = async {
            loop {
                let found = self.get(&path(payment)).await;
                if summary(&found) == expected {
                    break found;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.expect("the status is reached in time")
    }
}

pub fn path(payment: &Answer) -> String {
    format!("{PAYMENTS}/{}", payment.body["id"])
}

/// `201 approved accredited` for a payment, `400 2006` for an error, `404 not_found` for one
/// without a cause.
pub fn summary(answer: &Answer) -> String {
    let body = &answer.body;
    match (&body["status_detail"], &body["cause"][0]["code"], &body["error"]) {
        (Value::String(detail), _, _) => {
            format!("{} {} {detail}", answer.status, body["status"].as_str().unwrap())
        }
        (_, Value::Number(code), _) => format!("{} {code}", answer.status),
        (_, _, Value::String(error)) => format!("{} {error}", answer.status),
        _ => format!("{} {}", answer.status, body["status"].as_str().unwrap_or("-")),
    }
}
