//! The story: a booking and its payment at each provider, with what can go wrong, and a payout.
//!
//! | module | steps |
//! |---|---|
//! | `card` | a card at Stripe: a lost answer, a duplicate, a webhook that comes twice |
//! | `reais` | a card at Mercado Pago; Pix at a bank, half of it refunded |
//! | `payout` | the booking is completed, and the guide's share is paid out |
//! | `compare` | the bookings, the ledger and the providers' own books |
//!
//! Each step is an HTTP request to the running server; the output is the response. At the end the
//! books are compared, and every promise is checked.

mod card;
mod compare;
mod payout;
mod reais;

use std::time::Duration;

use domain::{Currency, Money};
use outbound::{HttpConnection, HttpReply};
use serde_json::{Value, json};
use server::ports::clock::SystemClock;
use store::Clock as _;
use uuid::Uuid;

use super::environment::DemoEnvironment;
use super::seeds::SeededProduct;
use crate::{Failed, failed};
use compare::Balances;

/// How long the story waits for an expected event.
const PATIENCE: Duration = Duration::from_secs(40);
const POLL: Duration = Duration::from_millis(50);

struct Demonstration<'a> {
    environment: &'a DemoEnvironment,
    api: HttpConnection,
    sandbox: HttpConnection,
    authorization: String,
    /// Prefix of this run's keys: the story may run again on the same directory.
    run: String,
    /// When the story began.
    begun: String,
    /// The ledger before the story, which an earlier run may have changed.
    before: Balances,
}

/// A booking of the story, and its payment.
struct PaidBooking {
    booking: String,
    payment: String,
}

/// Runs the story; `true` if every promise was kept.
pub async fn run(environment: &DemoEnvironment) -> Result<bool, Failed> {
    let now = SystemClock.now();
    let tenant = &environment.seeds.tenants[0];
    let mut demonstration = Demonstration {
        environment,
        api: HttpConnection::new(&environment.base_url),
        sandbox: HttpConnection::new(&environment.sandbox_url),
        authorization: format!("Bearer {}", tenant.api_key),
        run: hex::encode(rand::random::<[u8; 4]>()),
        begun: jiff::Timestamp::from_microsecond(now.0)?.to_string(),
        before: Balances::new(),
    };
    print_line!("Surehold {}, on {}\n", env!("CARGO_PKG_VERSION"), environment.location);
    demonstration.before = demonstration.balances().await?;
    // Splits and payouts need the scope `payouts`, which the app's key does not have.
    demonstration.act_with(&tenant.ops_key);
    let guide = demonstration.share_with_a_guide().await?;
    demonstration.act_with(&tenant.api_key);
    let ana = demonstration.pay_by_card().await?;
    let rui = demonstration.pay_in_reais().await?;
    let bia = demonstration.pay_by_pix().await?;
    demonstration.refund_a_seat(&bia).await?;
    demonstration.act_with(&tenant.ops_key);
    demonstration.pay_the_guide(&ana.booking, &guide).await?;
    let equal = demonstration.compare(&[ana, rui, bia]).await?;
    let promises = demonstration.check().await?;
    Ok(equal && promises)
}

fn step(number: u8, text: &str) {
    print_line!("{number}. {text}");
}

fn detail(text: impl AsRef<str>) {
    print_line!("   {}", text.as_ref());
}

impl Demonstration<'_> {
    fn act_with(&mut self, api_key: &str) {
        self.authorization = format!("Bearer {api_key}");
    }

    fn key(&self, name: &str) -> String {
        format!("demo-{}-{name}", self.run)
    }

    async fn post(&mut self, path: &str, key: &str, body: &Value) -> Result<HttpReply, Failed> {
        let headers = [
            ("authorization", self.authorization.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", key),
        ];
        Ok(self.api.post(path, &headers, body.to_string()).await?)
    }

    /// Posts, and repeats it while it is under way, as a client does.
    async fn post_to_the_end(&mut self, path: &str, key: &str, body: &Value) -> Result<Value, Failed> {
        let began = tokio::time::Instant::now();
        loop {
            let answer = self.post(path, key, body).await?;
            let reply: Value = answer.json()?;
            match answer.status.as_u16() {
                200..=202 => return Ok(reply),
                409 if text(&reply, "/code") == "request_in_progress" && began.elapsed() < PATIENCE => {
                    tokio::time::sleep(POLL * 4).await;
                }
                status => return Err(failed(format!("POST {path} answered {status}: {reply}"))),
            }
        }
    }

    async fn get(&mut self, path: &str) -> Result<Value, Failed> {
        let answer = self.api.get(path, &[("authorization", self.authorization.as_str())]).await?;
        if !answer.status.is_success() {
            return Err(failed(format!("GET {path} answered {}: {}", answer.status, answer.text())));
        }
        Ok(answer.json()?)
    }

    /// What this path shows, once it is as expected.
    async fn becomes(&mut self, path: &str, expected: impl Fn(&Value) -> bool) -> Result<Value, Failed> {
        let began = tokio::time::Instant::now();
        loop {
            let seen = self.get(path).await?;
            if expected(&seen) {
                return Ok(seen);
            }
            if began.elapsed() > PATIENCE {
                return Err(failed(format!("GET {path} never showed what was expected: {seen}")));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn post_to_sandbox(&mut self, path: &str, body: &Value) -> Result<(), Failed> {
        let headers = [("content-type", "application/json")];
        let answer = self.sandbox.post(path, &headers, body.to_string()).await?;
        if answer.status.is_success() { Ok(()) } else { Err(failed(answer.text())) }
    }

    /// Reserves two seats.
    async fn reserve(
        &mut self,
        customer: &str,
        slot: Uuid,
        product: SeededProduct,
    ) -> Result<String, Failed> {
        let first = customer.split(' ').next().unwrap_or(customer).to_lowercase();
        let body = json!({
            "slot_id": slot,
            "units": [{ "unit_id": product.unit_id, "quantity": 2 }],
            "customer": { "name": customer, "email": format!("{first}.{}@example.com", self.run) },
        });
        let key = self.key(&format!("reserve-{first}"));
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

    /// Shows the booking, once it is confirmed.
    async fn becomes_confirmed(&mut self, booking: &str) -> Result<(), Failed> {
        let path = format!("/v1/bookings/{booking}");
        let now = self.becomes(&path, |seen| seen["state"] == "confirmed").await?;
        detail(format!(
            "booking {} is {}, {}, paid {}",
            text(&now, "/id"),
            text(&now, "/state"),
            text(&now, "/payment_status"),
            money(&now["paid"])
        ));
        Ok(())
    }

    async fn pay_by_card(&mut self) -> Result<PaidBooking, Failed> {
        step(1, "Ana reserves two seats of ten.");
        let product = self.environment.seeds.tenants[0].product;
        let booking = self.reserve("Ana Lima", self.environment.small_slot.id.0, product).await?;
        self.post_to_sandbox("/sandbox/faults", &json!({ "webhook_duplicates": 1 })).await?;
        let payment = self.pay_over_a_broken_connection(&booking).await?;
        self.pay_again_and_differently(&booking).await?;
        self.receive_the_webhook_twice(&booking, &payment).await?;
        self.post_to_sandbox("/sandbox/faults", &json!({})).await?;
        Ok(PaidBooking { booking, payment: text(&payment, "/id") })
    }

    async fn check(&mut self) -> Result<bool, Failed> {
        step(11, "Every promise, checked against the database and the providers' books.");
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
    let code = value["currency"].as_str().unwrap_or("?").to_uppercase();
    amount(value["minor"].as_i64().unwrap_or_default(), &code)
}

fn amount(minor: i64, code: &str) -> String {
    Currency::new(code)
        .map_or_else(|| format!("{minor} {code}"), |currency| Money::new(minor, currency).decimal())
}
