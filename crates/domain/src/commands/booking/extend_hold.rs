//! Extend a hold: the customer needs more time to pay.
//!
//! The new end is counted from now, as that of a new hold. It is never earlier than the present one, and
//! never later than the hold's last possible end, which is fixed when the seats are held.
//!
//! A hold whose time is up is refused, as it is when somebody wants to pay it, also if no sweep has met it
//! yet. Under the lock its seats are still its own, but the customer was promised them only until then, and
//! whoever waits for them was promised them from then on. Otherwise the outcome would depend on the moment
//! of a sweep.

use alloc::boxed::Box;

use super::{ItemRows, about, append_message};
use crate::commands::draft::{Draft, Origin};
use crate::ids::{BookingId, TenantId};
use crate::lifecycle::State as _;
use crate::lifecycle::booking::State;
use crate::refusal::Refusal;
use crate::reply::{BookingReply, Reply};
use crate::rows::{Booking, Facts, Needs};
use crate::time::{Span, Timestamp};
use crate::working_set::{Claim, Command, Context, DecisionResult};

#[derive(Clone, Debug)]
pub struct ExtendHold {
    pub claim: Claim,
    pub booking: BookingId,
    /// `None`: the tenant's default.
    pub hold_seconds: Option<i64>,
}

impl ExtendHold {
    fn held<'f>(&self, facts: &'f Facts, now: Timestamp) -> Result<&'f Booking, Refusal> {
        let booking = facts.bookings.get(self.booking);
        let booking = booking.filter(|booking| booking.tenant == self.claim.tenant);
        let booking = booking.ok_or(Refusal::BookingNotFound)?;
        match *booking.state {
            State::Held if booking.hold_expires_at > now => Ok(booking),
            State::Held | State::Expired => Err(Refusal::HoldHasExpired),
            state => Err(Refusal::BookingIsNotHeld { state: state.name() }),
        }
    }

    /// The end that the request gives the hold.
    fn until(&self, facts: &Facts, booking: &Booking, now: Timestamp) -> Result<Timestamp, Refusal> {
        let settings = &facts.tenants.get(booking.tenant).ok_or(Refusal::BookingNotFound)?.settings.0;
        let seconds = self.hold_seconds.unwrap_or(settings.default_hold_seconds());
        if seconds > settings.hold_seconds_max {
            return Err(Refusal::HoldIsTooLong { seconds_max: settings.hold_seconds_max });
        }
        let latest = booking.hold_expires_max;
        if booking.hold_expires_at >= latest {
            return Err(Refusal::HoldIsAtItsLimit { latest });
        }
        Ok(now.plus(Span::seconds(seconds)).min(latest))
    }
}

impl Command for ExtendHold {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.claim.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        Some(&self.claim)
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        // The reply shows the slots.
        let items = ItemRows::needs(rows, self.booking);
        let booking = rows.booking(self.booking);
        rows.tenant(self.claim.tenant);
        items.and(booking).map(drop)
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let held = self.held(facts, context.now)?;
        let until = self.until(facts, held, context.now)?;
        let shown = ItemRows::of(facts, held.id)?;
        // Nothing can fail from here on.

        let origin = Origin::claimed(&self.claim);
        let mut draft = Draft::new(context, &origin);
        let mut booking = held.clone();
        // An earlier end than the present one leaves the hold as it is.
        if until > held.hold_expires_at {
            booking.hold_expires_at = until;
            // A hold whose time is not up is swept at its end, also with a payment under way.
            booking.sweep_at = until;
            booking.updated_at = context.now;
            draft.audit(about(&booking), "hold_extended", None, None);
            let items = facts.booking_items.owned_by(held.id);
            append_message(&mut draft, &mut booking, items, "booking.extended");
            draft.put(booking.clone());
        }
        let items = shown.iter().map(ItemRows::reply).collect();
        let reply = BookingReply { booking, items };
        Ok(draft.reply(Reply::BookingChanged(Box::new(reply))))
    }
}
