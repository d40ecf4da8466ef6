//! A client with one kept connection. It retries under the same key as long as the answers allow,
//! and counts the answers.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use outbound::{HttpConnection, HttpReply};
use serde_json::{Value, json};
use testkit::program::{Catalogue, Tenant};

pub const PRICE_MINOR: i64 = 2_500;
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(40);
/// The time for one request, with all its retries.
const PATIENCE: Duration = Duration::from_mins(2);
/// No client gives up on a server that is only slow.
const TIMEOUT: Duration = Duration::from_mins(1);

#[derive(Clone)]
pub struct Service {
    pub base_url: String,
    pub tenant: Tenant,
    pub catalogue: Catalogue,
    /// The number of answers of each kind, and of each error.
    pub met: Arc<Mutex<BTreeMap<String, usize>>>,
}

pub struct FleetClient<'a> {
    service: &'a Service,
    client: HttpConnection,
    authorization: String,
}

impl<'a> FleetClient<'a> {
    pub fn new(service: &'a Service) -> FleetClient<'a> {
        let client = HttpConnection::new(&service.base_url).with_timeout(TIMEOUT);
        FleetClient { service, client, authorization: format!("Bearer {}", service.tenant.api_key) }
    }

    /// Charges, and returns the payment's id. The provider's books name the charge by `name`.
    pub async fn charge(&mut self, name: &str) -> String {
        let body = json!({
            "provider": "stripe", "payment_method": "pm_card_visa",
            "amount": { "minor": PRICE_MINOR, "currency": "EUR" }, "metadata": { "order": name },
        });
        self.retry_until_definite(&format!("{name}-pay"), "/v1/charges", &body).await
    }

    /// Holds a seat for an hour, and returns the booking's id.
    pub async fn reserve(&mut self, name: &str) -> String {
        let Catalogue { slots, unit, .. } = &self.service.catalogue;
        let body = json!({
            "slot_id": slots[0], "units": [{ "unit_id": unit, "quantity": 1 }], "hold_seconds": 3_600,
            "customer": { "name": "Ana", "email": format!("{name}@example.com") },
        });
        self.retry_until_definite(&format!("{name}-hold"), "/v1/bookings", &body).await
    }

    /// Sends the request under the same key until it is done. Returns the id of the created
    /// resource.
    async fn retry_until_definite(&mut self, key: &str, path: &str, body: &Value) -> String {
        let begun = Instant::now();
        loop {
            let outcome = match self.once(key, path, body).await {
                Ok(answer) if answer.status.as_u16() == 201 => {
                    return answer.json().unwrap()["id"]
                        .as_str()
                        .expect("what was made has an id")
                        .to_owned();
                }
                Ok(answer) => format!("{}: {}", answer.status, answer.text()),
                Err(error) => error.to_string(),
            };
            assert!(begun.elapsed() < PATIENCE, "{key} does not come to be done: {outcome}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn once(&mut self, key: &str, path: &str, body: &Value) -> Result<HttpReply, outbound::Error> {
        let headers = [
            ("authorization", self.authorization.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", key),
        ];
        let answer = self.client.post(path, &headers, body.to_string()).await;
        let met = match &answer {
            Ok(answer) => status_and_retryable(answer),
            Err(error) => error.to_string(),
        };
        *self.service.met.lock().entry(met).or_default() += 1;
        answer
    }
}

/// The status, and whether the answer allows a retry.
fn status_and_retryable(answer: &HttpReply) -> String {
    let retryable = answer.json().is_ok_and(|problem| problem["retryable"] == true);
    format!("{}{}", answer.status.as_u16(), if retryable { " retryable" } else { "" })
}
