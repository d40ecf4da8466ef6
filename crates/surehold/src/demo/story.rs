//! The story: one booking and its payment, with everything that can go wrong.
//!
//! Each step is an HTTP request to the running server; the output is the response. At the end the
//! booking, the ledger and the provider's own books are compared, and every promise is checked.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{Currency, Money};
use outbound::{HttpConnection, HttpReply};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::environment::DemoEnvironment;
use crate::{Failed, failed};

/// How long the story waits for an expected event.
const PATIENCE: Duration = Duration::from_secs(40);
/// The currency of the demo's products.
const CURRENCY: &str = "EUR";
const POLL: Duration = Duration::from_millis(50);

struct Demonstration<'a> {
    environment: &'a DemoEnvironment,
    api: HttpConnection,
    sandbox: HttpConnection,
    authorization: String,
    /// Prefix of this run's keys: the story may run again on the same directory.
    run: String,
    /// The ledger before the story, which an earlier run may have changed.
    before: BTreeMap<String, i64>,
}

/// Runs the story; `true` if every promise was kept.
pub async fn run(environment: &DemoEnvironment) -> Result<bool, Failed> {
    let mut demonstration = Demonstration {
        environment,
        api: HttpConnection::new(&environment.base_url),
        sandbox: HttpConnection::new(&environment.sandbox_url),
        authorization: format!("Bearer {}", environment.seeds.tenants[0].api_key),
        run: hex::encode(rand::random::<[u8; 4]>()),
        before: BTreeMap::new(),
    };
    print_line!("Surehold {}, on {}\n", env!("CARGO_PKG_VERSION"), environment.location);
    demonstration.before = demonstration.balances().await?;
    let booking = demonstration.reserve().await?;
    demonstration.faults(json!({ "webhook_duplicates": 1 })).await?;
    let payment = demonstration.pay_over_a_broken_connection(&booking).await?;
    demonstration.pay_again_and_differently(&booking).await?;
    demonstration.receive_the_webhook_twice(&booking, &payment).await?;
    demonstration.faults(json!({})).await?;
    let one_charge = demonstration.compare(&booking, &payment).await?;
    let promises = demonstration.check().await?;
    Ok(one_charge && promises)
}

fn step(number: u8, text: &str) {
    print_line!("{number}. {text}");
}

fn detail(text: impl AsRef<str>) {
    print_line!("   {}", text.as_ref());
}

impl Demonstration<'_> {
    async fn post(&mut self, path: &str, key: &str, body: &Value) -> Result<HttpReply, Failed> {
        let headers = [
            ("authorization", self.authorization.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", key),
        ];
        Ok(self.api.post(path, &headers, body.to_string()).await?)
    }

    async fn get(&mut self, path: &str) -> Result<Value, Failed> {
        let answer = self.api.get(path, &[("authorization", self.authorization.as_str())]).await?;
        if !answer.status.is_success() {
            return Err(failed(format!("GET {path} answered {}: {}", answer.status, answer.text())));
        }
        Ok(answer.json()?)
    }

    async fn faults(&mut self, faults: Value) -> Result<(), Failed> {
        let headers = [("content-type", "application/json")];
        let answer = self.sandbox.post("/sandbox/faults", &headers, faults.to_string()).await?;
        if answer.status.is_success() { Ok(()) } else { Err(failed(answer.text())) }
    }

    async fn reserve(&mut self) -> Result<String, Failed> {
        step(1, "Ana reserves two seats of ten.");
        let body = json!({
            "slot_id": self.environment.small_slot.id.0,
            "units": [{ "unit_id": self.environment.seeds.unit_id, "quantity": 2 }],
            "customer": { "name": "Ana Lima", "email": format!("ana.{}@example.com", self.run) },
        });
        let key = format!("demo-{}-reserve", self.run);
        let answer = self.post("/v1/bookings", &key, &body).await?;
        let booking = answer.json()?;
        if answer.status != 201 {
            return Err(failed(format!("the reservation was answered {}: {booking}", answer.status)));
        }
        detail(format!(
            "201, booking {} is {}, due {}",
            text(&booking, "/id"),
            text(&booking, "/state"),
            money(&booking["due"])
        ));
        Ok(text(&booking, "/id"))
    }

    fn payment_key(&self) -> String {
        format!("demo-{}-pay", self.run)
    }

    fn payment_body(booking: &str) -> Value {
        json!({ "booking_id": booking, "provider": "stripe", "payment_method": "pm_card_visa" })
    }

    /// Sends the payment and closes the connection before the response: the classic cause of a
    /// double charge.
    async fn pay_over_a_broken_connection(&mut self, booking: &str) -> Result<Value, Failed> {
        step(2, "She pays by card, and the line breaks before the answer comes.");
        let authority = self.environment.base_url.trim_start_matches("http://");
        let body = Self::payment_body(booking).to_string();
        let request = format!(
            "POST /v1/payments HTTP/1.1\r\nHost: {authority}\r\nAuthorization: {}\r\nIdempotency-Key: {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.authorization,
            self.payment_key(),
            body.len()
        );
        let mut line = TcpStream::connect(authority).await?;
        line.write_all(request.as_bytes()).await?;
        self.wait_for_payment(booking).await?;
        drop(line);
        detail("the request was sent, the connection is gone, nobody knows what happened");

        step(3, "Her app sends the same request again, with the same Idempotency-Key.");
        let began = tokio::time::Instant::now();
        loop {
            let answer = self.post("/v1/payments", &self.payment_key(), &Self::payment_body(booking)).await?;
            let reply = answer.json()?;
            match answer.status.as_u16() {
                201 => {
                    let replayed = answer.header("idempotent-replayed").unwrap_or("false");
                    detail(format!(
                        "201, payment {} is {}, Idempotent-Replayed: {replayed}",
                        text(&reply, "/id"),
                        text(&reply, "/state")
                    ));
                    return Ok(reply);
                }
                409 if began.elapsed() < PATIENCE => {
                    detail(format!("409 {}: it is still at work; again", text(&reply, "/code")));
                    tokio::time::sleep(POLL * 4).await;
                }
                status => return Err(failed(format!("the retry was answered {status}: {reply}"))),
            }
        }
    }

    /// Closing the connection earlier, before the server has the whole request, would prove
    /// nothing.
    async fn wait_for_payment(&mut self, booking: &str) -> Result<(), Failed> {
        let began = tokio::time::Instant::now();
        while began.elapsed() < PATIENCE {
            let payments = self.get(&format!("/v1/payments?booking_id={booking}")).await?;
            if payments["data"].as_array().is_some_and(|data| !data.is_empty()) {
                return Ok(());
            }
            tokio::time::sleep(POLL / 10).await;
        }
        Err(failed("the payment never arrived"))
    }

    async fn pay_again_and_differently(&mut self, booking: &str) -> Result<(), Failed> {
        step(4, "A duplicate, its members in another order; then the same key with another body.");
        let key = self.payment_key();
        let reordered = format!(
            r#"{{"payment_method": "pm_card_visa",  "provider": "stripe", "booking_id": "{booking}"}}"#
        );
        let duplicate: Value = serde_json::from_str(&reordered)?;
        let answer = self.post("/v1/payments", &key, &duplicate).await?;
        detail(format!(
            "duplicate: {}, Idempotent-Replayed: {}",
            answer.status.as_u16(),
            answer.header("idempotent-replayed").unwrap_or("false")
        ));
        let mut changed = Self::payment_body(booking);
        changed["payment_method"] = json!("pm_card_mastercard");
        let refused = self.post("/v1/payments", &key, &changed).await?;
        detail(format!("changed:   {} {}", refused.status.as_u16(), text(&refused.json()?, "/code")));
        if answer.status == 201 && refused.status == 422 {
            Ok(())
        } else {
            Err(failed("a duplicate must be a replay, and a changed body a 422"))
        }
    }

    async fn receive_the_webhook_twice(&mut self, booking: &str, payment: &Value) -> Result<(), Failed> {
        step(5, "Stripe's signed webhook comes, twice. Only it confirms the booking.");
        let began = tokio::time::Instant::now();
        while began.elapsed() < PATIENCE {
            let now = self.get(&format!("/v1/bookings/{booking}")).await?;
            let drained = self.drained().await?;
            let (stored, repeated) = self.deliveries().await?;
            if now["state"] == "confirmed" && drained && repeated > 0 {
                detail(format!(
                    "{} deliveries, {stored} stored, {repeated} recognised as repeated",
                    stored + repeated
                ));
                detail(format!(
                    "booking {} is {}, {}, paid {}",
                    text(&now, "/id"),
                    text(&now, "/state"),
                    text(&now, "/payment_status"),
                    money(&now["paid"])
                ));
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
        Err(failed(format!("payment {} never confirmed its booking", text(payment, "/id"))))
    }

    /// Webhooks since the start: stored and repeated.
    async fn deliveries(&mut self) -> Result<(u64, u64), Failed> {
        let metrics = self.api.get("/metrics", &[]).await?.text();
        let count = |outcome: &str| {
            let name = format!("surehold_webhooks_total{{outcome=\"{outcome}\"}} ");
            let line = metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse::<f64>().ok());
            line.map_or(0, |count| count as u64)
        };
        Ok((count("stored"), count("repeated")))
    }

    /// Waits until the ledger has received the whole outbox.
    async fn drained(&mut self) -> Result<bool, Failed> {
        Ok(self.balances().await? != self.before)
    }

    /// The balance of each ledger account in the story's currency.
    async fn balances(&mut self) -> Result<BTreeMap<String, i64>, Failed> {
        let accounts = self.get("/v1/ledger/accounts?limit=200").await?;
        let accounts = accounts["data"].as_array().cloned().unwrap_or_default();
        let own = accounts.iter().filter(|account| account["balance"]["currency"] == CURRENCY);
        Ok(own
            .map(|account| (text(account, "/name"), account["balance"]["minor"].as_i64().unwrap_or_default()))
            .collect())
    }

    async fn compare(&mut self, booking: &str, payment: &Value) -> Result<bool, Failed> {
        step(6, "The books, side by side.");
        let payment_id = text(payment, "/id");
        let ours = self.get(&format!("/v1/bookings/{booking}")).await?;
        let books: Value = self.sandbox.get("/sandbox/books", &[]).await?.json()?;
        let empty = Vec::new();
        let of_ours = |charge: &&Value| charge["metadata"]["operation"] == payment_id.as_str();
        let charges: Vec<&Value> =
            books["charges"].as_array().unwrap_or(&empty).iter().filter(of_ours).collect();
        let captured: i64 = charges.iter().filter_map(|charge| charge["captured_minor"].as_i64()).sum();
        let ledger = self.balances().await?;
        print_line!("\n   booking   paid {:>10}   state {}", money(&ours["paid"]), text(&ours, "/state"));
        for (name, balance) in &ledger {
            let moved = balance - self.before.get(name).copied().unwrap_or(0);
            if moved != 0 {
                print_line!(
                    "   ledger    {:>15}   {name}",
                    money(&json!({ "minor": moved, "currency": CURRENCY }))
                );
            }
        }
        for charge in &charges {
            print_line!(
                "   provider  {:>15}   charge {} {}",
                money(&json!({ "minor": charge["captured_minor"], "currency": charge["currency"] })),
                text(charge, "/id"),
                text(charge, "/status")
            );
        }
        let one = charges.len() == 1 && Some(captured) == ours["paid"]["minor"].as_i64();
        print_line!("\n   {} charge{}.\n", charges.len(), if charges.len() == 1 { "" } else { "s" });
        Ok(one)
    }

    async fn check(&mut self) -> Result<bool, Failed> {
        step(7, "Every promise, checked against the database and the provider's books.");
        crate::check::report(
            &self.environment.location,
            Some(&format!("{}/sandbox/books", self.environment.sandbox_url)),
            false,
        )
        .await
    }
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("?").to_owned()
}

fn money(value: &Value) -> String {
    let minor = value["minor"].as_i64().unwrap_or_default();
    let code = value["currency"].as_str().unwrap_or("?").to_uppercase();
    Currency::new(&code)
        .map_or_else(|| format!("{minor} {code}"), |currency| Money::new(minor, currency).decimal())
}
