//! API keys are added and revoked. Only the hash of a secret is known here.
//!
//! A query finds the keys of a tenant, and the tenant's `version` shows whether the result is still current.
//! Both commands raise the version, so that of two concurrent commands, on any servers, the second decides
//! over the result of the first.

mod add_api_key;
mod revoke_api_key;

pub use add_api_key::{AddApiKey, KeyOwner};
pub use revoke_api_key::RevokeApiKey;

use crate::commands::draft::{About, Draft};
use crate::ids::{ApiKeyId, TenantId};
use crate::rows::{ApiKey, Facts, Subject, Tenant};

/// The scope of a key that may add and revoke keys.
pub const OPS_SCOPE: &str = "ops";

/// Revokes a key, with its audit row.
pub(super) fn revoked(draft: &mut Draft<'_>, key: &ApiKey) -> ApiKey {
    let key = ApiKey { revoked_at: Some(draft.context.now), ..key.clone() };
    draft.audit(about(&key), "api_key_revoked", Some("live"), Some("revoked"));
    draft.put(key.clone());
    key
}

/// The keys among these that belong to the tenant and are not revoked.
pub(super) fn live<'a>(
    facts: &'a Facts,
    tenant: TenantId,
    ids: &'a [ApiKeyId],
) -> impl Iterator<Item = &'a ApiKey> {
    let found = ids.iter().filter_map(|id| facts.api_keys.get(*id));
    found.filter(move |key| key.tenant == tenant && key.revoked_at.is_none())
}

fn raised(tenant: &Tenant) -> Tenant {
    Tenant { version: tenant.version + 1, ..tenant.clone() }
}

fn about(key: &ApiKey) -> About {
    About { tenant: key.tenant, kind: Subject::ApiKey, id: key.id.0 }
}
