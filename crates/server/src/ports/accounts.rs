//! The tenants' accounts at providers, as a request needs them.

use api::views::Breaker;
use domain::rows::Mode;
use domain::{AccountId, TenantId};

/// Finds a tenant's account by the name of its provider.
pub trait Accounts: Send + Sync {
    fn account(&self, tenant: TenantId, provider: &str, mode: Mode) -> Option<AccountId>;

    /// The providers at which a tenant has an account.
    fn providers(&self, tenant: TenantId, mode: Mode) -> Vec<String>;

    /// The circuits to a tenant's accounts; empty in a process that calls none.
    fn breakers(&self, tenant: TenantId, mode: Mode) -> Vec<Breaker> {
        let _ = (tenant, mode);
        Vec::new()
    }
}
