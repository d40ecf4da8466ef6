//! NATS JetStream as the broker: for many processes, and for other readers of the messages.
//!
//! | step | what it is | what a crash, a cut connection or a false acknowledgement leaves |
//! |---|---|---|
//! | [`connection`] | one per process, retried forever | publishing fails at once, the backlog waits in the outbox |
//! | [`stream`] | one per database, in files, bounded in age and bytes | made again when it is found missing |
//! | [`publish`] | in order per subject, under an id of the message and the publication | the same id: ignored within the window |
//! | [`consume`] | one durable consumer for all our consumers, shared by all workers | delivered again, counted, and refused by its receipt |
//! | [`silence`] | a consumer that does not deliver what the stream has is made again | checked again |
//!
//! An acknowledgement of JetStream is not relied upon: unless configured otherwise, its servers
//! flush to disk only every two minutes, so they may lose what they acknowledged. A message is done
//! when its receipts are committed; until then the relay's sweep publishes it again. So nothing
//! here has to be exact: a duplicate is refused by its receipt, and a lost message is found by the
//! sweep.
//!
//! A publication that is retried has the same id, so that the stream keeps it once. A publication
//! of the sweep has a new number and so a new id: under the old id the stream would ignore it,
//! although nobody received it.
//!
//! What must never be here: a decision based on a reply or a message of NATS, except to check
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

/// A header of a message that nobody received in time: it may have killed the process that handled
/// it.
const LEFT_BEHIND: &str = "Surehold-Left-Behind";

impl BrokerAdapter for Settings {
    fn address(&self) -> String {
        self.urls.join(", ")
    }

    fn times(&self) -> BrokerTimes {
        BrokerTimes { publish_timeout: self.publish_timeout, ack_wait: self.ack_wait }
    }

    /// Begins to connect, and to consume if this process consumes.
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
