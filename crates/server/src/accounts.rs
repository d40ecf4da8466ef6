//! The configured accounts at providers: they are checked, new ones are stored, and each gets its
//! provider with its circuit breaker and retry budget.

use std::collections::HashMap;
use std::sync::Arc;

use api::views::Breaker;
use domain::rows::{Account, Mode, PayBy};
use domain::{AccountId, Currency, TenantId};
use providers::{Adapter, Guard, ProviderSettings, Registry, Secret};
use resilience::budget::FloorSource;
use store::Store;

use crate::circuits::{Circuit, Circuits, Watch};
use crate::metrics::labels;
use crate::ports::{Accounts, PaymentAccount};
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
    /// The currencies that it is chosen for; `None`: all that the provider takes.
    pub currencies: Option<Vec<Currency>>,
    /// The ways to pay that it is chosen for; `None`: all that the provider offers.
    pub methods: Option<Vec<PayBy>>,
}

impl AccountSettings {
    /// An account that is chosen for everything that its provider takes.
    pub fn new(tenant: TenantId, adapter: &'static Adapter, name: &str, settings: ProviderSettings) -> Self {
        AccountSettings { tenant, adapter, name: name.to_owned(), settings, currencies: None, methods: None }
    }

    fn id(&self) -> AccountId {
        AccountId::of(self.adapter.name, &self.name)
    }

    fn methods(&self) -> Vec<PayBy> {
        let rules = self.adapter.methods;
        let offered = |method: &PayBy| match method {
            PayBy::Card => rules.cards,
            PayBy::Pix => rules.pix.is_some(),
        };
        let wanted = self.methods.clone().unwrap_or_else(|| PayBy::ALL.to_vec());
        wanted.into_iter().filter(offered).collect()
    }
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

/// Finds a tenant's accounts, in the order of the settings.
#[derive(Default)]
pub struct AccountDirectory {
    accounts: HashMap<(TenantId, &'static str), Vec<PaymentAccount>>,
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
    fn accounts(&self, tenant: TenantId, mode: Mode) -> Vec<PaymentAccount> {
        self.accounts.get(&(tenant, mode.name())).cloned().unwrap_or_default()
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
        let AccountSettings { tenant, adapter, name, settings: of_account, .. } = account;
        let refused = |why: String| Error::Account { account: name.clone(), why };
        let provider = labels::ProviderLabel::of(adapter.name)
            .ok_or_else(|| refused(format!("the metrics do not know {}", adapter.name)))?;
        let id = account.id();
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
        directory.accounts.entry((*tenant, of_account.mode.name())).or_default().push(PaymentAccount {
            id,
            provider: adapter.name.to_owned(),
            name: name.clone(),
            currencies: account.currencies.clone(),
            methods: account.methods(),
        });
        let (tenant, mode, account) = (*tenant, of_account.mode, name.clone());
        directory.circuits.push(Circuit { tenant, mode, provider, account, guard });
    }
    Ok(accounts)
}

/// The key and the secrets of an account, as they are configured now.
#[derive(Clone, Debug)]
pub struct AccountCredentials {
    pub provider: String,
    pub account: String,
    pub secret_key: Secret,
    pub webhook_secrets: Vec<Secret>,
}

impl AccountCredentials {
    fn is_of(&self, account: &AccountSettings) -> bool {
        self.provider == account.adapter.name && self.account == account.name
    }

    /// The account's settings with these credentials; `None` if it has them already.
    fn replace_in(self, settings: &ProviderSettings) -> Option<ProviderSettings> {
        let AccountCredentials { secret_key, webhook_secrets, .. } = self;
        let known = settings.secret_key == secret_key && settings.webhook_secrets == webhook_secrets;
        (!known).then(|| ProviderSettings { secret_key, webhook_secrets, ..settings.clone() })
    }
}

/// Opens an account anew if its credentials differ from those before. Calls in progress end with the old
/// ones. Returns whether they were replaced; if they are refused, the old ones stay.
pub fn replace_credentials(
    registry: &Registry,
    accounts: &mut [AccountSettings],
    new: AccountCredentials,
) -> Result<bool, Error> {
    let Some(account) = accounts.iter_mut().find(|account| new.is_of(account)) else { return Ok(false) };
    let Some(settings) = new.replace_in(&account.settings) else { return Ok(false) };
    let refused = |why| Error::Account { account: account.name.clone(), why };
    account.adapter.check(&settings).map_err(refused)?;
    let id = account.id();
    let parts = labels::ProviderLabel::of(account.adapter.name).zip(registry.guard(id));
    let (label, guard) = parts.ok_or_else(|| refused("it was not opened at the start".to_owned()))?;
    let opened = (account.adapter.open)(&settings, guard).map_err(refused)?;
    registry.replace(id, Arc::new(MeteredProvider::new(opened, label)));
    account.settings = settings;
    Ok(true)
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
        has_payment_unknown_here: false,
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
