//! Writing off: a person gives an attempt up whose outcome nobody knows.

use super::give_up::{as_it_stands, hand_over};
use super::{about, tell};
use crate::commands::draft::Draft;
use crate::lifecycle::{attempt, payment};
use crate::money::Money;
use crate::refusal::Refusal;
use crate::rows::{Attempt, AttemptKind, Booking, Facts, Payment};

/// Ends an attempt whose outcome is unknown, as one in review is. A charge takes its payment with it, so that its booking can be paid
/// otherwise; a capture or void lets its payment be captured or called off again.
pub(in crate::commands) fn write_off(
    draft: &mut Draft<'_>,
    facts: &Facts,
    attempt: &mut Attempt,
    payment: &Payment,
) -> Result<(), Refusal> {
    let mut refund = attempt.refund.and_then(|id| facts.refunds.get(id)).cloned();
    hand_over(draft, attempt, &mut refund.as_mut())?;
    attempt.state = attempt.state.step(attempt::Event::WriteOff)?.to();
    attempt.updated_at = draft.context.now;
    let mut payment = payment.clone();
    if payment.active == Some(attempt.id) {
        payment.active = None;
        payment.void_requested &= attempt.kind != AttemptKind::Void;
    }
    if attempt.kind == AttemptKind::Charge && payment.state.is(payment::State::Pending) {
        payment.state = draft.step(about(&payment), payment.state, payment::Event::WrittenOff)?.to();
        payment.next_action = None;
        let movement = alloc::format!("payment.written_off/{}", payment.id);
        let nothing = Money::new(0, payment.currency);
        tell(draft, &mut payment, "payment.written_off", &movement, nothing);
        free_booking(draft, facts, &payment);
    }
    payment.updated_at = draft.context.now;
    draft.answer(attempt.key, Ok(as_it_stands(attempt, refund.as_ref(), &payment)));
    if let Some(refund) = refund {
        draft.put(refund);
    }
    draft.put(payment);
    draft.put(attempt.clone());
    Ok(())
}

fn free_booking(draft: &mut Draft<'_>, facts: &Facts, payment: &Payment) {
    let booking = payment.booking.and_then(|id| facts.bookings.get(id));
    if let Some(booking) = booking.filter(|booking| booking.open_payment == Some(payment.id)) {
        draft.put(Booking { open_payment: None, updated_at: draft.context.now, ..booking.clone() });
    }
}
