//! Cancel a hold: the customer gives the seats back before paying.

use alloc::vec::Vec;

use super::{Seats, about, append_message};
use crate::commands::draft::{Draft, Origin};
use crate::ids::{BookingId, TenantId};
use crate::lifecycle::State as _;
use crate::lifecycle::booking::{Event, State};
use crate::refusal::Refusal;
use crate::reply::{BookingReply, ItemReply, Reply};
use crate::rows::{BookingItem, Facts, Needs, Product, Slot};
use crate::working_set::{Claim, Command, Context, DecisionResult};

#[derive(Clone, Debug)]
pub struct CancelHold {
    pub claim: Claim,
    pub booking: BookingId,
}

impl Command for CancelHold {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.claim.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        Some(&self.claim)
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        for item in rows.booking_items(self.booking).into_iter().flatten() {
            rows.product(item.product);
        }
        Seats::needs(rows, self.booking).map(drop)
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let mut booking = facts
            .bookings
            .get(self.booking)
            .filter(|booking| booking.tenant == self.claim.tenant)
            .cloned()
            .ok_or(Refusal::BookingNotFound)?;
        let step = booking.state.step(Event::CustomerCancelled).filter(|step| step.from() == State::Held);
        let step = step.ok_or_else(|| Refusal::BookingIsNotHeld { state: booking.state.name() })?;
        if let Some(payment) = booking.open_payment {
            return Err(Refusal::BookingHasOpenPayment { payment: payment.0 });
        }
        let beside = |item: &BookingItem| {
            let product = facts.products.get(item.product).ok_or(Refusal::ProductNotFound)?;
            Ok((facts.slots.get(item.slot).ok_or(Refusal::SlotNotFound)?, product))
        };
        let items = facts.booking_items.owned_by(booking.id);
        let beside: Vec<(&Slot, &Product)> = items.clone().map(beside).collect::<Result<_, Refusal>>()?;
        // Nothing can fail from here on.

        let origin = Origin::claimed(&self.claim);
        let mut draft = Draft::new(context, &origin);
        let mut seats = Seats::default();
        seats.carry_out(facts, &booking, step.effects());
        booking.state = draft.step(about(&booking), step);
        booking.ended_at = Some(context.now);
        booking.updated_at = context.now;
        append_message(&mut draft, &mut booking, items.clone(), "booking.cancelled");
        let shown = |(item, (slot, product)): (&BookingItem, (&Slot, &Product))| ItemReply {
            item: seats.changed_item(item),
            slot: seats.changed(slot),
            time_zone: product.time_zone.clone(),
        };
        let items = items.zip(beside).map(shown).collect();
        seats.put(&mut draft, facts);
        draft.put(booking.clone());
        Ok(draft.reply(Reply::Booking(alloc::boxed::Box::new(BookingReply { booking, items }))))
    }
}
