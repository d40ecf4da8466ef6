//! Cancel a hold: the customer gives the seats back before paying.

use super::{Seats, about, tell};
use crate::commands::draft::{Draft, Origin};
use crate::ids::{BookingId, TenantId};
use crate::lifecycle::booking::{Event, State};
use crate::refusal::Refusal;
use crate::reply::{BookingReply, ItemReply, Reply};
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
        if !booking.state.is(State::Held) {
            return Err(Refusal::BookingIsNotHeld { state: crate::lifecycle::State::name(&*booking.state) });
        }
        if let Some(payment) = booking.open_payment {
            return Err(Refusal::BookingHasOpenPayment { payment: payment.0 });
        }
        let mut seats = Seats::default();
        for item in facts.booking_items.owned_by(booking.id) {
            seats.slot(facts, item.slot)?;
            facts.products.get(item.product).ok_or(Refusal::ProductNotFound)?;
        }
        // Nothing can fail from here on.

        let origin = Origin::claimed(&self.claim);
        let mut draft = Draft::new(context, &origin);
        let step = draft.step(about(&booking), booking.state, Event::CustomerCancelled)?;
        seats.carry_out(facts, &booking, step.effects())?;
        booking.state = step.to();
        booking.ended_at = Some(context.now);
        booking.updated_at = context.now;
        tell(&mut draft, &mut booking, seats.moved().iter(), "booking.cancelled");
        let items = seats.moved().to_vec();
        let items = items.into_iter().map(|item| {
            let slot = seats.slot(facts, item.slot)?.clone();
            let product = facts.products.get(item.product).ok_or(Refusal::ProductNotFound)?;
            Ok(ItemReply { item, slot, time_zone: product.time_zone.clone() })
        });
        let items = items.collect::<Result<_, Refusal>>()?;
        seats.put(&mut draft);
        draft.put(booking.clone());
        Ok(draft.reply(Reply::Booking(alloc::boxed::Box::new(BookingReply { booking, items }))))
    }
}
