//! Clients that never give up: they write down each request before it is sent, and say it again under the
//! same key until the answer is definite.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use harness::http::{Client, Response};
use harness::program::{Catalogue, Tenant};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::orders::{Order, PRICE_MINOR};

const CLIENTS: usize = 16;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(40);
/// For one request, through everything that befalls the server.
const PATIENCE: Duration = Duration::from_mins(2);
/// Shorter than the server's own wait, so that clients are also seen to hang up.
const TIMEOUT: Duration = Duration::from_secs(3);

/// A request as it was written down, and its definite answer.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: String,
    pub path: String,
    pub body: String,
    pub answer: Option<(u16, String)>,
}

/// What became of an order.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub order: Order,
    pub booking: Option<String>,
    pub payment: String,
    pub declined: bool,
}

#[derive(Clone)]
pub struct Shop {
    pub base_url: String,
    pub tenant: Tenant,
    pub catalogue: Catalogue,
    pub journal: Arc<Mutex<Vec<Entry>>>,
}

/// Works through the orders; `finished` counts those that are.
pub async fn serve(shop: &Shop, orders: Vec<Order>, finished: watch::Sender<usize>) -> Vec<Outcome> {
    let waiting = Arc::new(Mutex::new(VecDeque::from(orders)));
    let finished = Arc::new(finished);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (shop, waiting, finished) = (shop.clone(), waiting.clone(), finished.clone());
            tokio::spawn(async move {
                let mut teller = Teller::new(&shop);
                let mut outcomes = Vec::new();
                loop {
                    let next = waiting.lock().unwrap().pop_front();
                    let Some(order) = next else { return outcomes };
                    outcomes.push(teller.carry_out(order).await);
                    finished.send_modify(|count| *count += 1);
                }
            })
        })
        .collect();
    let mut outcomes = Vec::new();
    for client in clients {
        outcomes.extend(client.await.unwrap());
    }
    outcomes
}

pub struct Teller<'a> {
    shop: &'a Shop,
    client: Client,
    authorization: String,
}

impl<'a> Teller<'a> {
    pub fn new(shop: &'a Shop) -> Teller<'a> {
        let client = Client::new(&shop.base_url).unwrap().with_timeout(TIMEOUT);
        Teller { shop, client, authorization: format!("Bearer {}", shop.tenant.api_key) }
    }

    async fn carry_out(&mut self, order: Order) -> Outcome {
        let name = order.name.clone();
        let booking = if order.books { Some(self.reserve(&name).await) } else { None };
        let metadata = json!({ "order": name });
        let method = order.payment_method;
        let mut payment = json!({ "provider": "stripe", "payment_method": method, "metadata": metadata });
        match &booking {
            Some(booking) => payment["booking_id"] = json!(booking),
            None => payment["amount"] = json!({ "minor": PRICE_MINOR, "currency": "EUR" }),
        }
        let mut path = "/v1/payments";
        if order.captures_minor.is_some() {
            payment["capture"] = json!("manual");
        } else if booking.is_none() {
            path = "/v1/charges";
        }
        let (status, answer) = self.ask(&format!("{name}-pay"), path, &payment).await;
        if status == 402 {
            let payment = resource(&answer);
            return Outcome { order, booking, payment, declined: true };
        }
        assert_eq!(status, 201, "{name}: {answer}");
        let id = answer["id"].as_str().unwrap().to_owned();
        if let Some(minor) = order.captures_minor {
            let amount = json!({ "amount": { "minor": minor, "currency": "EUR" } });
            let path = format!("/v1/payments/{id}/capture");
            let (status, answer) = self.ask(&format!("{name}-capture"), &path, &amount).await;
            assert_eq!(status, 200, "{name}: {answer}");
        }
        for (at, minor) in order.refunds_minor.iter().enumerate() {
            let amount = json!({ "amount": { "minor": minor, "currency": "EUR" } });
            let path = format!("/v1/payments/{id}/refunds");
            let (status, answer) = self.ask(&format!("{name}-refund-{at}"), &path, &amount).await;
            assert_eq!(status, 201, "{name}: {answer}");
        }
        Outcome { order, booking, payment: id, declined: false }
    }

    pub async fn reserve(&mut self, name: &str) -> String {
        let body = self.shop.hold(name);
        let (status, answer) = self.ask(&format!("{name}-hold"), "/v1/bookings", &body).await;
        assert_eq!(status, 201, "{name}: {answer}");
        answer["id"].as_str().unwrap().to_owned()
    }

    /// Writes it down, and asks until the answer is definite.
    async fn ask(&mut self, key: &str, path: &str, body: &Value) -> (u16, Value) {
        let entry =
            Entry { key: key.to_owned(), path: path.to_owned(), body: body.to_string(), answer: None };
        let at = {
            let mut journal = self.shop.journal.lock().unwrap();
            journal.push(entry.clone());
            journal.len() - 1
        };
        let answer = self.insist(&entry).await;
        self.shop.journal.lock().unwrap()[at].answer = Some((answer.status.as_u16(), answer.text()));
        (answer.status.as_u16(), answer.json().unwrap())
    }

    pub async fn insist(&mut self, entry: &Entry) -> Response {
        let begun = Instant::now();
        loop {
            let told = match self.once(entry).await {
                Ok(answer) if is_definite(&answer) => return answer,
                Ok(answer) => format!("{}: {}", answer.status, answer.text()),
                Err(error) => error.to_string(),
            };
            assert!(begun.elapsed() < PATIENCE, "{} has no definite answer: {told}", entry.key);
            tokio::time::sleep(PAUSE).await;
        }
    }

    pub async fn once(&mut self, entry: &Entry) -> Result<Response, harness::http::Error> {
        let headers = [
            ("authorization", self.authorization.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", entry.key.as_str()),
        ];
        self.client.post(&entry.path, &headers, entry.body.clone()).await
    }

    pub async fn get(&mut self, path: &str, key: &str) -> Value {
        let authorization = format!("Bearer {key}");
        let answer = self.client.get(path, &[("authorization", &authorization)]).await.unwrap();
        assert!(answer.status.is_success(), "{path}: {}", answer.text());
        answer.json().unwrap()
    }
}

impl Shop {
    /// A hold for an hour, for a customer of its own.
    pub fn hold(&self, name: &str) -> Value {
        json!({
            "slot_id": self.catalogue.slots[0],
            "units": [{ "unit_id": self.catalogue.unit, "quantity": 1 }],
            "customer": { "name": "Ana", "email": format!("{name}@example.com") },
            "hold_seconds": 3_600,
        })
    }
}

/// Neither under way, nor refused for the moment.
fn is_definite(answer: &Response) -> bool {
    match answer.status.as_u16() {
        202 | 429 | 500.. => false,
        409 => !answer.json().is_ok_and(|problem| problem["retryable"] == true),
        _ => true,
    }
}

/// The id of what a problem is about.
fn resource(problem: &Value) -> String {
    let named = ["payment_id", "resource_id", "resource"].iter().find_map(|name| problem[*name].as_str());
    named.unwrap_or_else(|| panic!("it names no payment: {problem}")).to_owned()
}
