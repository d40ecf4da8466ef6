//! The tenants' accounts at providers, as a request sees them.

use api::views::Breaker;
use domain::rows::Mode;
use domain::{AccountId, TenantId};

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
