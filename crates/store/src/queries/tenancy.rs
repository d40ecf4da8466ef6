//! Tenants, their accounts, clients and keys.

use domain::rows::{Account, ApiKey, Client, Key, Mode, Tenant};
use domain::{AccountId, ApiKeyId, ClientId, KeyId, TenantId, Timestamp};
use uuid::Uuid;

use super::filter::{Filter, limit, with};
use super::{Cursor, Queries};
use crate::Error;

impl Queries {
    pub async fn tenant(&self, id: TenantId) -> Result<Option<Tenant>, Error> {
        self.row("where id = $1", with![id]).await
    }

    pub async fn tenant_of_slug(&self, slug: &str) -> Result<Option<Tenant>, Error> {
        self.row("where slug = $1", with![slug.to_owned()]).await
    }

    /// Tenants with exactly this name, oldest first. Names are not unique.
    pub async fn tenants_named(&self, name: &str, max: usize) -> Result<Vec<Tenant>, Error> {
        let rest = "where name = $1 order by created_at, id limit $2";
        self.rows(rest, with![name.to_owned(), limit(max)]).await
    }

    /// Oldest first.
    pub async fn tenants(&self, max: usize) -> Result<Vec<Tenant>, Error> {
        self.rows("order by created_at, id limit $1", with![limit(max)]).await
    }

    /// The accounts of every tenant, for the start of the workers.
    pub async fn accounts(&self, max: usize) -> Result<Vec<Account>, Error> {
        self.rows("order by provider, name, id limit $1", with![limit(max)]).await
    }

    pub async fn accounts_of(&self, tenant: TenantId) -> Result<Vec<Account>, Error> {
        self.rows("where tenant = $1 order by provider, name", with![tenant]).await
    }

    /// The account in the path of a webhook, which has no tenant.
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

    /// The key determines the tenant of a request.
    pub async fn api_key(&self, id: ApiKeyId) -> Result<Option<ApiKey>, Error> {
        self.row("where id = $1", with![id]).await
    }

    /// The tenant's keys that are not revoked.
    pub async fn live_api_keys(&self, tenant: TenantId, max: usize) -> Result<Vec<ApiKey>, Error> {
        let rest = "where tenant = $1 and revoked_at is null order by created_at, id limit $2";
        self.rows(rest, with![tenant, limit(max)]).await
    }

    /// All keys of one mode, newest first, each with its client.
    pub async fn api_keys_of(
        &self,
        tenant: TenantId,
        mode: Mode,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<Vec<(ApiKey, Client)>, Error> {
        let newest = Cursor { created_at: Timestamp(i64::MAX), id: Uuid::max() };
        let (page, parameters) = Filter::of(tenant).and("mode =", Some(mode)).after(after).newest(max);
        let keys: Vec<ApiKey> = self.rows(&page, parameters).await?;
        let Some(last) = keys.last() else { return Ok(Vec::new()) };
        // The clients of the first to the last key of the page. A key that is added in between can
        // only add a client.
        let rest = "where tenant = $1 and id in (select client from api_keys where tenant = $1 \
             and (created_at, id) < ($2, $3) and (created_at, id) >= ($4, $5))";
        let Cursor { created_at, id } = after.unwrap_or(newest);
        let parameters = with![tenant, created_at, id, last.created_at, last.id];
        let clients: Vec<Client> = self.rows(rest, parameters).await?;
        let with_client = |key: ApiKey| {
            let client = clients.iter().find(|client| client.id == key.client)?.clone();
            Some((key, client))
        };
        Ok(keys.into_iter().filter_map(with_client).collect())
    }

    /// An idempotency key, for a handler that waits for its reply.
    pub async fn key(&self, tenant: TenantId, id: KeyId) -> Result<Option<Key>, Error> {
        self.row("where tenant = $1 and id = $2", with![tenant, id]).await
    }
}
