//! The items of a booking with the rows beside them, which a reply shows and a cancellation is computed from.

use alloc::vec::Vec;

use crate::ids::BookingId;
use crate::lifecycle::booking_item;
use crate::refusal::Refusal;
use crate::reply::ItemReply;
use crate::rows::{BookingItem, Facts, Needs, Product, Slot};

#[derive(Clone, Copy, Debug)]
pub struct ItemRows<'r> {
    pub item: &'r BookingItem,
    pub slot: &'r Slot,
    pub product: &'r Product,
}

impl<'r> ItemRows<'r> {
    /// Requests the items with their slots and products.
    pub(in crate::commands) fn needs(rows: &mut Needs<'_>, booking: BookingId) -> Option<()> {
        for item in rows.booking_items(booking)? {
            rows.slot(item.slot);
            rows.product(item.product);
        }
        Some(())
    }

    pub(in crate::commands) fn of(
        facts: &'r Facts,
        booking: BookingId,
    ) -> Result<Vec<ItemRows<'r>>, Refusal> {
        let rows = facts.booking_items.owned_by(booking).map(|item| {
            let product = facts.products.get(item.product).ok_or(Refusal::ProductNotFound)?;
            let slot = facts.slots.get(item.slot).ok_or(Refusal::SlotNotFound)?;
            Ok(ItemRows { item, slot, product })
        });
        rows.collect()
    }

    /// The tickets that are sold.
    pub(super) fn sold(&self) -> i64 {
        if self.item.state.is(booking_item::State::Sold) { self.item.quantity } else { 0 }
    }

    /// As a reply shows them, if nothing changes.
    pub(in crate::commands) fn reply(&self) -> ItemReply {
        self.changed(self.item.clone(), self.slot.clone())
    }

    /// As a reply shows them after a change.
    pub(super) fn changed(&self, item: BookingItem, slot: Slot) -> ItemReply {
        ItemReply { item, slot, time_zone: self.product.time_zone.clone() }
    }
}
