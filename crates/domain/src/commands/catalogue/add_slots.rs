//! Add slots to a product.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::about;
use crate::commands::draft::{Draft, Origin};
use crate::ids::{ProductId, SlotId, TenantId, UnitId};
use crate::refusal::Refusal;
use crate::reply::{OfferedSlot, Reply, SlotsReply};
use crate::resources::{self, ResourceCalendar};
use crate::rows::{Actor, Facts, Needs, Slot, TableName, Unit};
use crate::time::Timestamp;
use crate::working_set::{Claim, Command, Context, DecisionResult};

#[derive(Clone, Copy, Debug)]
pub struct NewSlot {
    pub starts_at: Timestamp,
    /// From 1 to [`crate::limits::CAPACITY_MAX`].
    pub capacity: i64,
}

/// Adds at most [`crate::limits::SLOTS_PER_REQUEST_MAX`] slots to a product: all of them, or none if one
/// exists already. A product has one departure at one time, so a repeated request does not double the seats.
#[derive(Clone, Debug)]
pub struct AddSlots {
    pub claim: Option<Claim>,
    pub tenant: TenantId,
    pub by: Actor,
    pub product: ProductId,
    pub slots: Vec<NewSlot>,
    /// The ids of all units of the product, found by a query. The reply needs them.
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
        match rows.product(self.product) {
            Some(product) => {
                self.slots.iter().for_each(|slot| resources::needs_at(rows, product, slot.starts_at));
            }
            None => rows.later(TableName::resource_days),
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
        for (index, slot) in self.slots.iter().enumerate() {
            let id = self.id(slot);
            let is_named_twice = self.slots[..index].iter().any(|other| other.starts_at == slot.starts_at);
            if is_named_twice || facts.slots.get(id).is_some() {
                return Err(Refusal::SlotAlreadyExists { slot: id.0 });
            }
        }
        // Nothing can fail from here on.

        let origin = Origin::of_request(self.by, self.claim.as_ref());
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
                schedule: None,
                withdrawn: false,
                allocations: None,
            })
            .collect();
        draft.audit(about(product), "slots_added", None, None);
        slots.iter().cloned().for_each(|slot| draft.put(slot));
        let units: Vec<&Unit> = self.all_units.iter().filter_map(|id| facts.units.get(*id)).collect();
        let calendar = ResourceCalendar::new(facts);
        let offered = |slot: Slot| {
            let offer = calendar.offer(product, &slot, context.now);
            let availability = offer.availability(units.iter().copied());
            OfferedSlot { vacancies: offer.vacancies(), availability, slot }
        };
        let slots = slots.into_iter().map(offered).collect();
        let time_zone = product.time_zone.clone();
        Ok(draft.reply(Reply::Slots(Box::new(SlotsReply { slots, time_zone }))))
    }
}
