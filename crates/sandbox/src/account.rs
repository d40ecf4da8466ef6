//! An account of the provider: its secret key, and where its events are sent.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{balance::Fees, parameters::StripeMetadata, wire::ProviderWire};

/// The endpoint that belongs to the account itself, not created through Stripe's API.
pub const OWN_ENDPOINT: &str = "we_account";

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Account {
    pub id: String,
    /// The only wire that knows this account.
    #[serde(default)]
    pub wire: ProviderWire,
    pub secret_key: String,
    #[serde(default)]
    pub fees: Fees,
    pub endpoints: Vec<WebhookEndpoint>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WebhookEndpoint {
    pub id: String,
    /// Unix seconds.
    pub created: i64,
    pub url: String,
    /// Two while a secret is being rotated; then each delivery carries two signatures.
    pub secrets: Vec<String>,
    /// `*` for all events.
    pub enabled_events: Vec<String>,
    /// The version that its events name, if the endpoint requested one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "StripeMetadata::is_empty")]
    pub metadata: StripeMetadata,
    #[serde(default)]
    pub removed: bool,
}

impl WebhookEndpoint {
    pub fn wants(&self, kind: &str) -> bool {
        !self.removed && self.enabled_events.iter().any(|enabled| enabled == "*" || enabled == kind)
    }

    /// Stripe shows the secret once: in the reply to the call that creates the endpoint.
    pub fn view(&self, with_secret: bool) -> Value {
        if self.removed {
            return json!({"id": self.id, "object": "webhook_endpoint", "deleted": true});
        }
        let mut shown = json!({
            "id": self.id, "object": "webhook_endpoint", "api_version": self.api_version,
            "application": null, "created": self.created, "description": self.description,
            "enabled_events": self.enabled_events, "livemode": false, "metadata": self.metadata,
            "status": "enabled", "url": self.url,
        });
        if with_secret {
            shown["secret"] = json!(self.secrets.first());
        }
        shown
    }
}

/// Only plain HTTP: the sandbox runs beside the program under test and calls nothing else.
pub fn is_deliverable(url: &str) -> bool {
    url.parse::<http::Uri>().is_ok_and(|uri| uri.scheme_str() == Some("http") && uri.host().is_some())
}
