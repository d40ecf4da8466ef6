//! An API key. Only the reply that creates it contains the secret.

use std::fmt;

use domain::rows;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::time;

/// An API key. Its secret was shown when it was created, and is not stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApiKey {
    pub id: Uuid,
    pub client_id: Uuid,
    pub client_name: String,
    pub scopes: Vec<String>,
    /// `test` or `live`.
    pub mode: String,
    pub created_at: jiff::Timestamp,
    #[serde(default)]
    pub revoked_at: Option<jiff::Timestamp>,
}

impl ApiKey {
    pub fn of(key: &rows::ApiKey, client: &rows::Client) -> ApiKey {
        ApiKey {
            id: key.id.0,
            client_id: client.id.0,
            client_name: client.name.clone(),
            scopes: key.scopes.0.clone(),
            mode: key.mode.name().to_owned(),
            created_at: time::instant(key.created_at),
            revoked_at: key.revoked_at.map(time::instant),
        }
    }
}

/// A new API key with its secret.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShownApiKey {
    #[serde(flatten)]
    pub key: ApiKey,
    /// The value for the `Authorization` header. It is not shown again.
    pub secret: String,
}

/// Leaves out the secret, because debug output may be stored.
impl fmt::Debug for ShownApiKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ShownApiKey").field("key", &self.key).finish_non_exhaustive()
    }
}
