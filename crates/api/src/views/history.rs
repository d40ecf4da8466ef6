//! The audit of one resource.

use domain::rows;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::time;

/// One change: who made it, when, and from which state to which.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HistoryEntry {
    pub at: jiff::Timestamp,
    /// `client`, `worker`, `webhook`, `timer` or `person`.
    pub actor: String,
    #[serde(default)]
    pub client_id: Option<Uuid>,
    pub action: String,
    #[serde(default)]
    pub from_state: Option<String>,
    #[serde(default)]
    pub to_state: Option<String>,
    #[serde(default)]
    pub request_id: Option<String>,
    /// The name that the person gave, if a person acted through a client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl HistoryEntry {
    pub fn of(audit: &rows::Audit) -> HistoryEntry {
        HistoryEntry {
            at: time::instant(audit.at),
            actor: audit.actor.clone(),
            client_id: audit.client.map(|client| client.0),
            action: audit.action.clone(),
            from_state: audit.from_state.clone(),
            to_state: audit.to_state.clone(),
            request_id: audit.request_id.clone(),
            person: audit.person.clone(),
            why: audit.why.clone(),
        }
    }
}
