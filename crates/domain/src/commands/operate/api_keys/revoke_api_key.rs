//! Revoke an API key.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{OPS_SCOPE, live, raised, revoked};
use crate::commands::draft::{Draft, Origin};
use crate::ids::{ApiKeyId, TenantId};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{ApiKey, Facts, Mode, Needs};
use crate::working_set::{Command, Context, DecisionResult};

/// Revokes an API key for good. A revoked key stays as it is.
#[derive(Clone, Debug)]
pub struct RevokeApiKey {
    pub tenant: TenantId,
    pub origin: Origin,
    /// The mode of the request's key: a test key cannot revoke a live key.
    pub mode: Mode,
    pub key: ApiKeyId,
    /// The tenant's keys that are not revoked. One of the remaining keys must have [`OPS_SCOPE`].
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

fn is_ops(key: &ApiKey) -> bool {
    key.scopes.0.iter().any(|scope| scope == OPS_SCOPE)
}
