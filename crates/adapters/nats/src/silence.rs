//! Silence: the stream has messages, and the consumer delivers them to nobody.
//!
//! This happens to a consumer that a server restored from disk with a later position than its
//! stream, to one whose deliveries another client took and neither acknowledges nor returns, and
//! because of bugs in servers. The sweep's publications do not help, because they wait behind the
//! same consumer.
//!
//! So a session that received nothing for an ack wait although it requested messages checks the
//! consumer. If the consumer has not moved until the next check either, although the stream has a
//! message for it, it is deleted and made again, to begin behind its last acknowledgement. A
//! repeated delivery is refused by its receipt, so a wrong judgement costs deliveries and has no
//! other effect.

use async_nats::datetime::DateTime;
use async_nats::jetstream::stream::RawMessageErrorKind;
use tracing::warn;

use super::connection::Nats;
use super::stream::{DURABLE, all};

/// What a session has received since its last check, and the result of that check.
#[derive(Default)]
pub(super) struct SilenceDetector {
    active: bool,
    seen: Option<Owed>,
}

/// The position of a consumer that has messages to deliver.
struct Owed {
    /// Distinguishes successive consumers of the same name.
    created: DateTime,
    deliveries: u64,
    /// The first message of the stream that it has not delivered. If it is ahead of its stream,
    /// this is the next message to be published, which it would treat as delivered.
    next: u64,
    /// Everything up to here was acknowledged, or is left to the sweep.
    acknowledged: u64,
}

impl SilenceDetector {
    /// A message came, or none was requested.
    pub(super) fn message_arrived(&mut self) {
        self.active = true;
    }

    /// Called at the end of each ack wait.
    ///
    /// # Errors
    /// The consumer is not the one that the session knew, or cannot be read.
    pub(super) async fn check(&mut self, nats: &Nats) -> Result<(), String> {
        let before = self.seen.take();
        if std::mem::take(&mut self.active) {
            return Ok(());
        }
        let Some(owed) = nats.owed().await? else { return Ok(()) };
        if !before.is_some_and(|before| before.stood_where(&owed)) {
            self.seen = Some(owed);
            return Ok(());
        }
        let Owed { next, acknowledged, .. } = owed;
        warn!(next, acknowledged, "the consumer delivers nothing of what the stream has: making it again");
        nats.make_consumer_anew(acknowledged + 1).await?;
        Err("its consumer was made again".to_owned())
    }
}

impl Owed {
    /// Nothing was delivered in between, to any client.
    fn stood_where(&self, later: &Owed) -> bool {
        (self.created, self.deliveries) == (later.created, later.deliveries)
    }
}

impl Nats {
    /// The position of our consumer, if it has messages to deliver.
    async fn owed(&self) -> Result<Option<Owed>, String> {
        let stream =
            self.jetstream.get_stream(&self.settings.stream).await.map_err(|error| unseen(&error))?;
        let consumer = stream.consumer_info(DURABLE).await.map_err(|error| unseen(&error))?;
        let last = stream.cached_info().state.last_sequence;
        let delivered = consumer.delivered.stream_sequence;
        let next = if delivered > last {
            last + 1
        } else {
            match stream.get_first_raw_message_by_subject(all(self.database), delivered + 1).await {
                Ok(message) => message.sequence,
                Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => return Ok(None),
                Err(error) => return Err(unseen(&error)),
            }
        };
        Ok(Some(Owed {
            created: consumer.created,
            deliveries: consumer.delivered.consumer_sequence,
            next,
            acknowledged: consumer.ack_floor.stream_sequence.min(last),
        }))
    }
}

fn unseen(error: &dyn std::error::Error) -> String {
    format!("what the consumer {DURABLE} owes cannot be seen: {error}")
}
