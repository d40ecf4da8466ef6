//! API keys are given and revoked. A secret is never seen here: only its hash.
//!
//! Which keys a tenant has, a query says; that it still says so, the tenant's `version` does. Both
//! commands raise it, so that of two at once, on whichever servers, the second decides over what the
//! first left.

mod add_api_key;
mod revoke_api_key;

pub use add_api_key::{AddApiKey, KeyOwner};
pub use revoke_api_key::RevokeApiKey;

use crate::commands::draft::{About, Draft};
use crate::ids::{ApiKeyId, TenantId};
use crate::rows::{ApiKey, Facts, Subject, Tenant};

/// The scope that lets a key give and revoke keys.
pub const OPS_SCOPE: &str = "ops";

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

fn raised(tenant: &Tenant) -> Tenant {
    Tenant { version: tenant.version + 1, ..tenant.clone() }
}

fn about(key: &ApiKey) -> About {
    About { tenant: key.tenant, kind: Subject::ApiKey, id: key.id.0 }
}
