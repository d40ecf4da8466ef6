//! The form of a message in NATS: the event that `GET /v1/events` shows, with its tenant, and
//! without a position in the log, which it does not have yet.

use api::time::{instant, timestamp};
use domain::rows::{Message, Subject};
use domain::{MessageId, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// A process of this version ignores the fields that a later version adds.
#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    id: Uuid,
    tenant: Uuid,
    r#type: String,
    subject: String,
    subject_id: Uuid,
    seq: i64,
    created_at: jiff::Timestamp,
    /// The data as they were written, byte for byte.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
    /// Used instead of `data` for text that is not JSON. The message must still reach its consumer,
    /// which reports that it cannot be read, and counts the attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
}

pub fn write(message: &Message) -> Result<Vec<u8>, String> {
    let data: Result<&RawValue, _> = serde_json::from_str(&message.payload);
    let unreadable = data.is_err().then(|| message.payload.clone());
    let envelope = Envelope {
        id: message.id.0,
        tenant: message.tenant.0,
        r#type: message.kind.clone(),
        subject: message.subject_kind.name().to_owned(),
        subject_id: message.subject,
        seq: message.seq,
        created_at: instant(message.created_at),
        data: data.ok(),
        unreadable,
    };
    serde_json::to_vec(&envelope).map_err(|error| error.to_string())
}

/// The parts that a consumer needs, without those that only the relay knows.
pub fn read(bytes: &[u8]) -> Result<Message, String> {
    let envelope: Envelope<'_> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let subject_kind = Subject::from_name(&envelope.subject)
        .ok_or_else(|| format!("a subject of an unknown kind: {}", envelope.subject))?;
    let payload = envelope.data.map(|data| data.get().to_owned()).or(envelope.unreadable);
    let payload = payload.ok_or("a message without data")?;
    Ok(Message {
        id: MessageId(envelope.id),
        tenant: TenantId(envelope.tenant),
        subject_kind,
        subject: envelope.subject_id,
        seq: envelope.seq,
        kind: envelope.r#type,
        payload,
        created_at: timestamp(envelope.created_at),
        partition: Message::partition_of(envelope.subject_id),
        position: None,
        published: 0,
        published_at: None,
        received_at: None,
    })
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;

    fn message(payload: &str) -> Message {
        Message {
            id: MessageId(Uuid::from_u128(1)),
            tenant: TenantId(Uuid::from_u128(2)),
            subject_kind: Subject::Payment,
            subject: Uuid::from_u128(3),
            seq: 4,
            kind: "payment.captured".to_owned(),
            payload: payload.to_owned(),
            created_at: Timestamp(1_700_000_000_123_456),
            partition: Message::partition_of(Uuid::from_u128(3)),
            position: None,
            published: 0,
            published_at: None,
            received_at: None,
        }
    }

    #[test]
    fn a_message_arrives_as_it_was_sent() {
        for payload in
            [r#"{"amount":1250,"currency":"BRL"}"#, r#"{ "b": 1.10, "a": "\u00e9" }"#, "1", "no JSON", ""]
        {
            let message = message(payload);
            assert_eq!(read(&write(&message).unwrap()).unwrap(), message);
        }
    }

    #[test]
    fn the_wire_is_the_documented_form() {
        let written = String::from_utf8(write(&message(r#"{"amount":1250}"#)).unwrap()).unwrap();
        assert_eq!(
            written,
            "{\"id\":\"00000000-0000-0000-0000-000000000001\",\
             \"tenant\":\"00000000-0000-0000-0000-000000000002\",\"type\":\"payment.captured\",\
             \"subject\":\"payment\",\"subject_id\":\"00000000-0000-0000-0000-000000000003\",\"seq\":4,\
             \"created_at\":\"2023-11-14T22:13:20.123456Z\",\"data\":{\"amount\":1250}}"
        );
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let whole = String::from_utf8(write(&message("{}")).unwrap()).unwrap();
        read(whole.replace("\"seq\":4", "\"seq\":4,\"later\":true").as_bytes()).unwrap();
        for broken in [
            String::new(),
            "{}".to_owned(),
            whole.replace("\"payment\"", "\"planet\""),
            whole.replace("\"seq\":4", "\"seq\":\"four\""),
            whole.replace("\"data\"", "\"date\""),
            whole[..whole.len() - 1].to_owned(),
        ] {
            assert!(read(broken.as_bytes()).is_err(), "{broken}");
        }
    }
}
