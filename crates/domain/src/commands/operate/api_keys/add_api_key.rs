//! Add an API key.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::{about, live, raised};
use crate::commands::draft::{Draft, Origin};
use crate::ids::{ApiKeyId, ClientId, TenantId};
use crate::limits::API_KEYS_MAX;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{ApiKey, Client, Facts, Mode, Needs};
use crate::working_set::{Command, Context, DecisionResult, Json};

/// The client that gets the key.
#[derive(Clone, Debug)]
pub enum KeyOwner {
    Known(ClientId),
    /// A new client of this name.
    New(String),
}

/// Adds an API key to a client.
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
