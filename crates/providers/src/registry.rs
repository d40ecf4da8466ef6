//! Finds the provider and the guard of an account.

use std::{collections::HashMap, fmt, sync::Arc};

use domain::AccountId;

use crate::{Guard, Provider};

/// The providers of a server, filled once when it starts.
#[derive(Clone, Default)]
pub struct Registry {
    providers: HashMap<AccountId, (Arc<dyn Provider>, Guard)>,
}

impl Registry {
    pub fn new() -> Registry {
        Registry::default()
    }

    /// `guard` is the one that the provider was created with. Returns whether the account is new.
    pub fn insert(&mut self, account: AccountId, provider: Arc<dyn Provider>, guard: Guard) -> bool {
        self.providers.insert(account, (provider, guard)).is_none()
    }

    pub fn get(&self, account: AccountId) -> Option<&Arc<dyn Provider>> {
        self.providers.get(&account).map(|(provider, _)| provider)
    }

    pub fn guard(&self, account: AccountId) -> Option<&Guard> {
        self.providers.get(&account).map(|(_, guard)| guard)
    }

    pub fn guards(&self) -> impl Iterator<Item = (AccountId, &Guard)> {
        self.providers.iter().map(|(account, (_, guard))| (*account, guard))
    }

    pub fn iter(&self) -> impl Iterator<Item = (AccountId, &Arc<dyn Provider>)> {
        self.providers.iter().map(|(account, (provider, _))| (*account, provider))
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_map().entries(self.iter().map(|(account, provider)| (account, provider.name()))).finish()
    }
}
