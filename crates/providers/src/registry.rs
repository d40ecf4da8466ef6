//! Which teller serves which account, and what guards it.

use std::{collections::HashMap, fmt, sync::Arc};

use domain::AccountId;

use crate::{Guard, Provider};

/// The tellers of a server, filled once when it starts.
#[derive(Clone, Default)]
pub struct Registry {
    tellers: HashMap<AccountId, (Arc<dyn Provider>, Guard)>,
}

impl Registry {
    pub fn new() -> Registry {
        Registry::default()
    }

    /// `guard` is the one that the teller was made with. Answers whether the account had no teller before.
    pub fn insert(&mut self, account: AccountId, teller: Arc<dyn Provider>, guard: Guard) -> bool {
        self.tellers.insert(account, (teller, guard)).is_none()
    }

    pub fn get(&self, account: AccountId) -> Option<&Arc<dyn Provider>> {
        self.tellers.get(&account).map(|(teller, _)| teller)
    }

    pub fn guard(&self, account: AccountId) -> Option<&Guard> {
        self.tellers.get(&account).map(|(_, guard)| guard)
    }

    pub fn guards(&self) -> impl Iterator<Item = (AccountId, &Guard)> {
        self.tellers.iter().map(|(account, (_, guard))| (*account, guard))
    }

    pub fn iter(&self) -> impl Iterator<Item = (AccountId, &Arc<dyn Provider>)> {
        self.tellers.iter().map(|(account, (teller, _))| (*account, teller))
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_map().entries(self.iter().map(|(account, teller)| (account, teller.name()))).finish()
    }
}
