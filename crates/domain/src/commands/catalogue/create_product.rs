//! Create a product with its units.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::{NewUnit, about, check_prices, new_unit};
use crate::commands::draft::{Draft, Origin};
use crate::ids::TenantId;
use crate::money::Currency;
use crate::provider::TenantProviders;
use crate::reply::Reply;
use crate::rows::{Actor, Facts, Needs, Product, Unit};
use crate::tax::TaxRule;
use crate::working_set::{Claim, Command, Context, DecisionResult, Json};

#[derive(Clone, Debug)]
pub struct CreateProduct {
    pub claim: Option<Claim>,
    pub tenant: TenantId,
    pub by: Actor,
    pub name: String,
    pub description: String,
    /// An IANA time zone. The request's schema checks it.
    pub time_zone: String,
    pub currency: Currency,
    /// From 1 to [`crate::limits::UNITS_PER_REQUEST_MAX`].
    pub units: Vec<NewUnit>,
    /// At most [`crate::limits::TAXES_MAX`], each name once.
    pub taxes: Vec<TaxRule>,
    pub metadata: BTreeMap<String, String>,
    pub providers: TenantProviders,
}

impl Command for CreateProduct {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    fn needs(&self, _: &mut Needs<'_>) -> Option<()> {
        Some(())
    }

    fn decide(&self, _: &Facts, context: &Context<'_>) -> DecisionResult {
        let prices = self.units.iter().map(|unit| unit.price_minor);
        check_prices(&self.providers, self.currency, &self.taxes, prices)?;
        // Nothing can fail from here on.

        let origin = Origin::of_request(self.by, self.claim.as_ref());
        let mut draft = Draft::new(context, &origin);
        let product = Product {
            id: draft.id(),
            tenant: self.tenant,
            name: self.name.clone(),
            description: self.description.clone(),
            time_zone: self.time_zone.clone(),
            currency: self.currency,
            active: true,
            split: None,
            metadata: Json(self.metadata.clone()),
            version: 1,
            created_at: context.now,
            updated_at: context.now,
            cancellation_policy: None,
            duration_minutes: None,
            resources: None,
            taxes: Json(self.taxes.clone()),
        };
        let units: Vec<Unit> = self.units.iter().map(|unit| new_unit(&draft, &product, unit)).collect();
        draft.audit(about(&product), "product_created", None, None);
        units.iter().cloned().for_each(|unit| draft.put(unit));
        draft.put(product.clone());
        Ok(draft.reply(Reply::Product(Box::new((product, units)))))
    }
}
