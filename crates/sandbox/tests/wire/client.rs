//! A sandbox that runs for one test, and a plain client to it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use outbound::{Error, HttpConnection, HttpReply};
use sandbox::{Options, RunningSandbox, start};
use serde_json::{Value, json};
use tempfile::TempDir;

pub const CREATE: &str = "/v1/payment_intents";
pub const HOLD: &str = "amount=2000&currency=brl&capture_method=manual&confirm=true&payment_method=pm_card_visa\
     &allowed_payment_method_types[]=card";
pub const SALE: &str =
    "amount=2000&currency=brl&confirm=true&payment_method=pm_card_visa&allowed_payment_method_types[]=card";
/// An unconfirmed payment.
pub const OPEN: &str = "amount=500&currency=brl&allowed_payment_method_types[]=card";

/// A payment with another card.
pub fn sale(card: &str) -> String {
    SALE.replace("pm_card_visa", card)
}

const PATIENCE: Duration = Duration::from_secs(10);

pub struct TestSandbox {
    pub folder: TempDir,
    pub url: String,
    pub secret_key: String,
    running: Option<RunningSandbox>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
    reply: HttpReply,
}

impl Answer {
    pub fn id(&self) -> &str {
        self.body["id"].as_str().unwrap()
    }

    /// The body as it arrived.
    pub fn bytes(&self) -> &[u8] {
        &self.reply.body
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.reply.header(name)
    }

    /// `200 succeeded` for an object with a status, `400 <code>` for an error.
    pub fn summary(&self) -> String {
        let error = &self.body["error"];
        let word = [&self.body["status"], &error["code"], &error["type"]];
        format!("{} {}", self.status, word.iter().find_map(|word| word.as_str()).unwrap_or("-"))
    }
}

impl TestSandbox {
    /// With one account, `acct_1`, that has no webhook.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = Self::on(folder).await;
        sandbox.control("/sandbox/accounts", json!({"id": "acct_1", "secret_key": "sk_test_1"})).await;
        sandbox
    }

    /// On whatever journal is in the folder.
    pub async fn on(folder: TempDir) -> Self {
        let listen = "127.0.0.1:0".parse().unwrap();
        let record = Some(traffic(folder.path()));
        let options = Options { listen, journal: journal(folder.path()), record };
        let running = start(options).await.unwrap();
        let url = format!("http://{}", running.address);
        Self { folder, url, secret_key: "sk_test_1".into(), running: Some(running) }
    }

    /// What `kill -9` would leave: a copy of the file while the first sandbox still runs.
    pub async fn after_a_kill(&self, torn: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = std::fs::read(journal(self.folder.path())).unwrap();
        bytes.extend_from_slice(torn);
        std::fs::write(journal(folder.path()), bytes).unwrap();
        Self::on(folder).await
    }

    pub async fn stop(mut self) -> TempDir {
        self.running.take().unwrap().stop().await;
        self.folder
    }

    /// A new connection per call, so that a dropped connection affects no other call.
    async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Result<Answer, Error> {
        let reply =
            HttpConnection::new(&self.url).request(method.parse().unwrap(), path, headers, body).await?;
        let body = reply.json().unwrap_or_else(|_| Value::String(reply.text()));
        Ok(Answer { status: reply.status.as_u16(), body, reply })
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.secret_key)
    }

    pub async fn try_post(&self, path: &str, key: Option<&str>, form: &str) -> Result<Answer, Error> {
        let bearer = self.bearer();
        let mut headers =
            vec![("authorization", &*bearer), ("content-type", "application/x-www-form-urlencoded")];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        self.call("POST", path, &headers, form.to_owned()).await
    }

    pub async fn post(&self, path: &str, form: &str) -> Answer {
        self.try_post(path, None, form).await.unwrap()
    }

    pub async fn keyed(&self, key: &str, path: &str, form: &str) -> Answer {
        self.try_post(path, Some(key), form).await.unwrap()
    }

    /// Sends exactly these headers, and a body if there is one.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.try_send(method, path, headers, body).await.unwrap()
    }

    pub async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, Error> {
        self.call(method, path, headers, body.to_owned()).await
    }

    /// As a caller of this API version.
    pub async fn speaking(&self, version: &str, path: &str, form: &str) -> Answer {
        let headers = [("authorization", &*self.bearer()), ("stripe-version", version)];
        self.send("POST", path, &headers, form).await
    }

    /// Waits until an object reaches a status by itself.
    pub async fn until(&self, path: &str, status: &str) -> Value {
        let reached = async {
            loop {
                let found = self.get(path).await.body;
                if found["status"] == status {
                    break found;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.expect("the status is reached in time")
    }

    /// The kinds of all events so far, oldest first.
    pub async fn kinds(&self) -> Vec<String> {
        let listed = self.get("/v1/events?limit=100").await.body;
        let events = listed["data"].as_array().unwrap().iter().rev();
        events.map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }

    pub async fn try_get(&self, path: &str) -> Result<Answer, Error> {
        self.call("GET", path, &[("authorization", &self.bearer())], String::new()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.try_get(path).await.unwrap()
    }

    pub async fn try_control(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, &[], body.to_string()).await.unwrap()
    }

    pub async fn control(&self, path: &str, body: Value) -> Value {
        let answer = self.try_control(path, body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    pub async fn faults(&self, body: Value) {
        self.control("/sandbox/faults", body).await;
    }

    pub async fn books(&self) -> Value {
        self.get("/sandbox/books").await.body
    }

    /// `[authorized, captured, refunded]` of each payment intent.
    pub async fn sums(&self) -> Vec<[i64; 3]> {
        let books = self.books().await;
        let parts = ["authorized_minor", "captured_minor", "refunded_minor"];
        let charges = books["charges"].as_array().unwrap().iter();
        charges.map(|charge| parts.map(|part| charge[part].as_i64().unwrap())).collect()
    }

    /// The outcome of each call so far.
    pub async fn outcomes(&self) -> Vec<String> {
        let books = self.books().await;
        let calls = books["calls"].as_array().unwrap().iter();
        calls.map(|call| call["outcome"].as_str().unwrap().to_owned()).collect()
    }
}

pub fn journal(folder: &Path) -> PathBuf {
    folder.join("journal.jsonl")
}

pub fn traffic(folder: &Path) -> PathBuf {
    folder.join("traffic.jsonl")
}
