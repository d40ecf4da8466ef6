//! Rename a tenant. Its slug stays, because configurations and scripts use it.

use alloc::boxed::Box;
use alloc::string::String;

use super::about_tenant;
use crate::commands::draft::{Draft, Origin};
use crate::ids::TenantId;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Facts, Needs, Tenant};
use crate::working_set::{Command, Context, DecisionResult};

#[derive(Clone, Debug)]
pub struct RenameTenant {
    pub tenant: TenantId,
    pub origin: Origin,
    /// The request's schema checks it.
    pub name: String,
}

impl Command for RenameTenant {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.tenant)
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.tenant(self.tenant);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let tenant = facts.tenants.get(self.tenant).ok_or(Refusal::TenantNotFound)?;
        // Nothing can fail from here on.

        let mut draft = Draft::new(context, &self.origin);
        let tenant = Tenant { name: self.name.clone(), version: tenant.version + 1, ..tenant.clone() };
        draft.audit(about_tenant(self.tenant), "tenant_renamed", None, None);
        draft.put(tenant.clone());
        Ok(draft.reply(Reply::Tenant(Box::new(tenant))))
    }
}
