//! A client of NATS that observes the program: how many messages wait for an acknowledgement, and
//! which messages the stream has stored, and when.

use async_nats::jetstream::{self, message, stream};
use domain::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use super::{Deployment, Error, ScenarioContext};

/// The program's durable consumer.
const DURABLE: &str = "surehold";

pub struct NatsObserver {
    stream: stream::Stream<()>,
}

/// A message that the stream keeps.
#[derive(Clone, Debug)]
pub struct StreamMessage {
    pub sequence: u64,
    /// The time at which the server stored it, by the server's clock.
    pub at: Timestamp,
    pub message: Uuid,
    pub subject: Uuid,
    /// Its position among the messages of its subject.
    pub seq: i64,
}

#[derive(Deserialize)]
struct Envelope {
    id: Uuid,
    subject_id: Uuid,
    seq: i64,
}

fn unreadable(error: impl ToString) -> Error {
    Error::Unreadable("NATS".to_owned(), error.to_string())
}

impl NatsObserver {
    pub async fn beside(context: &ScenarioContext, deployment: &Deployment) -> Result<NatsObserver, Error> {
        let port = deployment.nats(|nats| Ok(nats.port())).await?;
        let client = async_nats::connect(format!("127.0.0.1:{port}")).await.map_err(unreadable)?;
        let stream = jetstream::new(client).get_stream_no_info(context.stream()).await.map_err(unreadable)?;
        Ok(NatsObserver { stream })
    }

    /// Messages that were delivered to the program and are not acknowledged yet.
    pub async fn unacknowledged(&self) -> Result<usize, Error> {
        Ok(self.stream.consumer_info(DURABLE).await.map_err(unreadable)?.num_ack_pending)
    }

    /// The state of the stream and of the program's consumer, for the report.
    pub async fn state(&self) -> Result<String, Error> {
        let consumer = self.stream.consumer_info(DURABLE).await.map_err(unreadable)?;
        let stream = self.stream.get_info().await.map_err(unreadable)?.state;
        Ok(format!("NATS has of the stream {stream:?}, and of the consumer {consumer:?}"))
    }

    /// All messages of the stream, in its order.
    pub async fn kept(&self) -> Result<Vec<StreamMessage>, Error> {
        let state = self.stream.get_info().await.map_err(unreadable)?.state;
        let mut kept = Vec::new();
        for sequence in state.first_sequence..=state.last_sequence {
            match self.stream.get_raw_message(sequence).await {
                Ok(message) => kept.push(read(&message)?),
                Err(error) if error.kind() == stream::LastRawMessageErrorKind::NoMessageFound => {}
                Err(error) => return Err(unreadable(error)),
            }
        }
        Ok(kept)
    }
}

fn read(kept: &message::StreamMessage) -> Result<StreamMessage, Error> {
    let Envelope { id, subject_id, seq } = serde_json::from_slice(&kept.payload).map_err(unreadable)?;
    let micros = i64::try_from(kept.time.unix_timestamp_nanos() / 1_000).map_err(unreadable)?;
    let at = Timestamp(micros);
    Ok(StreamMessage { sequence: kept.sequence, at, message: id, subject: subject_id, seq })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_is_read_with_its_sequence_and_time() {
        let (id, subject) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let payload = json!({ "id": id, "subject_id": subject, "seq": 3, "data": {} }).to_string();
        let mut message = message::StreamMessage {
            subject: "surehold.payment".into(),
            sequence: 70,
            headers: Default::default(),
            payload: payload.into(),
            time: async_nats::datetime::parse_rfc3339("2023-11-14T22:13:20.123456789Z").unwrap(),
        };
        let kept = read(&message).unwrap();
        assert_eq!((kept.sequence, kept.seq), (70, 3));
        assert_eq!((kept.message, kept.subject), (id, subject));
        assert_eq!(kept.at, Timestamp(1_700_000_000_123_456));
        message.payload = "{}".into();
        assert!(read(&message).is_err());
    }
}
