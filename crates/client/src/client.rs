//! The client: what all its calls share.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use resilience::{SharedBreaker, SharedBudget, Timeouts};
use serde::de::DeserializeOwned;

use crate::answer::{AnswerReader, json};
use crate::api_request::ApiRequest;
use crate::attempt::Carrier;
use crate::retry_loop::pursue;
use crate::settings::Settings;
use crate::{Builder, IdempotencyKey, Operation, Result};

/// A client of one server with one API key. Clones share its connections, its budget for retries and its
/// circuit breaker: make one, and clone it.
#[derive(Clone)]
pub struct Client {
    parts: Arc<ClientParts>,
}

pub struct ClientParts {
    pub settings: Settings,
    pub budget: SharedBudget,
    pub breaker: Option<SharedBreaker>,
    pub carrier: Carrier,
}

impl Client {
    /// `base_url` such as `http://127.0.0.1:8080`; `https://` needs the feature `tls`.
    pub fn builder(base_url: impl Into<String>, api_key: impl Into<String>) -> Builder {
        Builder::new(base_url.into(), api_key.into())
    }

    pub(crate) fn of(parts: ClientParts) -> Client {
        Client { parts: Arc::new(parts) }
    }

    /// Retries that could be made now.
    pub fn retries_left(&self) -> f64 {
        self.parts.budget.left()
    }

    /// Work under a key that is minted now.
    pub(crate) fn operation<T>(&self, call: ApiRequest, read: AnswerReader<T>) -> Operation<T> {
        let call = ApiRequest { key: Some(IdempotencyKey::mint()), ..call };
        Operation::new(self.clone(), call, self.parts.settings.timeouts, read)
    }

    /// The same, where the server is asked to wait for a provider's outcome.
    pub(crate) fn at_a_provider<T>(&self, call: ApiRequest, read: AnswerReader<T>) -> Operation<T> {
        self.operation(ApiRequest { wait: Some(self.parts.settings.wait), ..call }, read)
    }

    /// Without a key: what only looks is asked again as often as it takes, what changes something only if
    /// nothing of it was written.
    pub(crate) async fn ask<T: DeserializeOwned + Send + 'static>(&self, call: ApiRequest) -> Result<T> {
        let settled = pursue(&self.parts, &call, self.parts.settings.timeouts, json::<T>).await?;
        Ok(settled.value)
    }

    pub(crate) fn parts(&self) -> &ClientParts {
        &self.parts
    }
}

/// The attempt's own limit begins where the server's wait for the provider ends.
pub fn with_wait(timeouts: Timeouts, wait: Option<Duration>) -> Timeouts {
    Timeouts { attempt: timeouts.attempt.saturating_add(wait.unwrap_or_default()), ..timeouts }
}

impl fmt::Debug for Client {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Client").field("budget", &self.parts.budget).finish_non_exhaustive()
    }
}
