//! API keys are given and revoked. A secret is never seen here: only its hash.
//!
//! Which keys a tenant has, a query says; that it still says so, the tenant's `version` does. Both
//! commands raise it, so that of two at once, on whichever servers, the second decides over what the
//! first left.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::commands::draft::{About, Draft, Origin};
use crate::ids::{ApiKeyId, ClientId, TenantId};
use crate::limits::API_KEYS_MAX;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{ApiKey, Client, Facts, Mode, Needs, Subject, Tenant};
use crate::working_set::{Command, Context, DecisionResult, Json};

/// The scope that lets a key give and revoke keys.
pub const OPS_SCOPE: &str = "ops";

/// Whose key it will be.
#[derive(Clone, Debug)]
pub enum KeyOwner {
    Known(ClientId),
    /// A new client of this name.
    New(String),
}

/// Gives a client one more API key.
#[derive(Clone, Debug)]
pub struct AddApiKey {
    pub tenant: TenantId,
    pub origin: Origin,
    pub owner: KeyOwner,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// Checked at the wire.
    pub scopes: Vec<String>,
    pub mode: Mode,
    /// The tenant's version, read before `live` was.
    pub tenant_version: i64,
    /// The tenant's keys that are not revoked.
    pub live: Vec<ApiKeyId>,
}

impl Command for AddApiKey {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.tenant)
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.api_key(ApiKeyId::of_secret_hash(&self.hash));
        for key in &self.live {
            rows.api_key(*key);
        }
        if let KeyOwner::Known(client) = self.owner {
            rows.client(client);
        }
        rows.tenant(self.tenant);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let tenant = facts.tenants.get(self.tenant).ok_or(Refusal::ClientNotFound)?;
        if tenant.archived_at.is_some() {
            return Err(Refusal::TenantIsArchived);
        }
        let known = match self.owner {
            KeyOwner::Known(id) => {
                let own = facts.clients.get(id).filter(|client| client.tenant == self.tenant);
                Some(own.ok_or(Refusal::ClientNotFound)?)
            }
            KeyOwner::New(_) => None,
        };
        let id = ApiKeyId::of_secret_hash(&self.hash);
        if tenant.version != self.tenant_version || facts.api_keys.get(id).is_some() {
            return Err(Refusal::ChangedMeanwhile);
        }
        if live(facts, self.tenant, &self.live).count() >= API_KEYS_MAX {
            return Err(Refusal::TooManyApiKeys { limit: API_KEYS_MAX as i64 });
        }
        // Nothing can fail from here on.

        let mut draft = Draft::new(context, &self.origin);
        let client = match (&self.owner, known) {
            (KeyOwner::New(name), _) => Some(new_client(&draft, self.tenant, name)),
            (KeyOwner::Known(_), known) => known.cloned(),
        };
        let client = client.expect("a client that is not new was found");
        if let KeyOwner::New(_) = self.owner {
            draft.put(client.clone());
        }
        let key = ApiKey {
            id,
            tenant: self.tenant,
            client: client.id,
            hash: self.hash.to_vec(),
            scopes: Json(self.scopes.clone()),
            mode: self.mode,
            created_at: context.now,
            revoked_at: None,
        };
        draft.put(raised(tenant));
        draft.audit(about(&key), "api_key_added", None, Some("live"));
        draft.put(key.clone());
        Ok(draft.reply(Reply::ApiKey(Box::new((key, client)))))
    }
}

/// Revokes an API key, once and for all. One that is revoked already stays as it is.
#[derive(Clone, Debug)]
pub struct RevokeApiKey {
    pub tenant: TenantId,
    pub origin: Origin,
    /// The mode of the key that asks: a test key does not touch a live one.
    pub mode: Mode,
    pub key: ApiKeyId,
    /// The tenant's keys that are not revoked: one of those that are left must have [`OPS_SCOPE`].
    pub live: Vec<ApiKeyId>,
}

impl Command for RevokeApiKey {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.tenant)
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        for key in &self.live {
            rows.api_key(*key);
        }
        let key = rows.api_key(self.key)?;
        rows.client(key.client);
        rows.tenant(key.tenant);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let key = facts
            .api_keys
            .get(self.key)
            .filter(|key| key.tenant == self.tenant && key.mode == self.mode)
            .ok_or(Refusal::ApiKeyNotFound)?;
        let client = facts.clients.get(key.client).ok_or(Refusal::ApiKeyNotFound)?;
        let tenant = facts.tenants.get(self.tenant).ok_or(Refusal::ApiKeyNotFound)?;
        let shown = |key: ApiKey| Reply::ApiKey(Box::new((key, client.clone())));
        let mut draft = Draft::new(context, &self.origin);
        if key.revoked_at.is_some() {
            return Ok(draft.reply(shown(key.clone())));
        }
        let mut others = live(facts, self.tenant, &self.live).filter(|other| other.id != key.id);
        if is_ops(key) && !others.any(|other| is_ops(other) && other.mode == key.mode) {
            return Err(Refusal::LastOpsKey);
        }
        // Nothing can fail from here on.

        draft.put(raised(tenant));
        let key = revoked(&mut draft, key);
        Ok(draft.reply(shown(key)))
    }
}

/// Revokes a key, with its audit row.
pub(super) fn revoked(draft: &mut Draft<'_>, key: &ApiKey) -> ApiKey {
    let key = ApiKey { revoked_at: Some(draft.context.now), ..key.clone() };
    draft.audit(about(&key), "api_key_revoked", Some("live"), Some("revoked"));
    draft.put(key.clone());
    key
}

/// Those of the keys that are the tenant's and still good.
pub(super) fn live<'a>(
    facts: &'a Facts,
    tenant: TenantId,
    ids: &'a [ApiKeyId],
) -> impl Iterator<Item = &'a ApiKey> {
    let found = ids.iter().filter_map(|id| facts.api_keys.get(*id));
    found.filter(move |key| key.tenant == tenant && key.revoked_at.is_none())
}

fn is_ops(key: &ApiKey) -> bool {
    key.scopes.0.iter().any(|scope| scope == OPS_SCOPE)
}

fn new_client(draft: &Draft<'_>, tenant: TenantId, name: &str) -> Client {
    Client {
        id: draft.id(),
        tenant,
        name: name.into(),
        held_seats: 0,
        held_seats_max: None,
        created_at: draft.context.now,
    }
}

fn raised(tenant: &Tenant) -> Tenant {
    Tenant { version: tenant.version + 1, ..tenant.clone() }
}

fn about(key: &ApiKey) -> About {
    About { tenant: key.tenant, kind: Subject::ApiKey, id: key.id.0 }
}
