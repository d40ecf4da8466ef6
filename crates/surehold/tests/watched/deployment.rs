//! A server and the provider's sandbox, with clients that do a little of everything.

use std::path::PathBuf;

use outbound::{HttpConnection, HttpReply};
use serde_json::{Value, json};
use testkit::program::{Catalogue, Installation, RunningProgram};
use testkit::scrape::Scrape;
use testkit::{Engine, TestDatabase, until};

pub struct Deployment {
    pub installation: Installation,
    server: Option<RunningProgram>,
    pub base_url: String,
    pub sandbox: RunningProgram,
    pub catalogue: Catalogue,
    /// Its directory also contains the files of the installation.
    database: TestDatabase,
}

impl Deployment {
    /// `more` is further TOML of the server.
    pub async fn open(engine: Engine, more: &str) -> Deployment {
        let database = TestDatabase::without_schema(engine).await;
        let directory = database.directory();
        let url = match engine {
            Engine::Sqlite => Installation::sqlite_url(directory),
            Engine::Postgres => database.url().to_owned(),
        };
        let program = PathBuf::from(env!("CARGO_BIN_EXE_surehold"));
        let installation = Installation::new(&program, directory, &url).await.unwrap();
        let sandbox = installation.sandbox("127.0.0.1:0").await.unwrap();
        let server = installation.serve("127.0.0.1:0", Some(&sandbox.base_url), more).await.unwrap();
        installation.open_account(&sandbox.base_url, &server.base_url).await.unwrap();
        let catalogue = installation.sell(&server.base_url, 2, 10).await.unwrap();
        let base_url = server.base_url.clone();
        Deployment { installation, server: Some(server), base_url, sandbox, catalogue, database }
    }

    /// `kill -9`, and a new process at the same address. `more` is further TOML.
    pub async fn kill_and_restart(&mut self, more: &str) {
        self.take_server().kill().await.unwrap();
        self.start_again(more).await;
    }

    /// A new process at the same address. `more` is further TOML.
    pub async fn start_again(&mut self, more: &str) {
        let listen = self.base_url.strip_prefix("http://").unwrap();
        let again = self.installation.serve(listen, Some(&self.sandbox.base_url), more).await.unwrap();
        self.server = Some(again);
    }

    /// Requests the server to stop, and waits for it.
    pub async fn stop_server(&mut self) {
        let server = self.take_server();
        assert!(server.stop("TERM").await.unwrap().success());
    }

    /// The caller ends the server in another way.
    pub fn take_server(&mut self) -> RunningProgram {
        self.server.take().expect("the server runs")
    }

    pub async fn close(mut self) {
        if self.server.is_some() {
            self.stop_server().await;
        }
        self.sandbox.stop("TERM").await.unwrap();
    }

    /// Executes a statement on PostgreSQL, bypassing the server.
    pub async fn execute(&self, sql: &str) {
        self.database.execute(sql).await;
    }

    pub async fn get(&self, path: &str) -> HttpReply {
        let key = format!("Bearer {}", self.installation.tenant.api_key);
        let mut client = HttpConnection::new(&self.base_url);
        client.get(path, &[("authorization", &key)]).await.unwrap()
    }

    pub async fn post(&self, path: &str, key: &str, body: &Value) -> HttpReply {
        self.post_with(path, key, &[], body).await
    }

    pub async fn post_with(&self, path: &str, key: &str, more: &[(&str, &str)], body: &Value) -> HttpReply {
        self.send(path, key, more, body.to_string()).await
    }

    /// A body that no JSON value says.
    pub async fn post_text(&self, path: &str, key: &str, body: String) -> HttpReply {
        self.send(path, key, &[], body).await
    }

    async fn send(&self, path: &str, key: &str, more: &[(&str, &str)], body: String) -> HttpReply {
        let authorization = format!("Bearer {}", self.installation.tenant.api_key);
        let mut headers = vec![
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", key),
        ];
        headers.extend(more);
        let mut client = HttpConnection::new(&self.base_url);
        client.post(path, &headers[..], body).await.unwrap()
    }

    pub async fn reserve(&self, key: &str, customer: &Value) -> Value {
        let body = json!({
            "slot_id": self.catalogue.slots[0],
            "units": [{ "unit_id": self.catalogue.unit, "quantity": 1 }],
            "customer": customer,
        });
        made(&self.post("/v1/bookings", key, &body).await)
    }

    pub async fn scrape(&self) -> Scrape {
        Scrape::of(&self.base_url).await.unwrap()
    }

    /// A booking that is paid and partly refunded, a retry, a reused key, a decline, a hold that is
    /// cancelled, and a client without a key: a little of everything that is measured.
    pub async fn live_a_day(&self) {
        let ana = json!({ "name": "Ana", "email": "ana@example.com" });
        let booking = self.reserve("reserve-1", &ana).await;
        let pay =
            json!({ "booking_id": booking["id"], "provider": "stripe", "payment_method": "pm_card_visa" });
        let payment = made(&self.post("/v1/payments", "pay-1", &pay).await);
        assert_eq!(
            self.post("/v1/payments", "pay-1", &pay).await.header("idempotent-replayed"),
            Some("true")
        );
        let other =
            json!({ "booking_id": booking["id"], "provider": "stripe", "payment_method": "pm_other" });
        assert_eq!(self.post("/v1/payments", "pay-1", &other).await.status, 422);
        let back = json!({ "amount": { "minor": 500, "currency": "EUR" } });
        let refunds = format!("/v1/payments/{}/refunds", payment["id"].as_str().unwrap());
        made(&self.post(&refunds, "refund-1", &back).await);
        let declined = json!({
            "amount": { "minor": 700, "currency": "EUR" },
            "provider": "stripe", "payment_method": "pm_card_chargeDeclined",
        });
        assert_eq!(self.post("/v1/charges", "decline-1", &declined).await.status, 402);
        let held = self.reserve("reserve-2", &ana).await;
        let cancel = format!("/v1/bookings/{}/cancel", held["id"].as_str().unwrap());
        made(&self.post(&cancel, "cancel-1", &json!({})).await);
        let mut stranger = HttpConnection::new(&self.base_url);
        assert_eq!(stranger.get("/v1/products", &[]).await.unwrap().status, 401);
        let forged = stranger.post(&self.webhooks(), &[("stripe-signature", "t=1,v1=00")], "{}").await;
        assert_eq!(forged.unwrap().status, 400);
    }

    pub fn webhooks(&self) -> String {
        format!("/webhooks/stripe/{}", self.installation.account)
    }

    /// Waits until the figures of committed rows contain the day.
    pub async fn counted(&self) {
        until("the day is in the figures", async || {
            let scrape = self.scrape().await;
            let is = |name: &str, label: (&str, &str), count: f64| {
                scrape.sum(name, &[label]).is_some_and(|found| (found - count).abs() < 0.5)
            };
            let counted = is("surehold_effects_applied", ("kind", "payment.captured"), 1.0)
                && is("surehold_effects_applied", ("kind", "refund.succeeded"), 1.0)
                && is("surehold_operations", ("outcome", "succeeded"), 2.0)
                && is("surehold_operations", ("outcome", "failed"), 1.0)
                && is("surehold_bookings", ("state", "confirmed"), 1.0)
                && is("surehold_bookings", ("state", "cancelled"), 1.0)
                && is("surehold_bookings", ("state", "held"), 0.0);
            counted.then_some(())
        })
        .await;
    }
}

fn made(response: &HttpReply) -> Value {
    assert!(response.status.is_success(), "{} {}", response.status, response.text());
    response.json().unwrap()
}
