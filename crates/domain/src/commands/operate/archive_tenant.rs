//! Archive a tenant that sells no more.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::about_tenant;
use super::api_keys::{live, revoked};
use crate::commands::draft::{Draft, Origin};
use crate::ids::{ApiKeyId, TenantId};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Facts, Needs, Tenant};
use crate::working_set::{Command, Context, DecisionResult};

/// Archives a tenant: all its API keys are revoked, and it gets no new ones. Its operations under way go on
/// through webhooks and jobs, because money that moved must be recorded. An archived tenant stays as it is.
#[derive(Clone, Debug)]
pub struct ArchiveTenant {
    pub tenant: TenantId,
    pub origin: Origin,
    /// The tenant's version, read before `live` was.
    pub tenant_version: i64,
    /// The tenant's keys that are not revoked.
    pub live: Vec<ApiKeyId>,
}

impl Command for ArchiveTenant {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.tenant)
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        for key in &self.live {
            rows.api_key(*key);
        }
        rows.tenant(self.tenant);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let tenant = facts.tenants.get(self.tenant).ok_or(Refusal::TenantNotFound)?;
        let mut draft = Draft::new(context, &self.origin);
        if tenant.archived_at.is_some() {
            return Ok(draft.reply(Reply::Tenant(Box::new(tenant.clone()))));
        }
        // Otherwise a key that was added since the query would stay valid.
        if tenant.version != self.tenant_version {
            return Err(Refusal::ChangedMeanwhile);
        }
        // Nothing can fail from here on.

        for key in live(facts, self.tenant, &self.live) {
            revoked(&mut draft, key);
        }
        let archived_at = Some(context.now);
        let tenant = Tenant { archived_at, version: tenant.version + 1, ..tenant.clone() };
        draft.audit(about_tenant(self.tenant), "tenant_archived", None, None);
        draft.put(tenant.clone());
        Ok(draft.reply(Reply::Tenant(Box::new(tenant))))
    }
}
