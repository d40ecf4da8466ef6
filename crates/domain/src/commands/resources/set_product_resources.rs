//! Set what the slots of a product need of resources.

use alloc::vec::Vec;

use crate::commands::catalogue::{need_product, product_at, put_changed};
use crate::commands::draft::{Draft, Origin};
use crate::ids::{ProductId, TenantId, UnitId};
use crate::refusal::Refusal;
use crate::resources::ResourceNeed;
use crate::rows::{Actor, Facts, Needs, Product};
use crate::working_set::{Claim, Command, Context, DecisionResult, Json};

/// Slots of which a seat is taken keep what they need.
#[derive(Clone, Debug)]
pub struct SetProductResources {
    pub claim: Option<Claim>,
    pub tenant: TenantId,
    pub by: Actor,
    pub product: ProductId,
    pub duration_minutes: Option<i64>,
    /// At most [`crate::limits::RESOURCES_PER_PRODUCT_MAX`], each resource once.
    pub needs: Vec<ResourceNeed>,
    /// The product's version when a query found `all_units`, which the reply needs.
    pub version: i64,
    pub all_units: Vec<UnitId>,
}

impl Command for SetProductResources {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        need_product(rows, self.product, &self.all_units);
        for need in &self.needs {
            rows.resource(need.resource);
        }
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let product = product_at(facts, self.tenant, self.product, self.version)?;
        for need in &self.needs {
            let resource = facts.resources.get(need.resource);
            if resource.is_none_or(|resource| resource.tenant != self.tenant) {
                return Err(Refusal::ResourceNotFound { resource: need.resource.0 });
            }
        }
        // Nothing can fail from here on.

        let origin = Origin::of_request(self.by, self.claim.as_ref());
        let draft = Draft::new(context, &origin);
        let product = Product {
            duration_minutes: self.duration_minutes,
            resources: (!self.needs.is_empty()).then(|| Json(self.needs.clone())),
            ..product.clone()
        };
        Ok(put_changed(draft, facts, (product, "product_resources_set"), &self.all_units))
    }
}
