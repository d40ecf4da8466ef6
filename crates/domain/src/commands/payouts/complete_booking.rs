//! Complete a booking: the service was delivered, or the customer did not come. Its money is earned
//! now: the revenue is recognized, and the release of its funds becomes due after the days of its rule.

use alloc::boxed::Box;
use serde_json::json;

use super::about_release;
use crate::commands::booking::{self, ItemRows, Seats};
use crate::commands::draft::{Draft, Origin};
use crate::ids::{BookingId, PaymentId, ReleaseId, TenantId};
use crate::lifecycle::booking::Event;
use crate::lifecycle::{State as _, release};
use crate::money::Money;
use crate::refusal::Refusal;
use crate::reply::{BookingReply, Reply};
use crate::rows::{Booking, Facts, FundsRelease, Needs};
use crate::time::Span;
use crate::working_set::{Claim, Command, Context, DecisionResult};

const DAY_SECONDS: i64 = 24 * 60 * 60;

#[derive(Clone, Debug)]
pub struct CompleteBooking {
    pub claim: Claim,
    pub booking: BookingId,
    /// Whether the customer came.
    pub attended: bool,
}

impl Command for CompleteBooking {
    fn tenant(&self) -> Option<TenantId> {
        Some(self.claim.tenant)
    }

    fn claim(&self) -> Option<&Claim> {
        Some(&self.claim)
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.release(ReleaseId::from(self.booking));
        ItemRows::needs(rows, self.booking);
        Seats::needs(rows, self.booking).map(drop)
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let tenant = self.claim.tenant;
        let booking = facts.bookings.get(self.booking).filter(|booking| booking.tenant == tenant);
        let mut booking = booking.cloned().ok_or(Refusal::BookingNotFound)?;
        let (event, message) = if self.attended {
            (Event::ServiceDelivered, "booking.completed")
        } else {
            (Event::CustomerAbsent, "booking.no_show")
        };
        let step = booking.state.require(event)?;
        // A payment under way may still bring money, which would be recognized by nobody.
        if let Some(payment) = booking.open_payment {
            return Err(Refusal::BookingHasOpenPayment { payment: payment.0 });
        }
        let items = ItemRows::of(facts, booking.id)?;
        // Nothing can fail from here on.

        let origin = Origin::claimed(&self.claim);
        let mut draft = Draft::new(context, &origin);
        booking.state = draft.step(booking::about(&booking), step);
        booking.ended_at = Some(context.now);
        booking.updated_at = context.now;
        booking::append_message(&mut draft, &mut booking, items.iter().map(|row| row.item), message);
        let net = booking.paid_minor - booking.refunded_minor;
        recognize(&mut draft, &mut booking, net, None);
        if let Some(release) = facts.releases.get(ReleaseId::from(booking.id)) {
            become_due(&mut draft, release);
        }
        let items = items.iter().map(ItemRows::reply).collect();
        draft.put(booking.clone());
        Ok(draft.reply(Reply::BookingChanged(Box::new(BookingReply { booking, items }))))
    }
}

/// The booking's money that is kept becomes revenue, and its taxes are owed. Refunds that are begun from now on reduce the revenue. Money that
/// arrives later is named after its payment.
pub(in crate::commands) fn recognize(
    draft: &mut Draft<'_>,
    booking: &mut Booking,
    net: i64,
    later: Option<PaymentId>,
) {
    if net == 0 {
        return;
    }
    let movement = match later {
        None => alloc::format!("booking.recognized/{}", booking.id),
        Some(payment) => alloc::format!("booking.recognized/{}/{payment}", booking.id),
    };
    let payload = json!({
        "booking_id": booking.id.0,
        "state": booking.state.name(),
        "movement": movement,
        "moved": Money::new(net, booking.currency),
        "tax_minor": booking.recognize(net),
    });
    let about = booking::about(booking);
    draft.append_message(about, &mut booking.seq, "booking.recognized", &payload);
}

pub(in crate::commands) fn become_due(draft: &mut Draft<'_>, release: &FundsRelease) {
    let Some(step) = release.state.step(release::Event::Complete) else { return };
    let due_at = draft.context.now.plus(Span::seconds(release.split.0.release_after_days * DAY_SECONDS));
    let state = draft.step(about_release(release), step);
    draft.put(FundsRelease { state, due_at: Some(due_at), sweep_at: Some(due_at), ..release.clone() });
}
