//! NATS JetStream as the broker: for many processes, and for readers of the messages that are not ours.
//!
//! | step | what it is | what a crash, a cut or a lie leaves |
//! |---|---|---|
//! | [`connection`] | one a process, tried again forever | publishing fails at once, the backlog waits in the outbox |
//! | [`stream`] | one a database, in files, bounded in age and bytes | made again when it is found missing |
//! | [`publish`] | in order per subject, under an id that is the message's and the publication's | the same id: swallowed within the window |
//! | [`consume`] | a durable consumer for each of ours, shared by all workers | delivered again, counted, and refused by its receipt |
//! | [`silence`] | a consumer that delivers to nobody what the stream has is made anew | looked for again |
//!
//! JetStream's word that it keeps a message is not believed: its servers flush to the disk every two minutes
//! unless they are told otherwise, and may lose what they acknowledged. A message is done when its receipts
//! are committed; until then the relay's sweep publishes it again. So nothing here has to be exact: what comes
//! twice is refused by its receipt, and what never comes is found missing.
//!
//! A publication that is tried again has the same id, so that the stream keeps it once. One that the sweep
//! asks for has a new number and so a new id: under the old one the stream would swallow it, although nobody
//! ever received it.
//!
//! What must never be here: a decision that rests on what NATS said, or on what it brought, other than to look
//! again.

#[cfg(feature = "nats")]
mod connection;
#[cfg(feature = "nats")]
mod consume;
#[cfg(feature = "nats")]
mod ordered_queues;
#[cfg(feature = "nats")]
mod publish;
mod settings;
#[cfg(feature = "nats")]
mod silence;
#[cfg(feature = "nats")]
mod stream;
#[cfg(feature = "nats")]
mod wire;

use std::sync::Arc;

#[cfg(feature = "nats")]
pub use connection::Nats;
#[cfg(feature = "nats")]
pub use consume::Consumer;
pub use settings::{Credentials, Settings, Tls};
use store::Store;
use tokio::sync::watch;

use super::Opened;
use crate::consumers::MessageDispatcher;

/// A header of a message that nobody received in its time: it may have killed whoever had it.
#[cfg(feature = "nats")]
const LEFT_BEHIND: &str = "Surehold-Left-Behind";

/// Begins to connect, and to consume if this process does.
#[cfg(feature = "nats")]
pub(super) async fn open(
    settings: &Settings,
    store: &Store,
    desk: Arc<MessageDispatcher>,
    consumes: bool,
    stop: &watch::Receiver<bool>,
) -> Result<Opened, String> {
    let broker = Nats::connect(settings.clone(), store.database_id()).await?;
    let consumer = Consumer { nats: broker.clone(), store: store.clone(), desk };
    let consuming = consumes.then(|| tokio::spawn(consumer.run(stop.clone())));
    Ok(Opened { broker, consuming })
}

#[cfg(not(feature = "nats"))]
#[expect(clippy::unused_async, reason = "it is as it is with NATS")]
pub(super) async fn open(
    settings: &Settings,
    _: &Store,
    _: Arc<MessageDispatcher>,
    _: bool,
    _: &watch::Receiver<bool>,
) -> Result<Opened, String> {
    // The settings are refused by name in such a build.
    Err(settings.check().err().unwrap_or_default())
}
