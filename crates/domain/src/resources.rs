//! Resources: a boat, a guide, a room, on which the slots of several products draw.
//!
//! | what | where | when it changes |
//! |---|---|---|
//! | what a slot needs ([`ResourceNeed`]) | on the product | a person sets it |
//! | what this slot needs, and from when to when ([`Allocation`]) | on the slot | when the first of its seats is taken, and never while one is |
//! | what is allocated ([`ResourceUse`]) | on the days of the resource | with each seat that is taken or given back |
//!
//! The row of the resource is locked by whoever takes or gives back seats, so two products never take the same
//! hour of a boat. Its days are only shards of one list, cut at midnight in UTC, so that no clock change moves
//! them; an allocation over midnight is on both days.
//!
//! What must never be here: a second way to count what is free. The availability that is shown, the quote and
//! the reserve all ask a [`ResourceCalendar`].

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::availability::SlotOffer;
use crate::ids::{ResourceDayId, ResourceId, SlotId};
use crate::limits::USES_PER_RESOURCE_DAY_MAX;
use crate::refusal::Refusal;
use crate::rows::{Facts, Needs, Product, Resource, ResourceDay, Slot, TableName};
use crate::time::{DAY, Span, Timestamp};
use crate::working_set::Json;

/// What each slot of a product needs of one resource, while a seat of it is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceNeed {
    pub resource: ResourceId,
    /// Needed once, with the first seat: a guide, a whole boat.
    pub per_slot: i64,
    /// Needed for each seat: a place on the boat, a bicycle.
    pub per_seat: i64,
    /// The resource is needed this long before the start, to make it ready.
    pub before_minutes: i64,
    /// And this long after the end.
    pub after_minutes: i64,
}

/// What a slot needs of one resource, with the span in which it needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocation {
    pub resource: ResourceId,
    pub from: Timestamp,
    /// Excluded.
    pub to: Timestamp,
    pub per_slot: i64,
    pub per_seat: i64,
}

/// What a slot takes of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceUse {
    pub slot: SlotId,
    pub from: Timestamp,
    /// Excluded.
    pub to: Timestamp,
    pub amount: i64,
}

/// A span in which a resource has less than its capacity: a boat in the yard, a guide on leave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceClosure {
    pub from: Timestamp,
    /// Excluded.
    pub to: Timestamp,
    /// What is left of it.
    pub capacity: i64,
    pub reason: alloc::string::String,
}

/// The numbers of the days in UTC that have a part of the span.
pub fn days(from: Timestamp, to: Timestamp) -> core::ops::RangeInclusive<i64> {
    from.0.div_euclid(DAY.0)..=(to.0 - 1).max(from.0).div_euclid(DAY.0)
}

impl ResourceNeed {
    fn allocation(&self, starts_at: Timestamp, duration: Span) -> Allocation {
        let minutes = |minutes: i64| Span::seconds(60 * minutes);
        Allocation {
            resource: self.resource,
            from: starts_at.minus(minutes(self.before_minutes)),
            to: starts_at.plus(duration).plus(minutes(self.after_minutes)),
            per_slot: self.per_slot,
            per_seat: self.per_seat,
        }
    }
}

impl Product {
    /// What a slot of the product needs whose first seat is taken now.
    fn allocations(&self, starts_at: Timestamp) -> Vec<Allocation> {
        let duration = Span::seconds(60 * self.duration_minutes.unwrap_or(0));
        self.resources
            .iter()
            .flat_map(|needs| &needs.0)
            .map(|need| need.allocation(starts_at, duration))
            .collect()
    }
}

impl Slot {
    /// The seats that are held or sold.
    pub fn taken(&self) -> i64 {
        self.held + self.sold
    }

    fn fixed_allocations(&self) -> &[Allocation] {
        self.allocations.as_ref().map_or(&[], |fixed| &fixed.0)
    }

    /// What the slot takes now of each resource.
    pub fn uses(&self) -> impl Iterator<Item = (ResourceId, ResourceUse)> {
        let of = |allocation: &Allocation| (allocation.resource, allocation.used(self));
        self.fixed_allocations().iter().map(of).filter(|(_, used)| used.amount > 0)
    }

    /// What a new booking of the slot needs: what its other bookings have fixed, or what the product says.
    fn allocations_of(&self, product: &Product) -> Vec<Allocation> {
        if self.taken() > 0 { self.fixed_allocations().to_vec() } else { product.allocations(self.starts_at) }
    }
}

impl Allocation {
    fn used(&self, slot: &Slot) -> ResourceUse {
        let seats = slot.taken();
        let amount = if seats == 0 { 0 } else { self.per_slot + self.per_seat * seats };
        ResourceUse { slot: slot.id, from: self.from, to: self.to, amount }
    }

    fn day_ids(&self) -> impl Iterator<Item = (i64, ResourceDayId)> {
        let resource = self.resource;
        days(self.from, self.to).map(move |day| (day, ResourceDayId::of(resource, day)))
    }

    fn needs(&self, rows: &mut Needs<'_>) {
        for (_, day) in self.day_ids() {
            rows.resource_day(day);
        }
        rows.resource(self.resource);
    }
}

/// The resources that the slot needs if its next seat is taken, each with the days on which it does.
pub fn days_of(slot: &Slot, product: &Product) -> Vec<(ResourceId, ResourceDayId)> {
    let mut days = Vec::new();
    for allocation in slot.allocations_of(product) {
        days.extend(allocation.day_ids().map(|(_, day)| (allocation.resource, day)));
    }
    days
}

/// Requests the rows that a change of the slot's seats needs. A reserve also names the product, because it may
/// take the first seat. They are the last in the order of locks, so that a command may load all others at once
/// before it knows whether it needs these.
pub(crate) fn needs(rows: &mut Needs<'_>, slot: &Slot, product: Option<&Product>) {
    slot.fixed_allocations().iter().for_each(|allocation| allocation.needs(rows));
    if let Some(product) = product {
        needs_at(rows, product, slot.starts_at);
    }
}

/// Requests what a slot of the product at this time would need.
pub(crate) fn needs_at(rows: &mut Needs<'_>, product: &Product, starts_at: Timestamp) {
    product.allocations(starts_at).iter().for_each(|allocation| allocation.needs(rows));
}

/// The rows of resources, wherever they were loaded.
pub trait ResourceRows {
    fn resource(&self, id: ResourceId) -> Option<&Resource>;
    /// `None`: there is none yet, or it was not loaded.
    fn resource_day(&self, id: ResourceDayId) -> Option<&ResourceDay>;
    fn is_loaded(&self, id: ResourceDayId) -> bool;
}

impl ResourceRows for Facts {
    fn resource(&self, id: ResourceId) -> Option<&Resource> {
        self.resources.get(id)
    }
    fn resource_day(&self, id: ResourceDayId) -> Option<&ResourceDay> {
        self.resource_days.get(id)
    }
    fn is_loaded(&self, id: ResourceDayId) -> bool {
        self.knows(TableName::resource_days, id.0)
    }
}

/// The days of resources with the changes of one decision. So the slots of a basket that need one resource at
/// the same time are added up.
pub struct ResourceCalendar<'r, R> {
    rows: &'r R,
    days: BTreeMap<ResourceDayId, ResourceDay>,
}

impl<'r, R: ResourceRows> ResourceCalendar<'r, R> {
    pub fn new(rows: &'r R) -> ResourceCalendar<'r, R> {
        ResourceCalendar { rows, days: BTreeMap::new() }
    }

    /// The slot as it is offered, with the seats for which its resources are free.
    pub fn offer<'s>(&self, product: &'s Product, slot: &'s Slot, now: Timestamp) -> SlotOffer<'s> {
        let resource_seats = self.most(slot, &slot.allocations_of(product));
        SlotOffer { product, slot, resource_seats, now }
    }

    /// Takes seats for a booking that had them before, under what was fixed then. False: not all are left.
    pub(crate) fn take_again(&mut self, slot: &Slot, seats: i64) -> bool {
        if self.most(slot, slot.fixed_allocations()).is_some_and(|left| left < seats) {
            return false;
        }
        self.moved(&Slot { sold: slot.sold + seats, ..slot.clone() });
        true
    }

    /// The seats that a booking may take of the slot, as far as these allocations are concerned. `None`: there are
    /// none.
    fn most(&self, slot: &Slot, allocations: &[Allocation]) -> Option<i64> {
        let seats = allocations.iter().map(|allocation| {
            let free = self.free(slot.id, allocation) - allocation.per_slot;
            match allocation.per_seat {
                _ if free < 0 => 0,
                0 => i64::MAX,
                per_seat => free / per_seat,
            }
        });
        seats.min().map(|most| (most - slot.taken()).max(0))
    }

    /// What the other slots leave of the resource, at the fullest moment of the span.
    fn free(&self, slot: SlotId, span: &Allocation) -> i64 {
        let Some(resource) = self.rows.resource(span.resource).filter(|resource| resource.active) else {
            return 0;
        };
        let mut others: Vec<&ResourceUse> = Vec::new();
        for (_, id) in span.day_ids() {
            let before = others.len();
            let uses = self.day(id).map_or(&[][..], |day| &day.uses.0);
            others.extend(uses.iter().filter(|other| other.slot != slot));
            // The day has no room for one more use.
            let is_full = others.len() - before >= USES_PER_RESOURCE_DAY_MAX;
            if is_full || !self.rows.is_loaded(id) {
                return 0;
            }
        }
        resource.free_between(span.from, span.to, &others)
    }

    /// False if what the slot needs was fixed by another command of the same batch.
    fn is_loaded(&self, span: &Allocation) -> bool {
        span.day_ids().all(|(_, id)| self.rows.is_loaded(id))
    }

    fn day(&self, id: ResourceDayId) -> Option<&ResourceDay> {
        self.days.get(&id).or_else(|| self.rows.resource_day(id))
    }

    /// Records what the slot takes, after its seats were taken or given back.
    pub(crate) fn moved(&mut self, slot: &Slot) {
        self.allocate(slot, slot.fixed_allocations());
    }

    fn allocate(&mut self, slot: &Slot, allocations: &[Allocation]) {
        for allocation in allocations {
            let Some(resource) = self.rows.resource(allocation.resource) else { continue };
            let used = allocation.used(slot);
            for (day, id) in allocation.day_ids() {
                let known = self.day(id).cloned();
                let mut day = known.unwrap_or_else(|| ResourceDay::new(resource, day));
                day.uses.0.retain(|other| other.slot != slot.id);
                if used.amount > 0 {
                    day.uses.0.push(used.clone());
                }
                self.days.insert(id, day);
            }
        }
    }

    /// The slot of a reserve after its seats are taken, with what it needs from now on.
    pub(crate) fn reserve(&mut self, before: &Slot, after: Slot, product: &Product) -> Result<Slot, Refusal> {
        // If other allocations were fixed before, nothing of them is in use, because no seat is taken.
        let allocations = before.allocations_of(product);
        if !allocations.iter().all(|allocation| self.is_loaded(allocation)) {
            return Err(Refusal::ChangedMeanwhile);
        }
        let seats = after.taken() - before.taken();
        match self.most(before, &allocations) {
            Some(left) if left < seats => return Err(Refusal::ResourceIsTaken { slot: before.id.0, left }),
            _ => {}
        }
        self.allocate(&after, &allocations);
        let fixed = (!allocations.is_empty()).then_some(Json(allocations));
        Ok(Slot { allocations: fixed, ..after })
    }

    /// The days that changed, and the resources that have a day more.
    pub fn changes(self) -> (Vec<ResourceDay>, Vec<Resource>) {
        let mut days = Vec::new();
        let mut added: BTreeMap<ResourceId, i64> = BTreeMap::new();
        for day in self.days.into_values() {
            match self.rows.resource_day(day.id) {
                Some(before) if before.uses == day.uses => {}
                Some(before) => days.push(ResourceDay { changes: before.changes + 1, ..day }),
                None if day.uses.0.is_empty() => {}
                None => {
                    *added.entry(day.resource).or_default() += 1;
                    days.push(day);
                }
            }
        }
        let grown = added.into_iter().filter_map(|(id, added)| {
            let resource = self.rows.resource(id)?;
            Some(Resource { days: resource.days + added, ..resource.clone() })
        });
        (days, grown.collect())
    }
}

impl Resource {
    /// The capacity at an instant.
    fn capacity_at(&self, at: Timestamp) -> i64 {
        let closures = self.closures.0.iter().filter(|closure| closure.from <= at && at < closure.to);
        closures.map(|closure| closure.capacity).fold(self.capacity, i64::min)
    }

    /// What these uses leave of the resource, at the fullest moment of a span. It changes only where a use or a
    /// closure begins or ends, so it is the least of what is left at those moments. Negative: more is in use than
    /// there is.
    pub fn free_between(&self, from: Timestamp, to: Timestamp, uses: &[&ResourceUse]) -> i64 {
        let mut seen: Vec<&ResourceUse> =
            uses.iter().copied().filter(|used| used.from < to && from < used.to).collect();
        // A use over midnight is on both days.
        seen.sort_unstable_by_key(|used| (used.slot, used.from));
        seen.dedup_by_key(|used| (used.slot, used.from));
        let begin = seen.iter().map(|used| used.from);
        let closures = self.closures.0.iter().flat_map(|closure| [closure.from, closure.to]);
        let moments = begin.chain(closures).filter(|at| from <= *at && *at < to).chain([from]);
        let left = |at: Timestamp| {
            let used = seen.iter().filter(|used| used.from <= at && at < used.to).map(|used| used.amount);
            self.capacity_at(at) - used.sum::<i64>()
        };
        moments.map(left).min().unwrap_or(0)
    }

    /// The first of these uses at a moment where more is in use than there is.
    pub fn overbooked<'u>(&self, uses: &[&'u ResourceUse]) -> Option<&'u ResourceUse> {
        let mut uses = uses.to_vec();
        uses.sort_unstable_by_key(|used| (used.from, used.slot));
        uses.iter().find(|used| self.free_between(used.from, used.to, &uses) < 0).copied()
    }
}
