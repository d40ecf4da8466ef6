//! What bookings show beside their own row.

use std::collections::HashMap;

use api::views::Booking;
use domain::reply::{BookingReply, ItemReply};
use domain::rows::{self, BookingItem};
use domain::{BookingId, ProductId, Refusal, SlotId, TenantId};

use crate::http::{App, RefusedRequest};

/// The rows that bookings show beside their own, each slot and product read once.
#[derive(Default)]
struct BookingContext {
    items: HashMap<BookingId, Vec<BookingItem>>,
    slots: HashMap<SlotId, rows::Slot>,
    zones: HashMap<ProductId, String>,
}

/// The views of one tenant's bookings, in the order given.
pub async fn views(
    app: &App,
    tenant: TenantId,
    bookings: Vec<rows::Booking>,
) -> Result<Vec<Booking>, RefusedRequest> {
    let ids: Vec<BookingId> = bookings.iter().map(|booking| booking.id).collect();
    let mut context = BookingContext::default();
    for item in app.store().items_of_bookings(tenant, &ids).await? {
        context.read(app, &item).await?;
        context.items.entry(item.booking).or_default().push(item);
    }
    bookings.into_iter().map(|booking| context.view(booking)).collect()
}

impl BookingContext {
    async fn read(&mut self, app: &App, item: &BookingItem) -> Result<(), RefusedRequest> {
        if !self.slots.contains_key(&item.slot)
            && let Some(slot) = app.store().slot(item.tenant, item.slot).await?
        {
            self.slots.insert(slot.id, slot);
        }
        if !self.zones.contains_key(&item.product)
            && let Some(product) = app.store().product(item.tenant, item.product).await?
        {
            self.zones.insert(product.id, product.time_zone);
        }
        Ok(())
    }

    fn view(&mut self, booking: rows::Booking) -> Result<Booking, RefusedRequest> {
        let items = self.items.remove(&booking.id).unwrap_or_default().into_iter();
        let items = items.map(|item| {
            let slot = self.slots.get(&item.slot).cloned().ok_or(Refusal::SlotNotFound)?;
            let time_zone = self.zones.get(&item.product).cloned().ok_or(Refusal::ProductNotFound)?;
            Ok(ItemReply { item, slot, time_zone })
        });
        let items = items.collect::<Result<_, Refusal>>()?;
        Ok(Booking::of(&BookingReply { booking, items }))
    }
}
