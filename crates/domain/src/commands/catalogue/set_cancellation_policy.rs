//! Set the cancellation policy of a product, or remove it. Bookings keep the policy that they were made under.

use alloc::vec::Vec;

use super::{need_product, product_at, put_changed};
use crate::cancellation_policy::CancellationRules;
use crate::commands::draft::{Draft, Origin};
use crate::ids::{CancellationPolicyId, ProductId, TenantId, UnitId};
use crate::rows::{Actor, Facts, Needs, Product, StoredPolicy};
use crate::working_set::{Claim, Command, Context, DecisionResult, Json};

#[derive(Clone, Debug)]
pub struct SetCancellationPolicy {
    pub claim: Option<Claim>,
    pub tenant: TenantId,
    pub by: Actor,
    pub product: ProductId,
    /// `None` removes it: nothing goes back then.
    pub policy: Option<CancellationRules>,
    /// The product's version when a query found `all_units`, which the reply needs.
    pub version: i64,
    pub all_units: Vec<UnitId>,
}

impl SetCancellationPolicy {
    fn id(&self) -> Option<CancellationPolicyId> {
        Some(CancellationPolicyId::of(self.tenant, self.policy.as_ref()?))
    }
}

impl Command for SetCancellationPolicy {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        need_product(rows, self.product, &self.all_units);
        if let Some(id) = self.id() {
            rows.cancellation_policy(id);
        }
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let product = product_at(facts, self.tenant, self.product, self.version)?;
        // Nothing can fail from here on.

        let origin = Origin::of_request(self.by, self.claim.as_ref());
        let mut draft = Draft::new(context, &origin);
        if let (Some(id), Some(policy)) = (self.id(), &self.policy)
            && facts.cancellation_policies.get(id).is_none()
        {
            draft.put(StoredPolicy {
                id,
                tenant: self.tenant,
                rules: Json(policy.clone()),
                created_at: context.now,
            });
        }
        let product = Product { cancellation_policy: self.policy.clone().map(Json), ..product.clone() };
        Ok(put_changed(draft, facts, (product, "cancellation_policy_set"), &self.all_units))
    }
}
