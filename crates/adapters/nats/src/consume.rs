//! Consuming: pulls as many messages of our durable consumer as there is room for, passes them to
//! the dispatcher, and acknowledges them when the result is committed.
//!
//! | the dispatcher's result | the reply to NATS |
//! |---|---|
//! | received, dead, or waiting in the inbox | acknowledged: from here on the inbox row counts |
//! | none: the outbox has no such message | terminated: the message is forged, or forgotten |
//! | unavailable: nothing could be committed | again, after a pause with full jitter |
//! | the handler panicked | the same |
//! | none, because this process died | none: delivered again after the ack wait |
//!
//! A delivery only names a message; the dispatcher gets the row of the outbox. So a client that can
//! write to NATS can cause a check but no posting, and a message that a restored database no longer
//! has is not brought back.
//!
//! A message that NATS has delivered before, or that the sweep published again, may have killed the
//! process that handled it. It is passed on as left behind, and counted before its handler starts.
//! A message that cannot be read now cannot be read later either: it is dropped and logged, and its
//! row in the outbox still waits for its receipts.
//!
//! Only as many messages are pulled as can begin at once, and NATS gets progress reports for those
//! in progress, so that a slow database does not make them look abandoned.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream;
use async_nats::jetstream::AckKind;
use async_nats::jetstream::consumer::pull::{self, Batch};
use domain::rows::Message;
use futures_util::StreamExt as _;
use resilience::backoff::Backoff;
use store::Store;
use tokio::sync::watch;
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at, sleep, timeout};
use tracing::{error, warn};

use super::LEFT_BEHIND;
use super::connection::Nats;
use super::ordered_queues::OrderedQueues;
use super::silence::SilenceDetector;
use super::wire;
use server::consumers::{DispatchResult, MessageDispatcher};

/// How long the server keeps a request for messages open. If a cut connection loses it, this is the
/// delay.
const PULL: Duration = Duration::from_secs(5);
/// How long a reply to NATS may wait to be sent. A lost reply causes one more delivery.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);
/// Before a message that could not be committed is delivered again.
const AGAIN: Backoff = Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(30) };
/// Before the consumer is opened again.
const CONSUMER_BACKOFF: Backoff = Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(10) };
/// Progress reports to NATS per ack wait.
const REPORTS_PER_WAIT: u32 = 3;

/// Consumes in one process. Other processes share the durable consumer.
pub struct NatsConsumer {
    pub nats: Arc<Nats>,
    pub store: Store,
    pub dispatcher: Arc<MessageDispatcher>,
}

impl NatsConsumer {
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut attempt = 0;
        while !*stop.borrow() {
            tokio::select! {
                _ = stop.changed() => continue,
                () = self.nats.connected() => {}
            }
            let why = match self.nats.consumer().await {
                Ok(consumer) => {
                    attempt = 0;
                    match Session::new(&self, consumer).run(&mut stop).await {
                        Ok(()) => return,
                        Err(why) => why,
                    }
                }
                Err(why) => why,
            };
            warn!(why, "NATS does not deliver: trying again");
            self.nats.doubt();
            let pause = CONSUMER_BACKOFF.pause(attempt, &mut rand::rng());
            attempt += 1;
            tokio::select! {
                _ = stop.changed() => {}
                () = sleep(pause) => {}
            }
        }
    }
}

enum MessageResult {
    Taken(DispatchResult),
    /// The outbox does not have it.
    Unknown,
}

struct Delivery {
    message: Message,
    raw: jetstream::Message,
    /// How often NATS has delivered it, this time included.
    number: i64,
    left_behind: bool,
}

/// One use of the consumer, from its opening to the first failure.
struct Session<'a> {
    nats: &'a Nats,
    store: &'a Store,
    dispatcher: &'a Arc<MessageDispatcher>,
    consumer: jetstream::consumer::Consumer<pull::Config>,
    pulling: Option<Batch>,
    silence: SilenceDetector,
    work: JoinSet<MessageResult>,
    at_work: HashMap<Id, Arc<Delivery>>,
    waiting: OrderedQueues<Arc<Delivery>>,
}

impl<'a> Session<'a> {
    fn new(of: &'a NatsConsumer, consumer: jetstream::consumer::Consumer<pull::Config>) -> Self {
        Session {
            nats: &of.nats,
            store: &of.store,
            dispatcher: &of.dispatcher,
            consumer,
            pulling: None,
            silence: SilenceDetector::default(),
            work: JoinSet::new(),
            at_work: HashMap::new(),
            waiting: OrderedQueues::default(),
        }
    }

    /// `Ok` when it was stopped. In both cases nothing is in progress any more.
    async fn run(mut self, stop: &mut watch::Receiver<bool>) -> Result<(), String> {
        let mut connections = self.nats.connections.clone();
        connections.mark_unchanged();
        let mut report = interval(self.nats.settings.ack_wait / REPORTS_PER_WAIT);
        report.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut check =
            interval_at(Instant::now() + self.nats.settings.ack_wait, self.nats.settings.ack_wait);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut end: Option<Result<(), String>> = (*stop.borrow()).then_some(Ok(()));
        loop {
            match &end {
                Some(outcome) if self.in_progress() == 0 => return outcome.clone(),
                // No more messages are wanted: dropping the request cancels it at the server.
                Some(_) => self.pulling = None,
                None => {
                    if let Err(why) = self.pull().await {
                        end = Some(Err(why));
                        continue;
                    }
                }
            }
            tokio::select! {
                _ = stop.changed() => end = Some(Ok(())),
                // A request on the old connection may be lost.
                _ = connections.changed() => self.pulling = None,
                Some(ended) = self.work.join_next_with_id() => match ended {
                    Ok((id, came)) => self.ended(id, Some(came)).await,
                    Err(panicked) => self.ended(panicked.id(), None).await,
                },
                _ = report.tick() => self.report_progress().await,
                _ = check.tick() => if let Err(why) = self.listen().await {
                    end = Some(Err(why));
                },
                pulled = next(&mut self.pulling) => match pulled {
                    Some(Ok(raw)) => self.arrived(raw).await,
                    Some(Err(why)) => end = Some(Err(why.to_string())),
                    None => self.pulling = None,
                },
            }
        }
    }

    fn in_progress(&self) -> usize {
        self.at_work.len() + self.waiting.len()
    }

    /// Requests as many messages as there is room for, unless a request is open.
    async fn pull(&mut self) -> Result<(), String> {
        let room = self.nats.settings.deliveries_max.saturating_sub(self.in_progress());
        if self.pulling.is_some() || room == 0 || !self.nats.is_connected() {
            return Ok(());
        }
        let batch =
            timeout(SEND_TIMEOUT, self.consumer.batch().max_messages(room).expires(PULL).messages()).await;
        match batch {
            Ok(Ok(batch)) => self.pulling = Some(batch),
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err("a request for messages found no room on the way out".to_owned()),
        }
        Ok(())
    }

    /// If a request was open, checks why nothing came.
    async fn listen(&mut self) -> Result<(), String> {
        if self.pulling.is_none() || !self.nats.is_connected() {
            self.silence.message_arrived();
        }
        self.silence.check(self.nats).await
    }

    async fn arrived(&mut self, raw: jetstream::Message) {
        self.silence.message_arrived();
        let delivery = match read(&raw) {
            Ok((message, number)) => {
                let left_behind = number > 1 || raw.headers.as_ref().is_some_and(was_left_behind);
                Arc::new(Delivery { message, raw, number, left_behind })
            }
            Err(why) => {
                error!(subject = %raw.subject, why, "a message that cannot be read is dropped");
                return acknowledge(&raw, AckKind::Term).await;
            }
        };
        if let Some(delivery) = self.waiting.arrived(delivery.message.subject, delivery) {
            self.begin(delivery);
        }
    }

    fn begin(&mut self, delivery: Arc<Delivery>) {
        let (store, dispatcher, at_work) = (self.store.clone(), self.dispatcher.clone(), delivery.clone());
        let task = self.work.spawn(async move { take(&store, &dispatcher, &at_work).await });
        self.at_work.insert(task.id(), delivery);
    }

    async fn ended(&mut self, id: Id, came: Option<MessageResult>) {
        let delivery = self.at_work.remove(&id).expect("what ends was begun");
        let subject = delivery.message.subject;
        let ack = match came {
            Some(MessageResult::Taken(
                DispatchResult::Received | DispatchResult::Waiting | DispatchResult::Dead,
            )) => Some(AckKind::Ack),
            Some(MessageResult::Unknown) => {
                error!(id = %delivery.message.id, "a message that the outbox does not have is dropped");
                Some(AckKind::Term)
            }
            Some(MessageResult::Taken(DispatchResult::Unavailable(why))) => {
                warn!(id = %delivery.message.id, why, "a message will be delivered again");
                None
            }
            None => {
                error!(id = %delivery.message.id, "the dispatcher panicked");
                None
            }
        };
        if let Some(ack) = ack {
            acknowledge(&delivery.raw, ack).await;
            if let Some(next) = self.waiting.ended(subject) {
                self.begin(next);
            }
            return;
        }
        again(&delivery).await;
        for behind in self.waiting.failed(subject) {
            again(&behind).await;
        }
    }

    async fn report_progress(&self) {
        if !self.nats.is_connected() {
            return;
        }
        for delivery in self.at_work.values().chain(self.waiting.iter()) {
            acknowledge(&delivery.raw, AckKind::Progress).await;
        }
    }
}

/// Passes the outbox's own row to the dispatcher.
async fn take(store: &Store, dispatcher: &MessageDispatcher, delivery: &Delivery) -> MessageResult {
    let Delivery { message, left_behind, .. } = delivery;
    if !dispatcher.has_consumers_of(&message.kind) {
        return MessageResult::Taken(DispatchResult::Received);
    }
    match store.messages(&[message.id]).await {
        Ok(rows) => match rows.first() {
            // A repetition of a message that everybody has received is refused, and need not be
            // counted.
            Some(row) if row.received_at.is_some() => MessageResult::Taken(DispatchResult::Received),
            Some(row) => MessageResult::Taken(dispatcher.take(row, *left_behind).await),
            None => MessageResult::Unknown,
        },
        Err(error) => MessageResult::Taken(DispatchResult::Unavailable(error.to_string())),
    }
}

/// The next message of the open request; never returns if there is none.
async fn next(pulling: &mut Option<Batch>) -> Option<Result<jetstream::Message, async_nats::Error>> {
    match pulling {
        Some(batch) => batch.next().await,
        None => std::future::pending().await,
    }
}

fn was_left_behind(headers: &HeaderMap) -> bool {
    headers.get(LEFT_BEHIND).is_some()
}

/// The message, and how often it was delivered.
fn read(raw: &jetstream::Message) -> Result<(Message, i64), String> {
    let number = raw.info().map_err(|error| error.to_string())?.delivered;
    Ok((wire::read(&raw.payload)?, number))
}

async fn again(delivery: &Delivery) {
    let attempt = u32::try_from(delivery.number - 1).unwrap_or_default();
    let pause = AGAIN.pause(attempt, &mut rand::rng());
    acknowledge(&delivery.raw, AckKind::Nak(Some(pause))).await;
}

/// A lost reply causes one more delivery, and no second effect.
async fn acknowledge(raw: &jetstream::Message, ack: AckKind) {
    match timeout(SEND_TIMEOUT, raw.ack_with(ack)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => warn!(%error, "NATS got no reply"),
        Err(_) => warn!("NATS got no reply: it could not be sent in time"),
    }
}
