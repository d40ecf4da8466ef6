//! Webhooks: their signature is verified, they are stored, then answered, and processed later.
//!
//! | step | where |
//! |---|---|
//! | raw bytes, bounded in number, size and time, if there is a signature at all | `http/webhooks/admission.rs` |
//! | signature, in constant time, both secrets, tolerance both ways | the account's provider |
//! | stored once by (provider, account, event id), with the raw bytes; only then 2xx | `RecordEvent` |
//! | its content becomes a command, in one transaction with its mark | [`process`] |
//!
//! A person may also act at the provider directly, in its dashboard. So a payment is found first by
//! the provider's id of its object, and second by our own metadata. Events whose webhooks were lost
//! are read back ([`feed`]).
//!
//! An event that is not ours, stale or repeated is closed as ignored. An event that cannot be read,
//! or was begun too often without an end ([`unprocessed`]), is dead, and a review case reports it.

pub mod feed;
mod meaning;
mod unprocessed;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::commands::{CloseEvent, RecheckDelays, RecordEvent};
use domain::rows::InboundEvent;
use domain::time::Span;
use domain::{AccountId, EventId, Refusal, TenantId, Timestamp};
use providers::{Provider, Registry, VerifiedEvent, WebhookHead, webhook};
use store::{Clock, CommandResult, Store, Unavailable};
use tokio::sync::{mpsc, watch};
use tracing::{error, warn};

use crate::metrics::catalogue::{PROCESSING_SECONDS, WEBHOOKS};
use crate::metrics::labels::{Delivery, Reason, WorkLabel};
use crate::ports::clock::SystemClock;
use crate::work_context::{self, WorkContext};
use unprocessed::UnprocessedEvents;

/// In the form that the router matches.
pub const PATH: &str = "/webhooks/{provider}/{account}";
/// Events that wait in this process. The sweep finds those beyond this number.
const QUEUE_MAX: usize = 4096;
const CONCURRENCY: usize = 256;
const SWEEP: Duration = Duration::from_secs(2);
const SWEEP_AGE: Span = Span::seconds(3);
const SWEEP_BATCH: usize = 256;
/// An event that is ahead of its payment's known state waits this long for that state, without
/// being counted.
const AHEAD_MAX: Span = Span::seconds(600);

/// The account that a webhook's path names.
#[derive(Clone, Debug)]
pub struct AccountEntry {
    pub id: AccountId,
    pub tenant: TenantId,
}

/// By the provider and its own name for the account.
pub type Accounts = HashMap<(String, String), AccountEntry>;

pub struct Webhooks {
    pub store: Store,
    pub registry: Arc<Registry>,
    pub clock: Arc<dyn Clock>,
    pub accounts: Accounts,
    inbox: mpsc::Sender<InboundEvent>,
}

/// The waits for what follows an event.
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    pub recheck_delays: RecheckDelays,
    /// The deadline of a refund that is made because the booking cannot take the money.
    pub operation_deadline: Span,
}

pub struct EventProcessor {
    waits: Waits,
    store: Store,
    registry: Arc<Registry>,
    clock: Arc<dyn Clock>,
    inbox: mpsc::Receiver<InboundEvent>,
    left_behind: UnprocessedEvents,
}

pub fn new(
    store: Store,
    registry: Arc<Registry>,
    clock: Arc<dyn Clock>,
    accounts: Accounts,
    waits: Waits,
) -> (Arc<Webhooks>, EventProcessor) {
    let (sender, receiver) = mpsc::channel(QUEUE_MAX);
    let reader = EventProcessor {
        waits,
        store: store.clone(),
        registry: registry.clone(),
        clock: clock.clone(),
        inbox: receiver,
        left_behind: UnprocessedEvents::new(store.clone()),
    };
    (Arc::new(Webhooks { store, registry, clock, accounts, inbox: sender }), reader)
}

fn delivery(refused: webhook::WebhookRefused) -> Delivery {
    match refused {
        webhook::WebhookRefused::SignatureMissing => Delivery::SignatureMissing,
        webhook::WebhookRefused::SignatureMalformed => Delivery::SignatureMalformed,
        webhook::WebhookRefused::SignatureDoesNotMatch => Delivery::SignatureDoesNotMatch,
        webhook::WebhookRefused::ModeDoesNotMatch => Delivery::ModeDoesNotMatch,
        webhook::WebhookRefused::SignatureIsTooOld => Delivery::SignatureIsTooOld,
        webhook::WebhookRefused::SignatureIsFromTheFuture => Delivery::SignatureIsFromTheFuture,
        webhook::WebhookRefused::BodyIsNotAnEvent => Delivery::BodyIsNotAnEvent,
    }
}

/// Why a delivery is not stored. The provider sends it again.
pub enum NotAccepted {
    NotBelieved(webhook::WebhookRefused),
    Unavailable(Unavailable),
}

/// The account that receives a delivery.
pub struct Recipient {
    pub account: AccountId,
    tenant: TenantId,
    provider: Arc<dyn Provider>,
}

impl Webhooks {
    pub fn recipient(&self, provider: String, account: String) -> Option<Recipient> {
        let entry = self.accounts.get(&(provider, account))?;
        let provider = self.registry.get(entry.id)?;
        Some(Recipient { account: entry.id, tenant: entry.tenant, provider })
    }

    /// Checks what can be checked before the body is read.
    pub fn check_head(
        &self,
        recipient: &Recipient,
        head: WebhookHead<'_>,
    ) -> Result<(), webhook::WebhookRefused> {
        if let Some(work_context) = work_context::current() {
            work_context.is_for(recipient.tenant);
        }
        recipient.provider.check_head(head).inspect_err(|refused| WEBHOOKS.increment(delivery(*refused)))
    }

    /// Succeeds only once each event of the delivery is stored. The provider sends again what was not stored.
    pub async fn accept(
        &self,
        recipient: &Recipient,
        head: WebhookHead<'_>,
        body: &[u8],
    ) -> Result<(), NotAccepted> {
        // Providers sign with the time of day.
        let verified = recipient.provider.verify(head, body, SystemClock.now());
        let events = verified.map_err(|refused| {
            WEBHOOKS.increment(delivery(refused));
            NotAccepted::NotBelieved(refused)
        })?;
        for event in events {
            let record = record(recipient.tenant, recipient.account, event);
            let stored = self.store_and_queue(record).await.map_err(NotAccepted::Unavailable)?;
            WEBHOOKS.increment(if stored { Delivery::Stored } else { Delivery::Repeated });
        }
        Ok(())
    }

    /// Returns whether the event was not stored before.
    async fn store_and_queue(&self, record: RecordEvent) -> Result<bool, Unavailable> {
        let id = record.id();
        let stored =
            matches!(self.store.submit(Box::new(record.clone())).await?, CommandResult::Fresh { .. });
        if stored {
            // A full queue loses nothing: the sweep finds stored events.
            let _full = self.inbox.try_send(received(id, record, self.clock.now()));
        }
        Ok(stored)
    }
}

/// The event as it was stored.
fn received(id: EventId, record: RecordEvent, at: Timestamp) -> InboundEvent {
    InboundEvent {
        id,
        tenant: record.tenant,
        account: record.account,
        name: record.name,
        kind: record.kind,
        body: record.body,
        state: domain::lifecycle::CurrentState::start(),
        attempts: 0,
        outcome: None,
        received_at: at,
        processed_at: None,
    }
}

fn record(tenant: TenantId, account: AccountId, event: VerifiedEvent) -> RecordEvent {
    RecordEvent { tenant, account, name: event.event, kind: event.kind, body: event.body }
}

impl EventProcessor {
    /// Processes the events that this process takes; with `sweeps` also those that were left
    /// behind.
    pub async fn run(mut self, sweeps: bool, mut stop: watch::Receiver<bool>) {
        let permits = Arc::new(tokio::sync::Semaphore::new(CONCURRENCY));
        let tasks = tokio_util::task::TaskTracker::new();
        let mut sweep = tokio::time::interval(SWEEP);
        loop {
            let (swept, events) = tokio::select! {
                _ = stop.changed() => break,
                Some(event) = self.inbox.recv() => (false, vec![event]),
                _ = sweep.tick(), if sweeps => (true, self.find_left_behind().await),
            };
            for event in events {
                // Another process may have this account configured, so the event is not counted
                // here.
                let configured = self.registry.get(event.account).is_some();
                let Some(in_progress) = self.left_behind.take(event.id) else { continue };
                let Ok(permit) = permits.clone().acquire_owned().await else { return };
                let (store, registry) = (self.store.clone(), self.registry.clone());
                let (left_behind, clock, waits) = (self.left_behind.clone(), self.clock.clone(), self.waits);
                tasks.spawn(async move {
                    let processing = async {
                        let began = Instant::now();
                        let provider = registry.get(event.account);
                        let work_context =
                            WorkContext::new("event", provider.map_or("unknown", |provider| provider.name()));
                        work_context.is_for(event.tenant);
                        let processing = process(&store, &registry, clock.as_ref(), &event, waits);
                        let result = work_context::on(Arc::new(work_context), processing).await;
                        PROCESSING_SECONDS.record(WorkLabel::event(), began.elapsed());
                        result == EventResult::Ended
                    };
                    if swept && configured {
                        left_behind.process(&event, processing).await;
                    } else {
                        processing.await;
                    }
                    drop((in_progress, permit));
                });
            }
        }
        tasks.close();
        tasks.wait().await;
    }

    /// Events that were stored and not processed, because of a crash or a full queue. Those of
    /// accounts that are not configured here belong to another process, and must not hide the
    /// others.
    async fn find_left_behind(&self) -> Vec<InboundEvent> {
        let before = self.clock.now().minus(SWEEP_AGE);
        let accounts: Vec<AccountId> = self.registry.iter().map(|(account, _)| account).collect();
        self.store.received_events(before, &accounts, SWEEP_BATCH).await.unwrap_or_else(|error| {
            warn!(%error, "waiting events could not be read");
            Vec::new()
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EventResult {
    /// It ended, even badly, or failed by its own fault.
    Ended,
    /// It failed for now, and the sweep finds it again.
    Again,
}

async fn process(
    store: &Store,
    registry: &Registry,
    clock: &dyn Clock,
    event: &InboundEvent,
    waits: Waits,
) -> EventResult {
    let Some(provider) = registry.get(event.account) else {
        work_context::failed(WorkLabel::event(), Reason::NotConfigured);
        error!(event = %event.id, "no provider is configured for the account of this event");
        return EventResult::Again;
    };
    match meaning::carry_out(store, provider.as_ref(), event, waits).await {
        Ok(CommandResult::Fresh { .. } | CommandResult::Refused { refusal: Refusal::NothingToDo, .. }) => {}
        Ok(CommandResult::Refused { refusal: Refusal::PaymentIsBehind, .. }) => {
            // The payment's own events are on their way, or will be read back soon.
            let age = clock.now().since(event.received_at);
            return if age < AHEAD_MAX { EventResult::Again } else { EventResult::Ended };
        }
        Ok(CommandResult::Refused { refusal, .. }) => {
            let why = format!("refused: {}", refusal.code());
            let unknown = matches!(refusal, Refusal::PaymentNotFound | Refusal::RefundNotFound);
            close(store, event, why, !unknown).await;
        }
        Ok(answer) => {
            error!(answer = answer.name(), event = %event.id, "an event met an answer that has no meaning");
        }
        Err(meaning::ProcessingFailed::Store(unavailable)) if unavailable.retryable() => {
            work_context::failed(WorkLabel::event(), Reason::StoreUnavailable);
            warn!(%unavailable, event = %event.id, "an event waits for the store");
            return EventResult::Again;
        }
        Err(meaning::ProcessingFailed::Store(unavailable)) => {
            work_context::failed(WorkLabel::event(), Reason::Poisonous);
            error!(%unavailable, event = %event.id, "an event cannot be processed");
            close(store, event, unavailable.to_string(), true).await;
        }
        Err(meaning::ProcessingFailed::Provider(why)) => {
            work_context::failed(WorkLabel::event(), Reason::OutcomeUnknown);
            warn!(why, event = %event.id, "an event waits for the provider to show its object");
            return EventResult::Again;
        }
        Err(meaning::ProcessingFailed::Query(error)) => {
            work_context::failed(WorkLabel::event(), Reason::StoreUnavailable);
            warn!(%error, event = %event.id, "an event waits for the store");
            return EventResult::Again;
        }
    }
    EventResult::Ended
}

async fn close(store: &Store, event: &InboundEvent, why: String, dead: bool) {
    if let Err(unavailable) = store.submit(Box::new(CloseEvent { event: event.id, why, dead })).await {
        warn!(%unavailable, event = %event.id, "an event could not be closed; trying again soon");
    }
}
