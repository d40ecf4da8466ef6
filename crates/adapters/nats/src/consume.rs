//! Consuming: our durable consumer's messages are pulled, as many as we have room for, taken to the desk, and
//! acknowledged when what became of them is committed.
//!
//! | what the desk says | what NATS hears |
//! |---|---|
//! | received, dead, or waiting in the inbox | it is done: from here on the inbox row counts |
//! | nothing: the outbox has no such message | no more of it: it is forged, or forgotten |
//! | unavailable: nothing could be committed | again, after a pause with full jitter |
//! | the handler panicked | the same |
//! | nothing, because we died | nothing: delivered again after the ack wait |
//!
//! What comes says which message to look at, and no more: the desk gets the row of the outbox. So whoever can
//! write to NATS can make us look again, and cannot post anything; and what a restored database has forgotten
//! is not brought back.
//!
//! A message that NATS has delivered before, or that the sweep published again, may have killed whoever had it:
//! it goes to the desk as left behind, and is counted there before its handler starts. What cannot be read will not be readable
//! later: it is let go and logged, and its row in the outbox still waits for its receipts.
//!
//! Nothing is pulled that could not begin at once, and NATS is told of what is still in hand, so that a slow
//! database does not make messages look abandoned.

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

/// How long the server keeps a request for messages open. One that a cut connection ate costs no more.
const PULL: Duration = Duration::from_secs(5);
/// How long a word to NATS may wait for room on the way out. One that is lost is a delivery more.
const WORD: Duration = Duration::from_secs(1);
/// Before a message is delivered again that could not be committed.
const AGAIN: Backoff = Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(30) };
/// Before the consumer is looked for again.
const LOOK: Backoff = Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(10) };
/// NATS hears of what is in hand so often within the ack wait.
const WORDS_PER_WAIT: u32 = 3;

/// Consumes in one process. Others share the durable consumer.
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
            warn!(why, "NATS does not deliver: looking again");
            self.nats.doubt();
            let pause = LOOK.pause(attempt, &mut rand::rng());
            attempt += 1;
            tokio::select! {
                _ = stop.changed() => {}
                () = sleep(pause) => {}
            }
        }
    }
}

/// What became of a message.
enum MessageResult {
    Taken(DispatchResult),
    /// The outbox does not have it.
    Unknown,
}

/// A message in hand.
struct Delivery {
    message: Message,
    raw: jetstream::Message,
    /// How often NATS has delivered it, this time included.
    number: i64,
    left_behind: bool,
}

/// From the consumer's being there until something says otherwise.
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

    /// `Ok` when it was told to stop. Either way nothing is in hand any more.
    async fn run(mut self, stop: &mut watch::Receiver<bool>) -> Result<(), String> {
        let mut connections = self.nats.connections.clone();
        connections.mark_unchanged();
        let mut word = interval(self.nats.settings.ack_wait / WORDS_PER_WAIT);
        word.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut look = interval_at(Instant::now() + self.nats.settings.ack_wait, self.nats.settings.ack_wait);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut end: Option<Result<(), String>> = (*stop.borrow()).then_some(Ok(()));
        loop {
            match &end {
                Some(outcome) if self.in_hand() == 0 => return outcome.clone(),
                // What was asked for is not wanted any more: the server hears that we left.
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
                // A request that went over the old connection may be lost.
                _ = connections.changed() => self.pulling = None,
                Some(ended) = self.work.join_next_with_id() => match ended {
                    Ok((id, came)) => self.ended(id, Some(came)).await,
                    Err(panicked) => self.ended(panicked.id(), None).await,
                },
                _ = word.tick() => self.tell_of_what_is_in_hand().await,
                _ = look.tick() => if let Err(why) = self.listen().await {
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

    fn in_hand(&self) -> usize {
        self.at_work.len() + self.waiting.len()
    }

    /// Asks for as many as there is room for, unless that is asked for already.
    async fn pull(&mut self) -> Result<(), String> {
        let room = self.nats.settings.deliveries_max.saturating_sub(self.in_hand());
        if self.pulling.is_some() || room == 0 || !self.nats.is_connected() {
            return Ok(());
        }
        let asked = timeout(WORD, self.consumer.batch().max_messages(room).expires(PULL).messages()).await;
        match asked {
            Ok(Ok(batch)) => self.pulling = Some(batch),
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err("a request for messages found no room on the way out".to_owned()),
        }
        Ok(())
    }

    /// Looks why nothing came, if it was asked for.
    async fn listen(&mut self) -> Result<(), String> {
        if self.pulling.is_none() || !self.nats.is_connected() {
            self.silence.message_arrived();
        }
        self.silence.look(self.nats).await
    }

    async fn arrived(&mut self, raw: jetstream::Message) {
        self.silence.message_arrived();
        let delivery = match read(&raw) {
            Ok((message, number)) => {
                let left_behind = number > 1 || raw.headers.as_ref().is_some_and(was_left_behind);
                Arc::new(Delivery { message, raw, number, left_behind })
            }
            Err(why) => {
                error!(subject = %raw.subject, why, "a message that cannot be read is let go");
                return tell(&raw, AckKind::Term).await;
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
        let word = match came {
            Some(MessageResult::Taken(
                DispatchResult::Received | DispatchResult::Waiting | DispatchResult::Dead,
            )) => Some(AckKind::Ack),
            Some(MessageResult::Unknown) => {
                error!(id = %delivery.message.id, "a message that the outbox does not have is let go");
                Some(AckKind::Term)
            }
            Some(MessageResult::Taken(DispatchResult::Unavailable(why))) => {
                warn!(id = %delivery.message.id, why, "a message will be delivered again");
                None
            }
            None => {
                error!(id = %delivery.message.id, "the desk panicked");
                None
            }
        };
        if let Some(word) = word {
            tell(&delivery.raw, word).await;
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

    async fn tell_of_what_is_in_hand(&self) {
        if !self.nats.is_connected() {
            return;
        }
        for delivery in self.at_work.values().chain(self.waiting.iter()) {
            tell(&delivery.raw, AckKind::Progress).await;
        }
    }
}

/// Takes the outbox's own row to the desk.
async fn take(store: &Store, dispatcher: &MessageDispatcher, delivery: &Delivery) -> MessageResult {
    let Delivery { message, left_behind, .. } = delivery;
    if !dispatcher.has_consumers_of(&message.kind) {
        return MessageResult::Taken(DispatchResult::Received);
    }
    match store.messages(&[message.id]).await {
        Ok(rows) => match rows.first() {
            // A repetition of what everybody has received need not be counted, alone, to be refused.
            Some(row) if row.received_at.is_some() => MessageResult::Taken(DispatchResult::Received),
            Some(row) => MessageResult::Taken(dispatcher.take(row, *left_behind).await),
            None => MessageResult::Unknown,
        },
        Err(error) => MessageResult::Taken(DispatchResult::Unavailable(error.to_string())),
    }
}

/// The next of what was asked for; never, if nothing was.
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
    tell(&delivery.raw, AckKind::Nak(Some(pause))).await;
}

/// A word that is lost costs a delivery more, and no effect.
async fn tell(raw: &jetstream::Message, word: AckKind) {
    match timeout(WORD, raw.ack_with(word)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => warn!(%error, "NATS was not told"),
        Err(_) => warn!("NATS was not told: no room on the way out"),
    }
}
