//! The parts that every endpoint may use.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::Ids;
use domain::provider::TenantProviders;
use providers::Registry;
use store::{Clock, Store};
use tokio::sync::Semaphore;

use super::Limits;
use super::auth::{AuthenticatedClient, KnownKeys};
use super::read_turns::ReadTurns;
use crate::ports::{Accounts, IdempotencyCache, WorkerPool};
use crate::tickets::TicketSigner;
use crate::wake::Waiters;

/// Requests that wait for a provider's reply; of one tenant at most half as many.
const PROVIDER_CALLS: usize = 32;

pub struct AppParts {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids + Send + Sync>,
    /// The same waiters that the store's listener wakes.
    pub waiters: Arc<Waiters>,
    pub accounts: Arc<dyn Accounts>,
    /// For what is shown as the provider has it now, and is not stored here.
    pub providers: Arc<Registry>,
    pub workers: Arc<dyn WorkerPool>,
    pub tickets: Arc<TicketSigner>,
    pub idempotency_cache: Arc<dyn IdempotencyCache>,
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Why this process is not fit for service until somebody changes something.
    pub unfit: Arc<dyn Fn() -> Option<String> + Send + Sync>,
    pub limits: Limits,
}

impl AppParts {
    pub fn tenant_providers(&self, caller: &AuthenticatedClient) -> TenantProviders {
        let names = self.accounts.providers(caller.tenant, caller.mode);
        TenantProviders { names, amounts: providers::AMOUNTS }
    }
}

/// Shared by all requests; cheap to clone.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

pub struct Inner {
    pub parts: AppParts,
    pub known_keys: KnownKeys,
    pub room: Semaphore,
    pub turns: ReadTurns,
    /// A slow provider keeps its requests waiting, and not those that read the database.
    pub provider_turns: ReadTurns,
    pub openapi: String,
    leaving: AtomicBool,
}

impl App {
    pub fn new(parts: AppParts) -> App {
        let limits = parts.limits;
        App {
            inner: Arc::new(Inner {
                known_keys: KnownKeys::new(limits.keys_max, limits.key_ttl),
                room: Semaphore::new(limits.requests_max),
                turns: ReadTurns::new(limits.readers),
                provider_turns: ReadTurns::new(PROVIDER_CALLS),
                openapi: super::endpoints::document(),
                leaving: AtomicBool::new(false),
                parts,
            }),
        }
    }

    pub fn store(&self) -> &Store {
        &self.parts.store
    }
    pub fn limits(&self) -> &Limits {
        &self.parts.limits
    }

    /// From now on readiness is refused, and each response closes its connection. If a request
    /// arrives on a kept connection at the moment when we close it, nobody knows whether it was
    /// done.
    pub fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }
    pub fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }
}

impl Deref for App {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.inner
    }
}

impl fmt::Debug for App {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("App").field("limits", self.limits()).finish_non_exhaustive()
    }
}
