//! Brokers and consumers that fail on command, and record what they received.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use domain::MessageId;
use domain::consumers::LEDGER;
use domain::rows::Message;
use futures_util::future::{BoxFuture, FutureExt as _};
use parking_lot::Mutex;
use server::consumers::{Consumer, ConsumerFailure};
use server::ports::broker::{Ack, Broker, Error, Publication};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// One publication, as the broker received it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenPublication {
    pub message: MessageId,
    pub subject: Uuid,
    pub seq: i64,
    pub number: i64,
}

/// Records publications, delivers them to nobody, and refuses the messages in `refuses`.
#[derive(Default)]
pub struct RecordingBroker {
    pub seen: Mutex<Vec<SeenPublication>>,
    pub refuses: Mutex<BTreeSet<MessageId>>,
}

impl Broker for RecordingBroker {
    fn publish<'a>(
        &'a self,
        batch: &'a [Publication],
        _: Duration,
    ) -> BoxFuture<'a, Vec<Result<Ack, Error>>> {
        async move {
            let refuses = self.refuses.lock().clone();
            let mut held_back = BTreeSet::new();
            let mut answers = Vec::new();
            for Publication { message, number, .. } in batch {
                if held_back.contains(&message.subject) {
                    answers.push(Err(Error::HeldBack));
                } else if refuses.contains(&message.id) {
                    held_back.insert(message.subject);
                    answers.push(Err(Error::Unavailable("on command".to_owned())));
                } else {
                    let (subject, seq) = (message.subject, message.seq);
                    let seen = SeenPublication { message: message.id, subject, seq, number: *number };
                    self.seen.lock().push(seen);
                    answers.push(Ok(Ack::Stored));
                }
            }
            answers
        }
        .boxed()
    }
}

impl RecordingBroker {
    pub fn numbers(&self, message: MessageId) -> Vec<i64> {
        let seen = self.seen.lock();
        seen.iter().filter(|seen| seen.message == message).map(|seen| seen.number).collect()
    }
}

/// Publishes, and then holds the acknowledgements back.
pub struct StalledBroker {
    pub inner: Arc<dyn Broker>,
    /// One permit per published batch.
    pub published: Semaphore,
    /// Each permit returns the acknowledgements of one batch.
    pub go_on: Semaphore,
}

impl StalledBroker {
    pub fn new(inner: Arc<dyn Broker>) -> Arc<StalledBroker> {
        Arc::new(StalledBroker { inner, published: Semaphore::new(0), go_on: Semaphore::new(0) })
    }
}

impl Broker for StalledBroker {
    fn publish<'a>(
        &'a self,
        batch: &'a [Publication],
        patience: Duration,
    ) -> BoxFuture<'a, Vec<Result<Ack, Error>>> {
        async move {
            let answers = self.inner.publish(batch, patience).await;
            self.published.add_permits(1);
            self.go_on.acquire().await.unwrap().forget();
            answers
        }
        .boxed()
    }
}

/// What becomes of the messages in [`FaultyConsumer::with`].
pub enum ConsumerFault {
    Panic,
    /// Never returns, as if the process had died.
    Hang,
    StoreUnavailable,
}

/// Passes the other messages on.
pub struct FaultyConsumer {
    pub inner: Arc<dyn Consumer>,
    pub does: ConsumerFault,
    pub with: Mutex<BTreeSet<MessageId>>,
    /// Each message as often as it came.
    pub came: Mutex<Vec<MessageId>>,
}

impl FaultyConsumer {
    pub fn new(inner: Arc<dyn Consumer>, does: ConsumerFault, with: &[&Message]) -> Arc<FaultyConsumer> {
        let with = with.iter().map(|message| message.id).collect();
        Arc::new(FaultyConsumer { inner, does, with: Mutex::new(with), came: Mutex::default() })
    }

    pub fn came(&self, message: &Message) -> usize {
        self.came.lock().iter().filter(|came| **came == message.id).count()
    }
}

impl Consumer for FaultyConsumer {
    fn name(&self) -> &'static str {
        LEDGER
    }

    fn receive<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<(), ConsumerFailure>> {
        async move {
            self.came.lock().push(message.id);
            if !self.with.lock().contains(&message.id) {
                return self.inner.receive(message).await;
            }
            match self.does {
                ConsumerFault::Panic => panic!("on command"),
                ConsumerFault::Hang => std::future::pending().await,
                ConsumerFault::StoreUnavailable => Err(ConsumerFailure::Unavailable("on command".to_owned())),
            }
        }
        .boxed()
    }
}
