//! What every endpoint may use.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use api::views::Breaker;
use domain::commands::JobLease;
use domain::provider::TenantProviders;
use domain::reply::ClaimedJob;
use domain::rows::Mode;
use domain::{AccountId, Ids, TenantId};
use store::{Clock, Store};
use tokio::sync::Semaphore;

use super::auth::{AuthenticatedClient, KnownKeys};
use super::read_turns::ReadTurns;
use super::{IdempotencyCache, Limits, Waiters};

/// Which of a tenant's accounts a provider's name means.
pub trait Accounts: Send + Sync {
    fn account(&self, tenant: TenantId, provider: &str, mode: Mode) -> Option<AccountId>;

    /// The providers that a tenant has an account at.
    fn providers(&self, tenant: TenantId, mode: Mode) -> Vec<String>;

    /// How the way to a tenant's accounts stands; none where none is called.
    fn breakers(&self, tenant: TenantId, mode: Mode) -> Vec<Breaker> {
        let _ = (tenant, mode);
        Vec::new()
    }
}

/// The workers of this process, as far as a request needs them.
pub trait WorkerPool: Send + Sync {
    /// A free place for a job that is about to be born, if there is one now. Without one the job
    /// is found by the workers' query.
    fn place(&self) -> Option<Box<dyn WorkerPermit>>;
}

/// A worker's place, taken before the command that will need it.
pub trait WorkerPermit: Send {
    /// The lease to bear the job under.
    fn lease(&self) -> JobLease;
    /// Works on the job that was born under the lease. Must not block.
    fn drive(self: Box<Self>, claimed: ClaimedJob);
}

/// What an [`App`] is made of.
pub struct AppParts {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids + Send + Sync>,
    /// The same that the store's listener wakes.
    pub waiters: Arc<Waiters>,
    pub accounts: Arc<dyn Accounts>,
    pub hands: Arc<dyn WorkerPool>,
    pub hot_path: Arc<dyn IdempotencyCache>,
    /// The text of `/metrics`.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Why this process must not be counted on, if somebody has to change something first.
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
                openapi: api::openapi_json(),
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

    /// From now on readiness says no, and each answer closes its connection: a request that comes over a
    /// kept connection at the moment when we close it is lost, and nobody can tell whether it was done.
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
