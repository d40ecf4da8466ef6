//! Expire holds: submitted by a timer, and by the handler of a reserve that finds its slot full.
//!
//! A hold without a payment under way releases its seats at once. A hold with a payment keeps them until the
//! payment is resolved, for a bounded time: first the provider's object is fetched and cancelled. After the
//! grace the seats are released in any case, and money that still arrives is late money. If the provider has
//! reported the money as reserved or captured, the hold keeps its seats until the object was fetched: a paid
//! hold must not lapse because the evidence is missing.

use alloc::vec::Vec;

use super::{Seats, about, append_message};
use crate::commands::draft::{Draft, Origin};
use crate::ids::{AttemptId, BookingId, JobId, PaymentId, TenantId};
use crate::lifecycle::booking::{Event, State};
use crate::lifecycle::{State as _, Step, booking, job, payment};
use crate::limits::HOLD_GRACE_SECONDS;
use crate::reply::Reply;
use crate::rows::{Actor, Booking, Facts, Needs};
use crate::time::Span;
use crate::working_set::{Command, Context, DecisionResult};

/// A hold that a query found lapsed, with the payment that was open then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LapsedHold {
    pub booking: BookingId,
    pub open_payment: Option<PaymentId>,
}

/// At most [`crate::limits::IDS_PER_COMMAND_MAX`] holds, each once.
#[derive(Clone, Debug)]
pub struct ExpireHolds {
    pub holds: Vec<LapsedHold>,
}

impl ExpireHolds {
    /// The hold with the step that ends it, if it still is, under the lock, what the query found.
    fn lapsed<'f>(
        hold: &LapsedHold,
        facts: &'f Facts,
        context: &Context<'_>,
    ) -> Option<(&'f Booking, Step<State>)> {
        let booking = facts
            .bookings
            .get(hold.booking)
            .filter(|booking| booking.sweep_at <= context.now && booking.open_payment == hold.open_payment)
            .filter(|booking| booking.state.is(State::Held))?;
        Some((booking, const { booking::step(State::Held, Event::HoldTimedOut) }))
    }
}

impl Command for ExpireHolds {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        for hold in &self.holds {
            if let Some(payment) = hold.open_payment {
                rows.job(JobId::from(AttemptId::from(payment)));
                rows.payment(payment);
            }
        }
        let mut complete = Some(());
        for hold in &self.holds {
            complete = complete.and(Seats::needs(rows, hold.booking).map(drop));
        }
        complete
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let origin = Origin::of(Actor::Timer);
        let mut draft = Draft::new(context, &origin);
        let mut seats = Seats::default();
        let mut expired = 0;
        for hold in &self.holds {
            let Some((booking, step)) = Self::lapsed(hold, facts, context) else { continue };
            let mut booking = booking.clone();
            booking.updated_at = context.now;
            if let Some(payment) = hold
                .open_payment
                .filter(|_| !fault_injection::is(fault_injection::InjectedFault::PaidHoldLapses))
            {
                // Also after the grace: a customer must not be charged for an expired hold.
                let paid = call_off(&mut draft, facts, payment);
                let grace = Span::seconds(HOLD_GRACE_SECONDS);
                let grace_ends = booking.hold_expires_at.plus(grace);
                let within = context.now < grace_ends;
                if within || paid {
                    booking.sweep_at = if within { grace_ends } else { context.now.plus(grace) };
                    draft.put(booking);
                    continue;
                }
            }
            seats.carry_out(facts, &booking, step.effects());
            booking.state = draft.step(about(&booking), step);
            booking.ended_at = Some(context.now);
            let items = facts.booking_items.owned_by(booking.id);
            append_message(&mut draft, &mut booking, items, "booking.expired");
            draft.put(booking);
            expired += 1;
        }
        seats.put(&mut draft, facts);
        Ok(draft.reply(Reply::Swept(expired)))
    }
}

/// Makes the payment's job due now, and requests the void of the payment. Returns true, without a
/// void, if the provider has reported the money as reserved or captured: such a payment only lacks
/// its evidence.
fn call_off(draft: &mut Draft<'_>, facts: &Facts, payment: PaymentId) -> bool {
    let job_id = JobId::from(AttemptId::from(payment));
    if let Some(mut job) = facts.jobs.get(job_id).filter(|job| job.state.is(job::State::Ready)).cloned()
        && job.due_at > draft.context.now
    {
        job.state = const { job::step(job::State::Ready, job::Event::Reschedule) }.to();
        job.due_at = draft.context.now;
        job.updated_at = draft.context.now;
        draft.put(job);
    }
    let Some(mut payment) = facts.payments.get(payment).cloned() else { return false };
    if payment.state.rank() >= payment::State::Authorized.rank() {
        let has_money =
            payment.state.is(payment::State::Authorized) || payment.state.is(payment::State::Captured);
        return has_money && payment.contradicted_at.is_none();
    }
    if !payment.void_requested {
        payment.void_requested = true;
        payment.updated_at = draft.context.now;
        draft.audit(crate::commands::payment::about(&payment), "called_off_as_the_hold_lapsed", None, None);
        draft.put(payment);
    }
    false
}
