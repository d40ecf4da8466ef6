//! Events, in order.

use domain::rows;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::time;

/// An event. Events are read in the order of their positions. A key sees those that its scopes
/// allow; the positions of others are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    pub id: Uuid,
    /// Its position in the log; continue with `after`.
    pub position: i64,
    #[schema(example = "booking.confirmed")]
    pub r#type: String,
    /// The subject: `booking`, `payment` or `refund`.
    pub subject: String,
    pub subject_id: Uuid,
    /// Number of the event for this subject, from 1.
    pub seq: i64,
    #[schema(value_type = Object)]
    pub data: serde_json::Value,
    pub created_at: jiff::Timestamp,
}

impl Event {
    /// A message that was not relayed yet has no position and is not an event.
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
