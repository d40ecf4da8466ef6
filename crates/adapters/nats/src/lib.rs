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

mod connection;
mod consume;
mod ordered_queues;
mod publish;
mod settings;
mod silence;
mod stream;
mod wire;

use futures_util::future::{BoxFuture, FutureExt as _};
use server::ports::broker::{BrokerAdapter, BrokerParts, BrokerTimes, Opened};

pub use connection::Nats;
pub use consume::NatsConsumer;
pub use settings::{Credentials, Settings, Tls};

/// A header of a message that nobody received in its time: it may have killed whoever had it.
const LEFT_BEHIND: &str = "Surehold-Left-Behind";

impl BrokerAdapter for Settings {
    fn address(&self) -> String {
        self.urls.join(", ")
    }

    fn times(&self) -> BrokerTimes {
        BrokerTimes { publish_timeout: self.publish_timeout, ack_wait: self.ack_wait }
    }

    /// Begins to connect, and to consume if this process does.
    fn open(&self, parts: BrokerParts) -> BoxFuture<'_, Result<Opened, String>> {
        async move {
            let BrokerParts { store, dispatcher, consumes, stop } = parts;
            let broker = Nats::connect(self.clone(), store.database_id()).await?;
            let consumer = NatsConsumer { nats: broker.clone(), store, dispatcher };
            let consuming = consumes.then(|| tokio::spawn(consumer.run(stop)));
            Ok(Opened { broker, consuming })
        }
        .boxed()
    }
}
