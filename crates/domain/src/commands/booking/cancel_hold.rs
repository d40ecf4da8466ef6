//! Cancel a hold: the customer gives the seats back before paying.

use super::{Seats, about, tell};
use crate::commands::draft::{Draft, Origin};
use crate::ids::{BookingId, TenantId};
use crate::lifecycle::State as _;
use crate::lifecycle::booking::{Event, State};
use crate::refusal::Refusal;
use crate::reply::{BookingReply, Reply};
use crate::rows::{Facts, Needs};
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
        let booking = rows.booking(self.booking)?;
        Seats::needs(rows, booking);
        rows.product(booking.product);
        Some(())
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
        let product = facts.products.get(booking.product).ok_or(Refusal::ProductNotFound)?;
        let slot = facts.slots.get(booking.slot).ok_or(Refusal::SlotNotFound)?;
        // Nothing can fail from here on.

        let origin = Origin::claimed(&self.claim);
        let mut draft = Draft::new(context, &origin);
        let mut seats = Seats::default();
        seats.carry_out(&booking, step.effects());
        booking.state = draft.step(about(&booking), step);
        booking.ended_at = Some(context.now);
        booking.updated_at = context.now;
        tell(&mut draft, &mut booking, "booking.cancelled");
        let slot = seats.changed(slot);
        seats.put(&mut draft, facts);
        draft.put(booking.clone());
        let time_zone = product.time_zone.clone();
        Ok(draft.reply(Reply::Booking(alloc::boxed::Box::new(BookingReply { booking, slot, time_zone }))))
    }
}
