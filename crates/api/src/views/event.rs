//! What happened, in order.

use domain::rows;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::time;

/// Something that happened. Events are read in the order of their positions. A key sees those that its
/// scopes allow; the positions of others are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    pub id: Uuid,
    /// Its place in the log; read on with `after`.
    pub position: i64,
    #[schema(example = "booking.confirmed")]
    pub r#type: String,
    /// What it is about: `booking`, `payment` or `refund`.
    pub subject: String,
    pub subject_id: Uuid,
    /// Counts the events about this subject, from 1.
    pub seq: i64,
    #[schema(value_type = Object)]
    pub data: serde_json::Value,
    pub created_at: jiff::Timestamp,
}

impl Event {
    /// A message that was not relayed yet has no position and is no event.
    pub fn of(message: &rows::Message) -> Option<Event> {
        Some(Event {
            id: message.id.0,
            position: message.position?,
            r#type: message.kind.clone(),
            subject: message.subject_kind.name().to_owned(),
            subject_id: message.subject,
            seq: message.seq,
            data: serde_json::from_str(&message.payload).unwrap_or(serde_json::Value::Null),
            created_at: time::instant(message.created_at),
        })
    }
}
