//! API keys and their scopes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Request;
use crate::limits::NAME_CHARS_MAX;
use crate::validation_errors::ValidationErrors;

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Bookings,
    Payments,
    Catalogue,
    Ops,
    Ledger,
    Payouts,
}

impl Scope {
    pub const ALL: [Scope; 6] =
        [Scope::Bookings, Scope::Payments, Scope::Catalogue, Scope::Ops, Scope::Ledger, Scope::Payouts];

    pub fn name(self) -> &'static str {
        match self {
            Scope::Bookings => "bookings",
            Scope::Payments => "payments",
            Scope::Catalogue => "catalogue",
            Scope::Ops => "ops",
            Scope::Ledger => "ledger",
            Scope::Payouts => "payouts",
        }
    }
}

/// One more API key: for an existing client, or for a new one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApiKey {
    /// The client of the key. Idempotency keys belong to the client, so they survive the rotation
    /// of its API keys.
    #[serde(default)]
    pub client_id: Option<Uuid>,
    /// Instead: the name of a new client.
    #[serde(default)]
    pub client_name: Option<String>,
    /// Each scope once. The calling key can only give scopes that it has.
    pub scopes: Vec<Scope>,
}

impl Request for NewApiKey {
    fn check(&self, findings: &mut ValidationErrors) {
        if let Some(name) = &self.client_name {
            findings.line("/client_name", name, NAME_CHARS_MAX);
        }
        if self.scopes.is_empty() || self.scopes.len() > Scope::ALL.len() {
            findings.add("/scopes", format!("must be 1 to {}", Scope::ALL.len()));
            return;
        }
        for (index, scope) in self.scopes.iter().enumerate() {
            if self.scopes[..index].contains(scope) {
                findings.add(format!("/scopes/{index}"), "is named twice");
            }
        }
    }

    fn check_together(&self, findings: &mut ValidationErrors) {
        match (&self.client_id, &self.client_name) {
            (None, None) => findings.add("/client_id", "client_id or client_name is needed"),
            (Some(_), Some(_)) => findings.add("/client_name", "must not be given beside client_id"),
            (None, Some(_)) | (Some(_), None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::json::decode;

    #[test]
    fn a_scope_is_spelled_as_it_is_named() {
        for scope in Scope::ALL {
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.name());
        }
        assert_eq!(Scope::Ops.name(), domain::commands::OPS_SCOPE);
    }

    #[test]
    fn mistakes_are_reported() {
        let client = "00000000-0000-0000-0000-000000000004";
        for (body, pointer) in [
            (json!({ "scopes": ["ops"] }), "/client_id"),
            (json!({ "client_id": client, "client_name": "a", "scopes": ["ops"] }), "/client_name"),
            (json!({ "client_name": " ", "scopes": ["ops"] }), "/client_name"),
            (json!({ "client_name": "a", "scopes": [] }), "/scopes"),
            (json!({ "client_name": "a", "scopes": ["root"] }), "/scopes/0"),
            (json!({ "client_name": "a", "scopes": ["ops", "ops"] }), "/scopes/1"),
            (json!({ "client_name": "a", "scopes": vec!["ops"; Scope::ALL.len() + 1] }), "/scopes"),
            (json!({ "client_name": "a", "scopes": ["ops"], "secret": "x" }), "/secret"),
        ] {
            let findings = decode::<NewApiKey>(body).unwrap_err();
            assert_eq!(findings.errors()[0].pointer, pointer);
        }
        assert!(decode::<NewApiKey>(json!({ "client_id": client, "scopes": ["ops", "ledger"] })).is_ok());
    }
}
