//! Brokers and consumers with a given behaviour, which record their calls.

use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use domain::MessageId;
use domain::consumers::LEDGER;
use domain::rows::Message;
use futures_util::future::{BoxFuture, FutureExt as _};
use server::consumers::{Consumer, ConsumerFailure};
use server::ports::broker::{Ack, Broker, Error, Publication};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// One publication, as the broker received it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    pub message: MessageId,
    pub subject: Uuid,
    pub seq: i64,
    pub number: i64,
}

/// Stores publications, delivers none, and refuses the given ones.
#[derive(Default)]
pub struct Keeping {
    pub seen: Mutex<Vec<Seen>>,
    pub refuses: Mutex<BTreeSet<MessageId>>,
}

impl Broker for Keeping {
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
                    answers.push(Err(Error::Unavailable("on request".to_owned())));
                } else {
                    let (subject, seq) = (message.subject, message.seq);
                    let seen = Seen { message: message.id, subject, seq, number: *number };
                    self.seen.lock().push(seen);
                    answers.push(Ok(Ack::Stored));
                }
            }
            answers
        }
        .boxed()
    }
}

impl Keeping {
    pub fn numbers(&self, message: MessageId) -> Vec<i64> {
        let seen = self.seen.lock();
        seen.iter().filter(|seen| seen.message == message).map(|seen| seen.number).collect()
    }
}

/// Publishes, and then holds the results back.
pub struct Stalling {
    pub inner: Arc<dyn Broker>,
    /// One permit per published batch.
    pub published: Semaphore,
    /// A permit releases the results of one batch.
    pub go_on: Semaphore,
}

impl Stalling {
    pub fn new(inner: Arc<dyn Broker>) -> Arc<Stalling> {
        Arc::new(Stalling { inner, published: Semaphore::new(0), go_on: Semaphore::new(0) })
    }
}

impl Broker for Stalling {
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

/// What a consumer does with the given messages; it passes on all others.
pub enum Does {
    Panic,
    /// Never returns, as if the process had died with it.
    Hang,
    /// Fails as if the store were unreachable.
    FindNoStore,
}

pub struct Moody {
    pub inner: Arc<dyn Consumer>,
    pub does: Does,
    pub with: Mutex<BTreeSet<MessageId>>,
    /// Each message as often as it came.
    pub came: Mutex<Vec<MessageId>>,
}

impl Moody {
    pub fn new(inner: Arc<dyn Consumer>, does: Does, with: &[&Message]) -> Arc<Moody> {
        let with = with.iter().map(|message| message.id).collect();
        Arc::new(Moody { inner, does, with: Mutex::new(with), came: Mutex::default() })
    }

    pub fn came(&self, message: &Message) -> usize {
        self.came.lock().iter().filter(|came| **came == message.id).count()
    }
}

impl Consumer for Moody {
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
                Does::Panic => panic!("on request"),
                Does::Hang => std::future::pending().await,
                Does::FindNoStore => Err(ConsumerFailure::Unavailable("on request".to_owned())),
            }
        }
        .boxed()
    }
}
