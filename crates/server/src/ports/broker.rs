//! The broker: carries messages from the relay to the consumers.
//!
//! | broker | how it carries | what its answer proves |
//! |---|---|---|
//! | [`embedded`] | in this process, at once | every consumer's receipt, or that it will be brought again |
//! | `adapter_nats` | keeps it, and brings it later | nothing: the sweep holds the outbox against the inbox |
//!
//! A message may come twice and may come late, from any broker. Of a subject it comes in order of its
//! `seq`, but for what failed: that is brought again later, on its own.
//!
//! What must never be here: a mark in the outbox, or a receipt.

pub mod embedded;
mod in_order;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use domain::rows::Message;
use futures_util::future::BoxFuture;
use store::Store;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::consumers::MessageDispatcher;

pub use in_order::in_order;

/// A message to be published.
#[derive(Clone, Debug)]
pub struct Publication {
    pub message: Arc<Message>,
    /// How often it was published, this time included. A publication that is made again because its
    /// mark was lost has the same number; one that was asked for because nobody received the message
    /// has a higher one, and a broker must not take it for a repetition.
    pub number: i64,
    /// A handler may have begun it and died: it is counted before it is handled.
    pub left_behind: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ack {
    /// Every consumer's receipt is committed.
    Received,
    /// It is kept, or waits for its next try. The sweep will see.
    Stored,
}

/// It was not published, and nothing is known of it: the relay tries again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("the broker cannot be reached: {0}")]
    Unavailable(String),
    /// An earlier message of its subject failed.
    #[error("it waits for an earlier message of its subject")]
    HeldBack,
    /// Nothing was heard of it for as long as the relay could wait.
    #[error("the broker took too long")]
    Late,
}

pub trait Broker: Send + Sync {
    /// One answer each, in order. A subject's messages come in order of `seq`; after one that failed,
    /// the later ones of its subject are not published. It answers within its patience, and one message
    /// that takes longer takes no answer from the others: else it would keep them all from being marked.
    fn publish<'a>(
        &'a self,
        batch: &'a [Publication],
        patience: Duration,
    ) -> BoxFuture<'a, Vec<Result<Ack, Error>>>;

    /// Why it will carry nothing until somebody changes its settings, if that is so. Being away is no such reason.
    fn unfit(&self) -> Option<String> {
        None
    }
}

/// What carries messages in this process, and what consumes them here besides.
pub struct Opened {
    pub broker: Arc<dyn Broker>,
    pub consuming: Option<JoinHandle<()>>,
}

/// What a broker is opened with.
pub struct BrokerParts {
    pub store: Store,
    pub desk: Arc<MessageDispatcher>,
    /// This process takes messages from a broker outside, until it is told to stop.
    pub consumes: bool,
    pub stop: watch::Receiver<bool>,
}

/// A broker outside this process, before it is opened.
pub trait BrokerAdapter: Debug + Send + Sync {
    /// Where it is, for the log.
    fn address(&self) -> String;

    fn times(&self) -> BrokerTimes;

    fn open(&self, parts: BrokerParts) -> BoxFuture<'_, Result<Opened, String>>;
}

/// What the settings of the service are held against.
#[derive(Clone, Copy, Debug)]
pub struct BrokerTimes {
    /// How long one publication waits for the broker's word.
    pub publish_timeout: Duration,
    /// How long a worker may be silent about a message before it is delivered again.
    pub ack_wait: Duration,
}

/// The adapter's, if there is one; else the embedded broker.
pub async fn open(adapter: Option<&dyn BrokerAdapter>, parts: BrokerParts) -> Result<Opened, String> {
    match adapter {
        Some(adapter) => adapter.open(parts).await,
        None => Ok(Opened { broker: Arc::new(embedded::Embedded { desk: parts.desk }), consuming: None }),
    }
}
