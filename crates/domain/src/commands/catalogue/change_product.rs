//! Change a product and its units, or add units.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::{NewUnit, about, check_prices, need_product, new_unit, product_at};
use crate::commands::draft::{Draft, Origin};
use crate::ids::{ProductId, TenantId, UnitId};
use crate::limits::UNITS_PER_PRODUCT_MAX;
use crate::provider::TenantProviders;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Actor, Facts, Needs, Product, Unit};
use crate::tax::TaxRule;
use crate::working_set::{Claim, Command, Context, DecisionResult, Json};

/// A change of an existing unit. A field that is `None` stays as it is.
#[derive(Clone, Debug)]
pub struct UnitChange {
    pub id: UnitId,
    pub name: Option<String>,
    pub price_minor: Option<i64>,
    pub active: Option<bool>,
}

/// A field that is `None` stays as it is. Bookings keep the prices of their reservation.
#[derive(Clone, Debug)]
pub struct ChangeProduct {
    pub claim: Option<Claim>,
    pub tenant: TenantId,
    pub by: Actor,
    pub product: ProductId,
    pub name: Option<String>,
    pub description: Option<String>,
    pub active: Option<bool>,
    pub metadata: Option<BTreeMap<String, String>>,
    /// Replaces all taxes.
    pub taxes: Option<Vec<TaxRule>>,
    pub units: Vec<UnitChange>,
    pub new_units: Vec<NewUnit>,
    pub providers: TenantProviders,
    /// The product's version when a query found `all_units`.
    pub version: i64,
    /// The ids of all units of the product, found by a query. The reply needs them.
    pub all_units: Vec<UnitId>,
}

impl ChangeProduct {
    fn changed_unit(&self, facts: &Facts, product: &Product, id: UnitId) -> Result<(Unit, bool), Refusal> {
        let unit = facts
            .units
            .get(id)
            .filter(|unit| unit.tenant == self.tenant)
            .ok_or(Refusal::UnitNotFound { unit: id.0 })?;
        if unit.product != product.id {
            return Err(Refusal::UnitIsNotOfThisProduct { unit: id.0 });
        }
        let Some(change) = self.units.iter().find(|change| change.id == id) else {
            return Ok((unit.clone(), false));
        };
        let changed = Unit {
            name: change.name.clone().unwrap_or_else(|| unit.name.clone()),
            price_minor: change.price_minor.unwrap_or(unit.price_minor),
            active: change.active.unwrap_or(unit.active),
            version: unit.version + 1,
            ..unit.clone()
        };
        Ok((changed, true))
    }
}

impl Command for ChangeProduct {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        need_product(rows, self.product, &self.all_units);
        for change in &self.units {
            rows.unit(change.id);
        }
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        // Otherwise the reply would lack a unit that was added since the query.
        let product = product_at(facts, self.tenant, self.product, self.version)?;
        if self.all_units.len() + self.new_units.len() > UNITS_PER_PRODUCT_MAX && !self.new_units.is_empty() {
            return Err(Refusal::TooManyUnits { limit: UNITS_PER_PRODUCT_MAX });
        }
        let taxes = self.taxes.as_ref().unwrap_or(&product.taxes.0);
        let changed = self.units.iter().filter_map(|change| change.price_minor);
        let prices = changed.chain(self.new_units.iter().map(|unit| unit.price_minor));
        check_prices(&self.providers, product.currency, taxes, prices)?;
        let mut ids: Vec<UnitId> = self.all_units.clone();
        ids.extend(self.units.iter().map(|change| change.id));
        ids.sort_unstable();
        ids.dedup();
        let units: Vec<(Unit, bool)> =
            ids.iter().map(|id| self.changed_unit(facts, product, *id)).collect::<Result<_, _>>()?;
        if self.taxes.is_some() {
            // Other taxes are another price of every unit.
            let prices = units.iter().map(|(unit, _)| unit.price_minor);
            check_prices(&self.providers, product.currency, taxes, prices)?;
        }
        // Nothing can fail from here on.

        let origin = Origin::of_request(self.by, self.claim.as_ref());
        let mut draft = Draft::new(context, &origin);
        let product = Product {
            name: self.name.clone().unwrap_or_else(|| product.name.clone()),
            description: self.description.clone().unwrap_or_else(|| product.description.clone()),
            active: self.active.unwrap_or(product.active),
            metadata: self.metadata.clone().map_or_else(|| product.metadata.clone(), Json),
            taxes: self.taxes.clone().map_or_else(|| product.taxes.clone(), Json),
            version: product.version + 1,
            updated_at: context.now,
            ..product.clone()
        };
        let mut all: Vec<Unit> = Vec::new();
        for (unit, changed) in units {
            if changed {
                draft.put(unit.clone());
            }
            all.push(unit);
        }
        for unit in &self.new_units {
            let unit = new_unit(&draft, &product, unit);
            draft.put(unit.clone());
            all.push(unit);
        }
        draft.audit(about(&product), "product_changed", None, None);
        draft.put(product.clone());
        Ok(draft.reply(Reply::Product(Box::new((product, all)))))
    }
}
