//! Audit the removal of a saved payment method: that it was asked for, before the provider is called, and that it
//! was done.

use alloc::string::String;

use crate::commands::draft::{About, Draft, Origin};
use crate::ids::{CustomerId, TenantId};
use crate::rows::{Facts, Needs, Subject};
use crate::working_set::{Command, Context, DecisionResult};

/// A removal changes no row of ours. If the process dies in between, the first entry remains, and says who
/// wanted it.
#[derive(Clone, Debug)]
pub struct AuditMethodRemoval {
    pub tenant: TenantId,
    pub origin: Origin,
    pub customer: CustomerId,
    /// The provider's id of the payment method.
    pub method: String,
    pub is_done: bool,
}

impl Command for AuditMethodRemoval {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.tenant)
    }

    fn needs(&self, _: &mut Needs<'_>) -> Option<()> {
        Some(())
    }

    fn decide(&self, _: &Facts, context: &Context<'_>) -> DecisionResult {
        // Nothing can fail from here on.

        let mut draft = Draft::new(context, &self.origin);
        let about = About { tenant: self.tenant, kind: Subject::Customer, id: self.customer.0 };
        let action = if self.is_done { "saved_method_removed" } else { "saved_method_removal_requested" };
        draft.audit_because(about, action, None, None, Some(self.method.clone()));
        Ok(draft.done())
    }
}
