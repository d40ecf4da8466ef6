//! The tenants' accounts at providers, as a request needs them.

use api::views::Breaker;
use domain::rows::{Mode, PayBy};
use domain::{AccountId, Currency, TenantId};

/// A tenant's account, as payments are routed to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentAccount {
    pub id: AccountId,
    pub provider: String,
    /// Its configured name.
    pub name: String,
    /// The currencies that it is chosen for; `None`: all that the provider takes.
    pub currencies: Option<Vec<Currency>>,
    pub methods: Vec<PayBy>,
}

/// What an account must be, and must take.
#[derive(Clone, Copy, Debug)]
pub struct WantedAccount<'a> {
    pub provider: Option<&'a str>,
    /// The account's configured name.
    pub account: Option<&'a str>,
    pub currency: Option<Currency>,
    pub method: PayBy,
}

impl PaymentAccount {
    pub fn fits(&self, wanted: WantedAccount<'_>) -> bool {
        let takes = |currency: Currency| {
            let listed = self.currencies.as_ref().is_none_or(|listed| listed.contains(&currency));
            listed && (providers::AMOUNTS.0)(&self.provider, currency).is_some()
        };
        wanted.provider.is_none_or(|provider| provider == self.provider)
            && wanted.account.is_none_or(|account| account == self.name)
            && wanted.currency.is_none_or(takes)
            && self.methods.contains(&wanted.method)
    }
}

/// Finds a tenant's accounts.
pub trait Accounts: Send + Sync {
    /// All of a tenant's accounts of a mode, in their order of preference.
    fn accounts(&self, tenant: TenantId, mode: Mode) -> Vec<PaymentAccount>;

    /// The providers at which a tenant has an account.
    fn providers(&self, tenant: TenantId, mode: Mode) -> Vec<String> {
        let mut names: Vec<String> =
            self.accounts(tenant, mode).into_iter().map(|account| account.provider).collect();
        names.sort();
        names.dedup();
        names
    }

    /// The circuits to a tenant's accounts; empty in a process that calls none.
    fn breakers(&self, tenant: TenantId, mode: Mode) -> Vec<Breaker> {
        let _ = (tenant, mode);
        Vec::new()
    }
}
