//! Set the split rule of a product, or remove it. Bookings keep the rule of the moment when they were made.

use alloc::vec::Vec;

use crate::commands::catalogue::{need_product, product_at, put_changed};
use crate::commands::draft::{Draft, Origin};
use crate::ids::{ProductId, TenantId, UnitId};
use crate::refusal::Refusal;
use crate::rows::{Actor, Facts, Mode, Needs, Product};
use crate::split::SplitRule;
use crate::working_set::{Claim, Command, Context, DecisionResult, Json};

#[derive(Clone, Debug)]
pub struct SetSplit {
    pub claim: Option<Claim>,
    pub tenant: TenantId,
    pub by: Actor,
    pub mode: Mode,
    pub product: ProductId,
    /// `None` removes it.
    pub split: Option<SplitRule>,
    /// The product's version when a query found `all_units`, which the reply needs.
    pub version: i64,
    pub all_units: Vec<UnitId>,
}

impl Command for SetSplit {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        need_product(rows, self.product, &self.all_units);
        for beneficiary in self.split.iter().flat_map(SplitRule::beneficiaries) {
            rows.beneficiary(beneficiary);
        }
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let tenant = self.tenant;
        let product = product_at(facts, tenant, self.product, self.version)?;
        for id in self.split.iter().flat_map(SplitRule::beneficiaries) {
            let beneficiary = facts
                .beneficiaries
                .get(id)
                .filter(|beneficiary| beneficiary.tenant == tenant && beneficiary.mode == self.mode)
                .ok_or(Refusal::BeneficiaryNotFound { beneficiary: id.0 })?;
            if beneficiary.deactivated_at.is_some() {
                return Err(Refusal::BeneficiaryIsInactive { beneficiary: id.0 });
            }
        }
        // Nothing can fail from here on.

        let origin = Origin::of_request(self.by, self.claim.as_ref());
        let draft = Draft::new(context, &origin);
        let product = Product { split: self.split.clone().map(Json), ..product.clone() };
        Ok(put_changed(draft, facts, (product, "split_set"), &self.all_units))
    }
}
