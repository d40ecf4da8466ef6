//! What bookings show beside their own row.

use std::collections::HashMap;

use api::views::Booking;
use domain::reply::BookingReply;
use domain::rows;
use domain::{ProductId, SlotId, TenantId};

use crate::http::{App, RefusedRequest};

/// The slots and time zones that were read so far, each once.
#[derive(Default)]
pub struct BookingContext {
    slots: HashMap<SlotId, rows::Slot>,
    zones: HashMap<ProductId, String>,
}

impl BookingContext {
    pub async fn view(
        &mut self,
        app: &App,
        tenant: TenantId,
        booking: rows::Booking,
    ) -> Result<Booking, RefusedRequest> {
        if !self.slots.contains_key(&booking.slot)
            && let Some(slot) = app.store().slot(tenant, booking.slot).await?
        {
            self.slots.insert(slot.id, slot);
        }
        if !self.zones.contains_key(&booking.product)
            && let Some(product) = app.store().product(tenant, booking.product).await?
        {
            self.zones.insert(product.id, product.time_zone);
        }
        let slot = self.slots.get(&booking.slot).cloned().ok_or(domain::Refusal::SlotNotFound)?;
        let time_zone = self.zones.get(&booking.product).cloned().ok_or(domain::Refusal::ProductNotFound)?;
        Ok(Booking::of(&BookingReply { booking, slot, time_zone }))
    }
}
