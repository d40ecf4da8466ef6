//! Provision a tenant, with its accounts, clients and API keys.

use alloc::vec::Vec;

use crate::commands::draft::{Draft, Origin};
use crate::ids::TenantId;
use crate::rows::{Account, Actor, ApiKey, Client, Facts, Needs, Tenant};
use crate::working_set::{Command, Context, DecisionResult};

/// Rows that exist already stay as they are.
#[derive(Clone, Debug)]
pub struct Provision {
    pub tenant: Tenant,
    pub accounts: Vec<Account>,
    pub clients: Vec<Client>,
    pub api_keys: Vec<ApiKey>,
}

impl Command for Provision {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.tenant.id)
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.tenant(self.tenant.id);
        for account in &self.accounts {
            rows.account(account.id);
        }
        for client in &self.clients {
            rows.client(client.id);
        }
        for key in &self.api_keys {
            rows.api_key(key.id);
        }
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let origin = Origin::of(Actor::Person);
        let mut draft = Draft::new(context, &origin);
        if facts.tenants.get(self.tenant.id).is_none() {
            draft.put(self.tenant.clone());
        }
        for account in self.accounts.iter().filter(|row| facts.accounts.get(row.id).is_none()) {
            draft.put(account.clone());
        }
        for client in self.clients.iter().filter(|row| facts.clients.get(row.id).is_none()) {
            draft.put(client.clone());
        }
        for key in self.api_keys.iter().filter(|row| facts.api_keys.get(row.id).is_none()) {
            draft.put(key.clone());
        }
        Ok(draft.done())
    }
}
