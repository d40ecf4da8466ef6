//! The client and what all its calls share.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use resilience::{SharedBreaker, SharedBudget, Timeouts};
use serde::de::DeserializeOwned;

use crate::api_request::ApiRequest;
use crate::attempt::HttpService;
use crate::reply_meaning::{ReplyReader, json};
use crate::retry_loop::run;
use crate::settings::Settings;
use crate::{Builder, IdempotencyKey, Operation, Result};

/// A client of one server with one API key. Clones share its connections, its budget for retries
/// and its circuit breaker: create one, and clone it.
#[derive(Clone)]
pub struct Client {
    parts: Arc<ClientParts>,
}

pub struct ClientParts {
    pub settings: Settings,
    pub budget: SharedBudget,
    pub breaker: Option<SharedBreaker>,
    pub http: HttpService,
}

impl Client {
    /// `base_url` such as `http://127.0.0.1:8080`; `https://` needs the feature `tls`.
    pub fn builder(base_url: impl Into<String>, api_key: impl Into<String>) -> Builder {
        Builder::new(base_url.into(), api_key.into())
    }

    pub(crate) fn new(parts: ClientParts) -> Client {
        Client { parts: Arc::new(parts) }
    }

    /// Retries that could be made now.
    pub fn retries_left(&self) -> f64 {
        self.parts.budget.left()
    }

    /// An operation under a new key.
    pub(crate) fn operation<T>(&self, request: ApiRequest, read: ReplyReader<T>) -> Operation<T> {
        let request = ApiRequest { key: Some(IdempotencyKey::mint()), ..request };
        Operation::new(self.clone(), request, self.parts.settings.timeouts, read)
    }

    /// As `operation`, where the server should wait for a provider's outcome.
    pub(crate) fn provider_operation<T>(&self, request: ApiRequest, read: ReplyReader<T>) -> Operation<T> {
        self.operation(ApiRequest { wait: Some(self.parts.settings.wait), ..request }, read)
    }

    /// Makes a call without a key. A read is retried like any call; a change is retried only if
    /// nothing of it was written.
    pub(crate) async fn call<T: DeserializeOwned + Send + 'static>(&self, request: ApiRequest) -> Result<T> {
        let settled = run(&self.parts, &request, self.parts.settings.timeouts, json::<T>).await?;
        Ok(settled.value)
    }

    pub(crate) fn parts(&self) -> &ClientParts {
        &self.parts
    }
}

/// The attempt's own timeout starts when the server's wait for the provider ends.
pub fn with_wait(timeouts: Timeouts, wait: Option<Duration>) -> Timeouts {
    Timeouts { attempt: timeouts.attempt.saturating_add(wait.unwrap_or_default()), ..timeouts }
}

impl fmt::Debug for Client {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Client").field("budget", &self.parts.budget).finish_non_exhaustive()
    }
}
