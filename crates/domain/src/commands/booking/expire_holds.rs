//! Expire holds: a timer, or a reserve that finds its slot full, names holds whose time is up.
//!
//! A hold without a payment under way gives its seats back at once. One with a payment keeps them
//! until that payment is resolved, for a bounded time: the payment is called off first, on the
//! provider's side, and only its end lets the seats go. Past the grace the seats go anyway; money
//! that still arrives is late money, which has its own rule.

use alloc::vec::Vec;

use super::{Seats, about, tell};
use crate::commands::draft::{Draft, Origin};
use crate::ids::{AttemptId, BookingId, JobId, PaymentId, TenantId};
use crate::lifecycle::booking::{Event, State};
use crate::lifecycle::{State as _, job, payment};
use crate::limits::HOLD_GRACE_SECONDS;
use crate::reply::Reply;
use crate::rows::{Actor, Booking, Facts, Needs, Payment};
use crate::time::Span;
use crate::working_set::{Command, Context, Decision};

/// A hold that a query found lapsed, with the payment that was open then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lapsed {
    pub booking: BookingId,
    pub open_payment: Option<PaymentId>,
}

/// At most [`crate::limits::IDS_PER_COMMAND_MAX`] holds, each once.
#[derive(Clone, Debug)]
pub struct ExpireHolds {
    pub holds: Vec<Lapsed>,
}

impl ExpireHolds {
    /// Whether the hold is, under the lock, still what the query saw, and its time is up.
    fn is_lapsed<'f>(hold: &Lapsed, facts: &'f Facts, context: &Context<'_>) -> Option<&'f Booking> {
        facts.bookings.get(hold.booking).filter(|booking| {
            booking.state.is(State::Held)
                && booking.hold_expires_at <= context.now
                && booking.open_payment == hold.open_payment
        })
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
            match rows.booking(hold.booking) {
                Some(booking) => Seats::needs(rows, booking),
                None => complete = None,
            }
        }
        complete
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> Decision {
        let origin = Origin::of(Actor::Timer);
        let mut draft = Draft::new(context, &origin);
        let mut seats = Seats::default();
        let mut expired = 0;
        for hold in &self.holds {
            let Some(booking) = Self::is_lapsed(hold, facts, context) else { continue };
            let grace_ends = booking.hold_expires_at.plus(Span::seconds(HOLD_GRACE_SECONDS));
            if let Some(payment) = hold.open_payment {
                // Past the grace too: nobody is to be charged for a hold that is gone.
                call_off(&mut draft, facts, payment)?;
                if context.now < grace_ends {
                    continue;
                }
            }
            let mut booking = booking.clone();
            let step = draft.step(about(&booking), booking.state, Event::HoldTimedOut)?;
            seats.carry_out(facts, &booking, step.effects())?;
            booking.state = step.to();
            booking.ended_at = Some(context.now);
            booking.updated_at = context.now;
            tell(&mut draft, &mut booking, "booking.expired");
            draft.put(booking);
            expired += 1;
        }
        seats.put(&mut draft);
        Ok(draft.reply(Reply::Swept(expired)))
    }
}

/// Marks the payment as called off, and makes its driver look now. Money that is reserved already
/// is not called off: it waits for its evidence alone.
fn call_off(draft: &mut Draft<'_>, facts: &Facts, payment: PaymentId) -> Result<(), crate::refusal::Refusal> {
    let open = |payment: &&Payment| {
        !payment.void_requested && payment.state.rank() < payment::State::Authorized.rank()
    };
    let Some(mut payment) = facts.payments.get(payment).filter(open).cloned() else { return Ok(()) };
    payment.void_requested = true;
    payment.updated_at = draft.context.now;
    let job_id = JobId::from(AttemptId::from(payment.id));
    if let Some(mut job) = facts.jobs.get(job_id).filter(|job| job.state.is(job::State::Ready)).cloned() {
        job.state = job.state.step(job::Event::Reschedule)?.to();
        job.due_at = draft.context.now;
        job.updated_at = draft.context.now;
        draft.put(job);
    }
    draft.audit(crate::commands::payment::about(&payment), "called_off_as_the_hold_lapsed", None, None);
    draft.put(payment);
    Ok(())
}
