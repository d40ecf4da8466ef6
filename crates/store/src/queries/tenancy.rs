//! Tenants, their accounts, clients and keys.

use domain::rows::{Account, ApiKey, Client, Key, Tenant};
use domain::{AccountId, ApiKeyId, ClientId, KeyId, TenantId};

use super::Queries;
use super::filter::{limit, with};
use crate::Error;

impl Queries {
    pub async fn tenant(&self, id: TenantId) -> Result<Option<Tenant>, Error> {
        self.row("where id = $1", with![id]).await
    }

    /// Oldest first.
    pub async fn tenants(&self, max: usize) -> Result<Vec<Tenant>, Error> {
        self.rows("order by created_at, id limit $1", with![limit(max)]).await
    }

    /// Of every tenant: for a program that starts its workers.
    pub async fn accounts(&self, max: usize) -> Result<Vec<Account>, Error> {
        self.rows("order by provider, name, id limit $1", with![limit(max)]).await
    }

    pub async fn accounts_of(&self, tenant: TenantId) -> Result<Vec<Account>, Error> {
        self.rows("where tenant = $1 order by provider, name", with![tenant]).await
    }

    /// Known by its name to the provider, whose webhooks name no tenant.
    pub async fn account(&self, provider: &str, name: &str) -> Result<Option<Account>, Error> {
        self.account_by_id(AccountId::of(provider, name)).await
    }

    pub async fn account_by_id(&self, id: AccountId) -> Result<Option<Account>, Error> {
        self.row("where id = $1", with![id]).await
    }

    pub async fn client(&self, tenant: TenantId, id: ClientId) -> Result<Option<Client>, Error> {
        self.row("where tenant = $1 and id = $2", with![tenant, id]).await
    }

    pub async fn clients(&self, tenant: TenantId, max: usize) -> Result<Vec<Client>, Error> {
        self.rows("where tenant = $1 order by created_at, id limit $2", with![tenant, limit(max)]).await
    }

    /// Not a tenant's query: the key is what says whose the request is.
    pub async fn api_key(&self, id: ApiKeyId) -> Result<Option<ApiKey>, Error> {
        self.row("where id = $1", with![id]).await
    }

    /// An idempotency key, for a handler that waits for its reply.
    pub async fn key(&self, tenant: TenantId, id: KeyId) -> Result<Option<Key>, Error> {
        self.row("where tenant = $1 and id = $2", with![tenant, id]).await
    }
}
