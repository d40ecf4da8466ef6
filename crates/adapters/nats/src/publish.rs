//! Publishing: many subjects at the same time, one message of a subject after the other.
//!
//! The next message of a subject is published when the stream has acknowledged the previous one, so
//! the stream has them in order even if the connection is cut. While NATS is unreachable, nothing
//! is passed to its client, which would keep it in memory: publishing fails, and the backlog stays
//! in the outbox.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, timeout};

use super::LEFT_BEHIND;
use super::connection::Nats;
use super::{stream as names, wire};
use server::ports::broker::{Ack, Broker, Error, Publication, in_order};

/// Subjects that are published at the same time: enough to hide the latency, and well below the
/// number at which the client makes us wait.
const SUBJECTS_AT_ONCE_MAX: usize = 256;

impl Broker for Nats {
    fn unfit(&self) -> Option<String> {
        self.unfit.lock().clone()
    }

    fn publish<'a>(
        &'a self,
        batch: &'a [Publication],
        patience: Duration,
    ) -> BoxFuture<'a, Vec<Result<Ack, Error>>> {
        Box::pin(async move {
            let began = Instant::now();
            match timeout(patience, self.stand_ready()).await {
                Ok(Ok(())) => {}
                Ok(Err(why)) => return vec![Err(Error::Unavailable(why)); batch.len()],
                Err(_) => return vec![Err(Error::Late); batch.len()],
            }
            // If one is not answered, the others would wait as long in vain.
            let silent = AtomicBool::new(false);
            let patience = patience.saturating_sub(began.elapsed());
            let publish = |publication| self.publish_one(publication, &silent);
            in_order(batch, Some(SUBJECTS_AT_ONCE_MAX), patience, publish).await
        })
    }
}

impl Nats {
    async fn stand_ready(&self) -> Result<(), String> {
        if !self.is_connected() {
            return Err("NATS is not connected".to_owned());
        }
        self.see_stream().await
    }

    async fn publish_one(&self, publication: &Publication, silent: &AtomicBool) -> Result<Ack, Error> {
        if silent.load(Ordering::Relaxed) || !self.is_connected() {
            return Err(Error::Unavailable("NATS does not answer".to_owned()));
        }
        let message = &publication.message;
        let payload = wire::write(message).map_err(Error::Unavailable)?;
        let subject = names::subject(self.database, message.partition, &message.kind);
        // Another stream with the same subjects must not answer instead.
        let mut publish = PublishMessage::build()
            .message_id(message_id(publication))
            .expected_stream(&self.settings.stream)
            .payload(payload.into());
        // The death of another relay says nothing about who handled a first publication.
        if publication.left_behind && publication.number > 1 {
            publish = publish.header(LEFT_BEHIND, "true");
        }
        let acknowledged = match self.jetstream.send_publish(subject, publish).await {
            Ok(acknowledged) => acknowledged.await,
            Err(refused) => Err(refused),
        };
        match acknowledged {
            // A duplicate is already in the stream: an earlier try whose acknowledgement was lost.
            Ok(_) => Ok(Ack::Stored),
            Err(error) => {
                match error.kind() {
                    PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe => {
                        silent.store(true, Ordering::Relaxed);
                    }
                    PublishErrorKind::MaxPayloadExceeded => {}
                    _ => self.doubt(),
                }
                Err(Error::Unavailable(format!("NATS: {error}")))
            }
        }
    }
}

/// The same for each try of a publication, different for each publication: under its old id the
/// stream would ignore a message that is published again because nobody received it.
fn message_id(publication: &Publication) -> String {
    format!("{}-{}", publication.message.id.0, publication.number)
}
