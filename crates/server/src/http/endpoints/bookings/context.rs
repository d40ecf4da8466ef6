//! What bookings show beside their own row.

use std::collections::{BTreeSet, HashMap};

use api::views::Booking;
use domain::reply::{BookingReply, ItemReply};
use domain::rows::{self, BookingItem, Slot};
use domain::{BookingId, ProductId, Refusal, SlotId, TenantId};

use crate::http::{App, RefusedRequest};

/// The views of one tenant's bookings, in the order given.
pub async fn views(
    app: &App,
    tenant: TenantId,
    bookings: Vec<rows::Booking>,
) -> Result<Vec<Booking>, RefusedRequest> {
    let ids: Vec<BookingId> = bookings.iter().map(|booking| booking.id).collect();
    let items = app.store().items_of_bookings(tenant, &ids).await?;
    let slots = app.store().slots_by_ids(tenant, &distinct(&items, |item| item.slot)).await?;
    let products = app.store().products_by_ids(tenant, &distinct(&items, |item| item.product)).await?;
    let slots: HashMap<SlotId, Slot> = slots.into_iter().map(|slot| (slot.id, slot)).collect();
    let zones: HashMap<ProductId, String> =
        products.into_iter().map(|product| (product.id, product.time_zone)).collect();
    let mut items_of = HashMap::<BookingId, Vec<ItemReply>>::new();
    for item in items {
        let slot = slots.get(&item.slot).cloned().ok_or(Refusal::SlotNotFound)?;
        let time_zone = zones.get(&item.product).cloned().ok_or(Refusal::ProductNotFound)?;
        items_of.entry(item.booking).or_default().push(ItemReply { item, slot, time_zone });
    }
    let view = |booking: rows::Booking| {
        let items = items_of.remove(&booking.id).unwrap_or_default();
        Booking::of(&BookingReply { booking, items })
    };
    Ok(bookings.into_iter().map(view).collect())
}

pub fn distinct<Id: Ord>(items: &[BookingItem], id: impl Fn(&BookingItem) -> Id) -> Vec<Id> {
    items.iter().map(id).collect::<BTreeSet<Id>>().into_iter().collect()
}
