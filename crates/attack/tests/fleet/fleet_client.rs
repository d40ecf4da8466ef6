//! A client behind one kept connection: it keeps its keys, asks again as long as it is told to, and writes
//! down whatever it is answered.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use outbound::{HttpConnection, HttpReply};
use serde_json::{Value, json};
use testkit::program::{Catalogue, Tenant};

pub const PRICE_MINOR: i64 = 2_500;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(40);
/// For one request, through everything that befalls the servers.
const PATIENCE: Duration = Duration::from_mins(2);
/// No client gives up on a server that is only slow.
const TIMEOUT: Duration = Duration::from_mins(1);

#[derive(Clone)]
pub struct Shop {
    pub base_url: String,
    pub tenant: Tenant,
    pub catalogue: Catalogue,
    /// How often each kind of answer came, and each way to get none.
    pub met: Arc<Mutex<BTreeMap<String, usize>>>,
}

pub struct FleetClient<'a> {
    shop: &'a Shop,
    client: HttpConnection,
    authorization: String,
}

impl<'a> FleetClient<'a> {
    pub fn new(shop: &'a Shop) -> FleetClient<'a> {
        let client = HttpConnection::new(&shop.base_url).with_timeout(TIMEOUT);
        FleetClient { shop, client, authorization: format!("Bearer {}", shop.tenant.api_key) }
    }

    /// Takes money; the payment's id. The provider's books name the charge by `name`.
    pub async fn charge(&mut self, name: &str) -> String {
        let body = json!({
            "provider": "stripe", "payment_method": "pm_card_visa",
            "amount": { "minor": PRICE_MINOR, "currency": "EUR" }, "metadata": { "order": name },
        });
        self.insist(&format!("{name}-pay"), "/v1/charges", &body).await
    }

    /// Holds a seat for an hour; the booking's id.
    pub async fn reserve(&mut self, name: &str) -> String {
        let Catalogue { slots, unit, .. } = &self.shop.catalogue;
        let body = json!({
            "slot_id": slots[0], "units": [{ "unit_id": unit, "quantity": 1 }], "hold_seconds": 3_600,
            "customer": { "name": "Ana", "email": format!("{name}@example.com") },
        });
        self.insist(&format!("{name}-hold"), "/v1/bookings", &body).await
    }

    /// The same request under the same key until it is done; the id of what was made.
    async fn insist(&mut self, key: &str, path: &str, body: &Value) -> String {
        let begun = Instant::now();
        loop {
            let told = match self.once(key, path, body).await {
                Ok(answer) if answer.status.as_u16() == 201 => {
                    return answer.json().unwrap()["id"]
                        .as_str()
                        .expect("what was made has an id")
                        .to_owned();
                }
                Ok(answer) => format!("{}: {}", answer.status, answer.text()),
                Err(error) => error.to_string(),
            };
            assert!(begun.elapsed() < PATIENCE, "{key} does not come to be done: {told}");
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
        *self.shop.met.lock().entry(met).or_default() += 1;
        answer
    }
}

/// The status, and whether it bids to ask again.
fn status_and_retryable(answer: &HttpReply) -> String {
    let retryable = answer.json().is_ok_and(|problem| problem["retryable"] == true);
    format!("{}{}", answer.status.as_u16(), if retryable { " retryable" } else { "" })
}
