//! Silence: the stream has messages, and the consumer delivers them to nobody.
//!
//! It happens: to a consumer that a server brought back from its disk further than its stream, to one whose
//! deliveries were taken by somebody who neither acknowledges them nor goes, and to servers that are wrong.
//! What the sweep publishes again does not help, because it waits behind the same consumer.
//!
//! So whoever asked and heard nothing for an ack wait looks. Where the consumer has not moved by the next look
//! either, though the stream has a message for it, it is deleted and made anew, to begin behind what it had
//! acknowledged. What is delivered once more is refused by its receipt, so being wrong about it costs
//! deliveries and no effect.

use async_nats::datetime::DateTime;
use async_nats::jetstream::stream::RawMessageErrorKind;
use tracing::warn;

use super::connection::Nats;
use super::stream::{DURABLE, all};

/// What a session has heard since it looked last, and what it saw then.
#[derive(Default)]
pub(super) struct SilenceDetector {
    heard: bool,
    seen: Option<Owed>,
}

/// How far a consumer that owes something is.
struct Owed {
    /// Tells one consumer from the next of its name.
    created: DateTime,
    deliveries: u64,
    /// The first message of the stream that it has not delivered. Where it is ahead of its stream, the next
    /// that will be published, which it would take for delivered.
    next: u64,
    /// All up to here were acknowledged, or are the sweep's to publish again.
    acknowledged: u64,
}

impl SilenceDetector {
    /// Something came, or nothing was asked for.
    pub(super) fn message_arrived(&mut self) {
        self.heard = true;
    }

    /// At the end of each ack wait.
    ///
    /// # Errors
    /// The consumer is not what the session knew, or cannot be seen.
    pub(super) async fn look(&mut self, nats: &Nats) -> Result<(), String> {
        let before = self.seen.take();
        if std::mem::take(&mut self.heard) {
            return Ok(());
        }
        let Some(owed) = nats.owed().await? else { return Ok(()) };
        if !before.is_some_and(|before| before.stood_where(&owed)) {
            self.seen = Some(owed);
            return Ok(());
        }
        let Owed { next, acknowledged, .. } = owed;
        warn!(next, acknowledged, "the consumer delivers nothing of what the stream has: making it anew");
        nats.make_consumer_anew(acknowledged + 1).await?;
        Err("its consumer was made anew".to_owned())
    }
}

impl Owed {
    /// Nothing was delivered in between, to whomever.
    fn stood_where(&self, later: &Owed) -> bool {
        (self.created, self.deliveries) == (later.created, later.deliveries)
    }
}

impl Nats {
    /// What our consumer owes, if it owes anything.
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
