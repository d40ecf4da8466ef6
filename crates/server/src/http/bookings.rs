//! Bookings.

pub mod cancel;
pub mod find;
pub mod one;
pub mod reserve;

use std::collections::HashMap;

use api::views::Booking;
use domain::reply::BookingReply;
use domain::rows;
use domain::{ProductId, SlotId, TenantId};

use super::{App, RefusedRequest};

/// What bookings show beside their own row, read once for each slot and product.
#[derive(Default)]
struct BookingContext {
    slots: HashMap<SlotId, rows::Slot>,
    zones: HashMap<ProductId, String>,
}

impl BookingContext {
    async fn view(
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
