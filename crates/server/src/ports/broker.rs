//! The broker: carries messages from the relay to the consumers.
//!
//! | broker | how it delivers | what its reply proves |
//! |---|---|---|
//! | [`embedded`] | in this process, at once | every consumer's receipt, or that the message will be delivered again |
//! | `adapter_nats` | stores it, and delivers it later | nothing: the sweep compares the outbox with the inbox |
//!
//! Any broker may deliver a message late, and more than once. The messages of a subject come in
//! order of `seq`, except those that failed: they are delivered again later, individually.
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
    /// How often it was published, this time included. If the mark was lost, the publication is
    /// repeated under the same number. If nobody received the message, it is published again under
    /// a higher number, which a broker must not treat as a repetition.
    pub number: i64,
    /// A handler may have begun it and died, so it is counted before it is handled.
    pub left_behind: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ack {
    /// Every consumer's receipt is committed.
    Received,
    /// The message is kept, or waits for its next try. The sweep checks it later.
    Stored,
}

/// The message was not published, or the result is not known: the relay tries again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("the broker cannot be reached: {0}")]
    Unavailable(String),
    /// An earlier message of its subject failed.
    #[error("it waits for an earlier message of its subject")]
    HeldBack,
    /// No reply came within the time that the relay could wait.
    #[error("the broker took too long")]
    Late,
}

pub trait Broker: Send + Sync {
    /// Returns one result per publication, in order. The messages of a subject come in order of
    /// `seq`; after one that failed, the later ones of its subject are not published. `publish`
    /// returns within its patience. A message that takes longer does not hold back the results of
    /// the others, because then none of them could be marked.
    fn publish<'a>(
        &'a self,
        batch: &'a [Publication],
        patience: Duration,
    ) -> BoxFuture<'a, Vec<Result<Ack, Error>>>;

    /// Why the broker will carry nothing until somebody changes its settings, if that is so. Being
    /// unreachable is no such reason.
    fn unfit(&self) -> Option<String> {
        None
    }
}

/// The broker, and the task that consumes from it in this process.
pub struct Opened {
    pub broker: Arc<dyn Broker>,
    pub consuming: Option<JoinHandle<()>>,
}

/// The parts that a broker needs.
pub struct BrokerParts {
    pub store: Store,
    pub dispatcher: Arc<MessageDispatcher>,
    /// Whether this process consumes from an external broker, until `stop`.
    pub consumes: bool,
    pub stop: watch::Receiver<bool>,
}

/// A broker outside this process, before it is opened.
pub trait BrokerAdapter: Debug + Send + Sync {
    /// The address, for the log.
    fn address(&self) -> String;

    fn times(&self) -> BrokerTimes;

    fn open(&self, parts: BrokerParts) -> BoxFuture<'_, Result<Opened, String>>;
}

/// The limits that the settings of the service are checked against.
#[derive(Clone, Copy, Debug)]
pub struct BrokerTimes {
    /// How long one publication waits for the broker's acknowledgement.
    pub publish_timeout: Duration,
    /// How long a worker may be silent about a message before it is delivered again.
    pub ack_wait: Duration,
}

/// Opens the adapter's broker if there is one, otherwise the embedded broker.
pub async fn open(adapter: Option<&dyn BrokerAdapter>, parts: BrokerParts) -> Result<Opened, String> {
    match adapter {
        Some(adapter) => adapter.open(parts).await,
        None => Ok(Opened {
            broker: Arc::new(embedded::Embedded { dispatcher: parts.dispatcher }),
            consuming: None,
        }),
    }
}
