//! Which teller serves which account.

use std::{collections::HashMap, fmt, sync::Arc};

use domain::AccountId;

use crate::Provider;

/// The tellers of a server, filled once when it starts.
#[derive(Clone, Default)]
pub struct Registry {
    tellers: HashMap<AccountId, Arc<dyn Provider>>,
}

impl Registry {
    pub fn new() -> Registry {
        Registry::default()
    }

    /// Returns who served the account before.
    pub fn insert(&mut self, account: AccountId, teller: Arc<dyn Provider>) -> Option<Arc<dyn Provider>> {
        self.tellers.insert(account, teller)
    }

    pub fn get(&self, account: AccountId) -> Option<&Arc<dyn Provider>> {
        self.tellers.get(&account)
    }

    pub fn iter(&self) -> impl Iterator<Item = (AccountId, &Arc<dyn Provider>)> {
        self.tellers.iter().map(|(account, teller)| (*account, teller))
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_map().entries(self.iter().map(|(account, teller)| (account, teller.name()))).finish()
    }
}
