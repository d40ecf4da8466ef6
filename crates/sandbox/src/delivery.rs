//! Delivers events to webhook endpoints: at least once, in no guaranteed order.
//!
//! One task holds all deliveries: those that are ready, those that wait, and at most
//! [`IN_FLIGHT_MAX`] in progress. Finished deliveries are journaled in batches. A kill in between
//! means that an event is delivered again, never that it is lost.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, VecDeque},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use http::{Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{sync::watch, time::Instant};

use crate::{
    account::WebhookEndpoint,
    clock,
    event::{StoredEvent, render_as},
    line::{JournalRecord, Settled},
    mercado_pago::PaymentNotification,
    pix, signature,
    snapshot::Snapshot,
    state::{NewDelivery, REMEMBERED_MAX, SharedState},
    stripe::version,
    wire::ProviderWire,
};

const IN_FLIGHT_MAX: usize = 64;
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a stop waits for the replies to deliveries in progress.
const STOP_PATIENCE: Duration = Duration::from_secs(2);
const BACKOFF_FIRST_MS: u64 = 1_000;
const BACKOFF_MAX_MS: u64 = 30_000;
/// Stripe gives up after three days.
const GIVEN_UP_AFTER_S: i64 = 3 * 24 * 60 * 60;
/// How many finished deliveries share one journal line.
const SETTLED_BATCH: usize = 64;
const ANSWER_BYTES_MAX: usize = 64 * 1024;

type Sender = Client<HttpConnector, Full<Bytes>>;

struct Delivery {
    fresh: NewDelivery,
    /// Only the first copy decides when the delivery is finished.
    copy: bool,
    attempts: u32,
}

enum Attempt {
    Delivered,
    /// The endpoint no longer exists.
    Pointless,
    Failed,
}

pub struct WebhookSender {
    shared: Arc<SharedState>,
    sender: Sender,
    ready: VecDeque<Delivery>,
    /// By the time they become ready, and then by the order they came.
    waiting: BinaryHeap<Reverse<(Instant, u64)>>,
    parked: BTreeMap<u64, Delivery>,
    parkings: u64,
    settled: Vec<Settled>,
    undelivered: Vec<Settled>,
}

impl WebhookSender {
    pub fn new(shared: Arc<SharedState>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(TIMEOUT));
        let sender =
            Client::builder(TokioExecutor::new()).pool_max_idle_per_host(IN_FLIGHT_MAX).build(connector);
        Self {
            shared,
            sender,
            ready: VecDeque::new(),
            waiting: BinaryHeap::new(),
            parked: BTreeMap::new(),
            parkings: 0,
            settled: Vec::new(),
            undelivered: Vec::new(),
        }
    }

    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut in_flight = FuturesUnordered::new();
        loop {
            self.collect();
            self.wake();
            while in_flight.len() < IN_FLIGHT_MAX
                && let Some(delivery) = self.ready.pop_front()
            {
                in_flight.push(attempt(self.shared.clone(), self.sender.clone(), delivery));
            }
            if self.settled.len() + self.undelivered.len() >= SETTLED_BATCH || in_flight.is_empty() {
                self.settle();
            }
            let next = self.waiting.peek().map(|Reverse((at, _))| *at);
            tokio::select! {
                _ = stop.changed() => break,
                Some((delivery, result)) = in_flight.next(), if !in_flight.is_empty() => self.finished(delivery, &result),
                () = self.shared.stirred.notified() => {}
                () = sleep_until(next), if next.is_some() => {}
            }
        }
        // Replies to sent deliveries arrive soon; waiting for them saves the endpoint a repetition.
        let answered = async {
            while let Some((delivery, result)) = in_flight.next().await {
                self.finished(delivery, &result);
            }
        };
        let _ = tokio::time::timeout(STOP_PATIENCE, answered).await;
        self.settle();
    }

    /// Collects the deliveries that calls have caused since, and draws their faults. Held-back
    /// deliveries stay in the queue.
    fn collect(&mut self) {
        let shared = self.shared.clone();
        let mut state = shared.state();
        let state = &mut *state;
        if state.faults.webhook_hold {
            return;
        }
        for fresh in state.outgoing.drain(..) {
            let posting = state.faults.posting(&mut state.posting);
            if posting.lost {
                self.undelivered.push(fresh.due.settled());
                continue;
            }
            let crowded = self.ready.len() + self.parked.len() >= REMEMBERED_MAX;
            for copy in 0..posting.copies {
                let line = fresh.line.clone().filter(|_| !crowded);
                let fresh = NewDelivery { due: fresh.due.clone(), line };
                let delivery = Delivery { fresh, copy: copy > 0, attempts: 0 };
                if posting.delay_ms == 0 {
                    self.ready.push_back(delivery);
                } else {
                    self.park(delivery, posting.delay_ms);
                }
            }
        }
    }

    fn park(&mut self, delivery: Delivery, delay_ms: u64) {
        let at = Instant::now() + Duration::from_millis(delay_ms);
        self.waiting.push(Reverse((at, self.parkings)));
        self.parked.insert(self.parkings, delivery);
        self.parkings += 1;
    }

    fn wake(&mut self) {
        let now = Instant::now();
        while let Some(Reverse((at, parking))) = self.waiting.peek().copied()
            && at <= now
        {
            self.waiting.pop();
            self.ready.extend(self.parked.remove(&parking));
        }
    }

    fn finished(&mut self, mut delivery: Delivery, result: &Attempt) {
        let age_s = clock::now_ms() / 1000 - delivery.fresh.due.event.created;
        let over = match result {
            Attempt::Delivered => Some(&mut self.settled),
            Attempt::Pointless => Some(&mut self.undelivered),
            Attempt::Failed => (age_s > GIVEN_UP_AFTER_S).then_some(&mut self.undelivered),
        };
        if let Some(over) = over {
            if !delivery.copy {
                over.push(delivery.fresh.due.settled());
            }
            return;
        }
        let delay_ms = (BACKOFF_FIRST_MS << delivery.attempts.min(10)).min(BACKOFF_MAX_MS);
        delivery.attempts += 1;
        // Many deliveries may wait for an endpoint that is down, so they read their journal line
        // again when they need it.
        delivery.fresh.line = None;
        self.park(delivery, delay_ms);
    }

    fn settle(&mut self) {
        if self.settled.is_empty() && self.undelivered.is_empty() {
            return;
        }
        let settled = std::mem::take(&mut self.settled);
        let undelivered = std::mem::take(&mut self.undelivered);
        let line = JournalRecord { at: clock::now_ms(), settled, undelivered, ..JournalRecord::default() };
        if let Err(error) = self.shared.state().commit(line) {
            tracing::warn!(%error, "finished deliveries could not be journaled: a restart will repeat them");
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn attempt(shared: Arc<SharedState>, sender: Sender, delivery: Delivery) -> (Delivery, Attempt) {
    let Some((wire, request)) = prepare(&shared, &delivery) else { return (delivery, Attempt::Pointless) };
    let (head, body) = request.into_parts();
    let exchange = shared.traffic.as_ref().map(|traffic| traffic.webhook(&head, &body));
    let request = Request::from_parts(head, Full::new(body));
    let sent = tokio::time::timeout(TIMEOUT, async {
        let response = sender.request(request).await.ok()?;
        let accepted = match wire {
            ProviderWire::Stripe | ProviderWire::Pix => response.status().is_success(),
            ProviderWire::MercadoPago => matches!(response.status().as_u16(), 200 | 201),
        };
        // Read to the end, so that the connection can be reused.
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.ok()?.to_bytes();
        if let Some(exchange) = exchange {
            exchange.finish(head.status.as_u16(), &head.headers, &body);
        }
        Some(accepted)
    });
    match sent.await {
        Ok(Some(true)) => (delivery, Attempt::Delivered),
        _ => (delivery, Attempt::Failed),
    }
}

/// The signed request; `None` if the endpoint no longer exists.
fn prepare(shared: &SharedState, delivery: &Delivery) -> Option<(ProviderWire, Request<Bytes>)> {
    let due = &delivery.fresh.due;
    let (wire, endpoint, salt, faults) = {
        let state = shared.state();
        let account = &state.books.accounts.get(&due.account)?.account;
        let endpoint = account.endpoints.iter().find(|found| *found.id == *due.endpoint && !found.removed)?;
        (account.wire, endpoint.clone(), state.books.mint.salt.clone(), state.faults.clone())
    };
    let read_back;
    let line = if let Some(line) = &delivery.fresh.line {
        line
    } else {
        read_back = Arc::new(shared.reader.line(due.event.place).ok()?);
        &read_back
    };
    let event = StoredEvent { created: due.event.created - faults.webhook_age_s as i64, ..due.event };
    let request = match wire {
        ProviderWire::Stripe => stripe_request(&endpoint, &salt, event, line),
        ProviderWire::Pix => {
            let noted = line.events.iter().find(|noted| noted.number == event.number)?;
            let Some(Snapshot::StoredCob(cob)) = line.snapshots.get(noted.snapshot) else { return None };
            pix::request(&endpoint, event, cob)
        }
        ProviderWire::MercadoPago => {
            let noted = line.events.iter().find(|noted| noted.number == event.number)?;
            let Some(Snapshot::StoredPayment(payment)) = line.snapshots.get(noted.snapshot) else {
                return None;
            };
            let notification = PaymentNotification {
                account: &due.account,
                endpoint: &endpoint,
                salt: &salt,
                event,
                payment,
                attempts: delivery.attempts,
                at_ms: clock::now_ms(),
            };
            notification.request(&faults)
        }
    };
    Some((wire, request?))
}

fn stripe_request(
    endpoint: &WebhookEndpoint,
    salt: &str,
    event: StoredEvent,
    line: &JournalRecord,
) -> Option<Request<Bytes>> {
    let version = endpoint.api_version.as_deref().unwrap_or(version::DEFAULT.name());
    let body = render_as(version, salt, event, line)?;
    let signature = signature::header(&endpoint.secrets, clock::now_ms() / 1000, &body);
    Request::post(&endpoint.url)
        .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
        .header(header::USER_AGENT, "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
        .header("stripe-signature", signature)
        .body(Bytes::from(body))
        .ok()
}
