//! The catalogue: a tenant's own tools make products, change them, and open slots.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::availability::SlotOffer;
use crate::commands::draft::{About, Draft, Origin};
use crate::ids::{ProductId, SlotId, TenantId, UnitId};
use crate::limits::UNITS_PER_PRODUCT_MAX;
use crate::money::{Currency, Money};
use crate::provider::TenantProviders;
use crate::refusal::Refusal;
use crate::reply::{Reply, SlotsReply};
use crate::rows::{Actor, Facts, Needs, Product, Slot, Subject, Unit};
use crate::time::Timestamp;
use crate::working_set::{Claim, Command, Context, DecisionResult, Json};

#[derive(Clone, Debug)]
pub struct NewUnit {
    pub name: String,
    pub price_minor: i64,
    pub places: i64,
}

#[derive(Clone, Debug)]
pub struct CreateProduct {
    pub claim: Option<Claim>,
    pub tenant: TenantId,
    pub by: Actor,
    pub name: String,
    pub description: String,
    /// An IANA zone, checked at the wire.
    pub time_zone: String,
    pub currency: Currency,
    /// From 1 to [`crate::limits::UNITS_PER_REQUEST_MAX`].
    pub units: Vec<NewUnit>,
    pub metadata: BTreeMap<String, String>,
    pub providers: TenantProviders,
}

fn about(product: &Product) -> About {
    About { tenant: product.tenant, kind: Subject::Product, id: product.id.0 }
}

pub(super) fn origin(by: Actor, claim: Option<&Claim>) -> Origin {
    let request_id = claim.map(|claim| claim.request_id.clone());
    Origin { request_id, ..Origin::of(by) }
}

fn check_prices(
    providers: &TenantProviders,
    currency: Currency,
    mut prices: impl Iterator<Item = i64>,
) -> Result<(), Refusal> {
    prices.try_for_each(|minor| providers.check_price(Money::new(minor, currency)))
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
        check_prices(&self.providers, self.currency, prices)?;
        // Nothing can fail from here on.

        let origin = origin(self.by, self.claim.as_ref());
        let mut draft = Draft::new(context, &origin);
        let product = Product {
            id: draft.id(),
            tenant: self.tenant,
            name: self.name.clone(),
            description: self.description.clone(),
            time_zone: self.time_zone.clone(),
            currency: self.currency,
            active: true,
            metadata: Json(self.metadata.clone()),
            version: 1,
            created_at: context.now,
            updated_at: context.now,
        };
        let units: Vec<Unit> = self.units.iter().map(|unit| new_unit(&draft, &product, unit)).collect();
        draft.audit(about(&product), "product_created", None, None);
        units.iter().cloned().for_each(|unit| draft.put(unit));
        draft.put(product.clone());
        Ok(draft.reply(Reply::Product(Box::new((product, units)))))
    }
}

fn new_unit(draft: &Draft<'_>, product: &Product, unit: &NewUnit) -> Unit {
    Unit {
        id: draft.id(),
        tenant: product.tenant,
        product: product.id,
        name: unit.name.clone(),
        price_minor: unit.price_minor,
        places: unit.places,
        active: true,
        version: 1,
    }
}

/// A change of a unit that exists; what is `None` stays.
#[derive(Clone, Debug)]
pub struct UnitChange {
    pub id: UnitId,
    pub name: Option<String>,
    pub price_minor: Option<i64>,
    pub active: Option<bool>,
}

/// Changes a product; what is `None` stays. Bookings keep the prices they were made at.
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
    pub units: Vec<UnitChange>,
    pub new_units: Vec<NewUnit>,
    pub providers: TenantProviders,
    /// The product's version when a query found `all_units`.
    pub version: i64,
    /// The ids of all units the product has, for the reply; found by a query.
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
        rows.product(self.product);
        for change in &self.units {
            rows.unit(change.id);
        }
        for unit in &self.all_units {
            rows.unit(*unit);
        }
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let product = facts
            .products
            .get(self.product)
            .filter(|product| product.tenant == self.tenant)
            .ok_or(Refusal::ProductNotFound)?;
        // Or a unit that somebody else added since would be left out.
        if product.version != self.version {
            return Err(Refusal::ChangedMeanwhile);
        }
        if self.all_units.len() + self.new_units.len() > UNITS_PER_PRODUCT_MAX && !self.new_units.is_empty() {
            return Err(Refusal::TooManyUnits { limit: UNITS_PER_PRODUCT_MAX });
        }
        let changed = self.units.iter().filter_map(|change| change.price_minor);
        let prices = changed.chain(self.new_units.iter().map(|unit| unit.price_minor));
        check_prices(&self.providers, product.currency, prices)?;
        let mut ids: Vec<UnitId> = self.all_units.clone();
        ids.extend(self.units.iter().map(|change| change.id));
        ids.sort_unstable();
        ids.dedup();
        let units: Vec<(Unit, bool)> =
            ids.iter().map(|id| self.changed_unit(facts, product, *id)).collect::<Result<_, _>>()?;
        // Nothing can fail from here on.

        let origin = origin(self.by, self.claim.as_ref());
        let mut draft = Draft::new(context, &origin);
        let product = Product {
            name: self.name.clone().unwrap_or_else(|| product.name.clone()),
            description: self.description.clone().unwrap_or_else(|| product.description.clone()),
            active: self.active.unwrap_or(product.active),
            metadata: self.metadata.clone().map_or_else(|| product.metadata.clone(), Json),
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

#[derive(Clone, Copy, Debug)]
pub struct NewSlot {
    pub starts_at: Timestamp,
    /// From 1 to [`crate::limits::CAPACITY_MAX`].
    pub capacity: i64,
}

/// Opens slots of a product, at most [`crate::limits::SLOTS_PER_REQUEST_MAX`] at once: all of them, or none
/// where one is there already. A product departs once at one moment, so that asking twice does not sell twice
/// as many places.
#[derive(Clone, Debug)]
pub struct AddSlots {
    pub claim: Option<Claim>,
    pub tenant: TenantId,
    pub by: Actor,
    pub product: ProductId,
    pub slots: Vec<NewSlot>,
    /// The ids of all units the product has, for the reply; found by a query.
    pub all_units: Vec<UnitId>,
}

impl AddSlots {
    fn id(&self, slot: &NewSlot) -> SlotId {
        SlotId::of(self.tenant, self.product, slot.starts_at)
    }
}

impl Command for AddSlots {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        for slot in &self.slots {
            rows.slot(self.id(slot));
        }
        rows.product(self.product);
        for unit in &self.all_units {
            rows.unit(*unit);
        }
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let product = facts
            .products
            .get(self.product)
            .filter(|product| product.tenant == self.tenant)
            .ok_or(Refusal::ProductNotFound)?;
        for (index, slot) in self.slots.iter().enumerate() {
            let id = self.id(slot);
            let is_named_twice = self.slots[..index].iter().any(|other| other.starts_at == slot.starts_at);
            if is_named_twice || facts.slots.get(id).is_some() {
                return Err(Refusal::SlotAlreadyExists { slot: id.0 });
            }
        }
        // Nothing can fail from here on.

        let origin = origin(self.by, self.claim.as_ref());
        let mut draft = Draft::new(context, &origin);
        let slots: Vec<Slot> = self
            .slots
            .iter()
            .map(|slot| Slot {
                id: self.id(slot),
                tenant: self.tenant,
                product: product.id,
                starts_at: slot.starts_at,
                capacity: slot.capacity,
                held: 0,
                sold: 0,
                closed: false,
                created_at: context.now,
            })
            .collect();
        draft.audit(about(product), "slots_added", None, None);
        slots.iter().cloned().for_each(|slot| draft.put(slot));
        let units: Vec<&Unit> = self.all_units.iter().filter_map(|id| facts.units.get(*id)).collect();
        let offered = |slot: Slot| {
            let offer = SlotOffer { product, slot: &slot, now: context.now };
            let availability = offer.availability(units.iter().copied());
            (slot, availability)
        };
        let slots = slots.into_iter().map(offered).collect();
        let time_zone = product.time_zone.clone();
        Ok(draft.reply(Reply::Slots(Box::new(SlotsReply { slots, time_zone }))))
    }
}
