//! Steps 2 to 5: a card at Stripe, a lost answer, a duplicate, and a webhook that comes twice.

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::{Demonstration, PATIENCE, POLL, detail, money, step, text};
use crate::{Failed, failed};

impl Demonstration<'_> {
    fn payment_key(&self) -> String {
        self.key("pay")
    }

    fn payment_body(booking: &str) -> Value {
        json!({ "booking_id": booking, "provider": "stripe", "payment_method": "pm_card_visa" })
    }

    /// Sends the payment and closes the connection before the response: the classic cause of a
    /// double charge.
    pub(super) async fn pay_over_a_broken_connection(&mut self, booking: &str) -> Result<Value, Failed> {
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

    pub(super) async fn pay_again_and_differently(&mut self, booking: &str) -> Result<(), Failed> {
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

    pub(super) async fn receive_the_webhook_twice(
        &mut self,
        booking: &str,
        payment: &Value,
    ) -> Result<(), Failed> {
        step(5, "Stripe's signed webhook comes, twice. Only it confirms the booking.");
        let began = tokio::time::Instant::now();
        while began.elapsed() < PATIENCE {
            let now = self.get(&format!("/v1/bookings/{booking}")).await?;
            let posted = self.balances().await? != self.before;
            let (stored, repeated) = self.deliveries().await?;
            if now["state"] == "confirmed" && posted && repeated > 0 {
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
}
