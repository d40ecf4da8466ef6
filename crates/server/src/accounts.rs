//! The configured accounts at providers: they are checked, new ones are stored, and each gets its
//! provider with its circuit breaker and retry budget.

use std::collections::HashMap;
use std::sync::Arc;

use api::views::Breaker;
use domain::rows::{Account, Mode};
use domain::{AccountId, TenantId};
use providers::{Adapter, Guard, ProviderSettings, Registry};
use resilience::budget::FloorSource;
use store::Store;

use crate::circuits::{Circuit, Circuits, Watch};
use crate::metrics::labels;
use crate::ports::Accounts;
use crate::service::{Error, Settings};
use crate::webhooks::AccountEntry;
use crate::workers::MeteredProvider;

/// An account at a provider, with the settings that a call needs.
#[derive(Clone, Debug)]
pub struct AccountSettings {
    pub tenant: TenantId,
    pub adapter: &'static Adapter,
    /// The provider's own name for the account, as in the webhook's path.
    pub name: String,
    pub settings: ProviderSettings,
}

/// What the parts of a service know of the accounts.
pub struct ProviderAccounts {
    /// For workers: the provider of each account.
    pub registry: Registry,
    /// For webhooks: the account that receives them, by provider and by the name in the path.
    pub entries: HashMap<(String, String), AccountEntry>,
    /// For requests: a tenant's account at a provider.
    pub directory: AccountDirectory,
}

/// Finds a tenant's account by the name of the provider.
#[derive(Default)]
pub struct AccountDirectory {
    accounts: HashMap<(TenantId, &'static str, &'static str), AccountId>,
    circuits: Vec<Circuit>,
}

impl AccountDirectory {
    pub fn circuits(&self) -> Circuits {
        Circuits::new(self.circuits.clone())
    }

    /// For a process that calls none of the accounts: the state of its own circuits means nothing.
    pub fn without_circuits(mut self) -> AccountDirectory {
        self.circuits.clear();
        self
    }
}

impl Accounts for AccountDirectory {
    fn account(&self, tenant: TenantId, provider: &str, mode: Mode) -> Option<AccountId> {
        let provider = providers::adapter::find(provider)?.name;
        self.accounts.get(&(tenant, provider, mode.name())).copied()
    }

    fn providers(&self, tenant: TenantId, mode: Mode) -> Vec<String> {
        let own = |key: &&(TenantId, &'static str, &'static str)| key.0 == tenant && key.2 == mode.name();
        self.accounts.keys().filter(own).map(|(_, provider, _)| (*provider).to_owned()).collect()
    }

    fn breakers(&self, tenant: TenantId, mode: Mode) -> Vec<Breaker> {
        let own = |circuit: &&Circuit| circuit.tenant == tenant && circuit.mode == mode;
        self.circuits.iter().filter(own).map(Circuit::view).collect()
    }
}

/// Checks the configured accounts, stores new ones, and opens their providers. With `floors`, all
/// processes share the floors of their retry budgets.
pub async fn open(
    store: &Store,
    settings: &Settings,
    floors: Option<&Arc<dyn FloorSource>>,
    now: domain::Timestamp,
) -> Result<ProviderAccounts, Error> {
    let mut accounts = ProviderAccounts {
        registry: Registry::new(),
        entries: HashMap::new(),
        directory: AccountDirectory::default(),
    };
    for account in &settings.accounts {
        let AccountSettings { tenant, adapter, name, settings: of_account } = account;
        let refused = |why: String| Error::Account { account: name.clone(), why };
        let provider = labels::ProviderLabel::of(adapter.name)
            .ok_or_else(|| refused(format!("the metrics do not know {}", adapter.name)))?;
        let id = AccountId::of(adapter.name, name);
        let watch = Arc::new(Watch { provider, account: name.clone() });
        let full_name = format!("{}/{name}", adapter.name);
        let guard = Guard::new(&full_name, &settings.guard, floors.cloned(), watch);
        let opened = (adapter.open)(of_account, &guard).map_err(refused)?;
        write_down(store, account, id, now).await?;
        let metered = Arc::new(MeteredProvider::new(opened, provider));
        if !accounts.registry.insert(id, metered, guard.clone()) {
            return Err(refused("is configured twice".to_owned()));
        }
        let entry = AccountEntry { id, tenant: *tenant };
        accounts.entries.insert((adapter.name.to_owned(), name.clone()), entry);
        let directory = &mut accounts.directory;
        if directory.accounts.insert((*tenant, adapter.name, of_account.mode.name()), id).is_some() {
            return Err(refused("its tenant has another account of this provider and mode".to_owned()));
        }
        let (tenant, mode, account) = (*tenant, of_account.mode, name.clone());
        directory.circuits.push(Circuit { tenant, mode, provider, account, guard });
    }
    Ok(accounts)
}

async fn write_down(
    store: &Store,
    account: &AccountSettings,
    id: AccountId,
    now: domain::Timestamp,
) -> Result<(), Error> {
    let refused = |why: &str| Error::Account { account: account.name.clone(), why: why.to_owned() };
    if let Some(known) = store.account(account.adapter.name, &account.name).await? {
        if known.tenant != account.tenant {
            return Err(refused("it belongs to another tenant"));
        }
        if known.mode != account.settings.mode {
            return Err(refused("it is of another mode; test and live never mix"));
        }
        return Ok(());
    }
    let tenant = store.tenant(account.tenant).await?.ok_or_else(|| refused("there is no such tenant"))?;
    let row = Account {
        id,
        tenant: account.tenant,
        provider: account.adapter.name.to_owned(),
        name: account.name.clone(),
        mode: account.settings.mode,
        created_at: now,
    };
    let provision =
        domain::commands::Provision { tenant, accounts: vec![row], clients: vec![], api_keys: vec![] };
    store
        .submit(Box::new(provision))
        .await
        .map(|_| ())
        .map_err(|why| Error::NotWritten { account: account.name.clone(), why: why.to_string() })
}
