//! Finds the provider and the guard of an account.

use std::{collections::HashMap, fmt, sync::Arc};

use domain::AccountId;
use parking_lot::RwLock;

use crate::{Guard, Provider};

/// The providers of a server. The accounts are fixed when it starts; a provider is replaced when its
/// credentials are.
#[derive(Default)]
pub struct Registry {
    providers: HashMap<AccountId, (RwLock<Arc<dyn Provider>>, Guard)>,
}

impl Registry {
    pub fn new() -> Registry {
        Registry::default()
    }

    /// `guard` is the one that the provider was created with. Returns whether the account is new.
    pub fn insert(&mut self, account: AccountId, provider: Arc<dyn Provider>, guard: Guard) -> bool {
        self.providers.insert(account, (RwLock::new(provider), guard)).is_none()
    }

    /// From now on the account is called through this provider. Calls in progress end with the old one.
    pub fn replace(&self, account: AccountId, provider: Arc<dyn Provider>) {
        if let Some((known, _)) = self.providers.get(&account) {
            *known.write() = provider;
        }
    }

    pub fn get(&self, account: AccountId) -> Option<Arc<dyn Provider>> {
        self.providers.get(&account).map(|(provider, _)| provider.read().clone())
    }

    pub fn guard(&self, account: AccountId) -> Option<&Guard> {
        self.providers.get(&account).map(|(_, guard)| guard)
    }

    pub fn guards(&self) -> impl Iterator<Item = (AccountId, &Guard)> {
        self.providers.iter().map(|(account, (_, guard))| (*account, guard))
    }

    pub fn iter(&self) -> impl Iterator<Item = (AccountId, Arc<dyn Provider>)> {
        self.providers.iter().map(|(account, (provider, _))| (*account, provider.read().clone()))
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_map().entries(self.iter().map(|(account, provider)| (account, provider.name()))).finish()
    }
}
