//! Discarding: a person ends an attempt. One whose outcome nobody knows is written off.

use super::answer::{Unsent, settle_unsent};
use super::give_up::{as_it_stands, hand_over, needs_case};
use super::{about, about_refund, tell, tell_refund};
use crate::commands::draft::Draft;
use crate::ids::{AttemptId, ReviewId};
use crate::lifecycle::{State as _, attempt, payment, refund};
use crate::money::Money;
use crate::rows::{Attempt, AttemptKind, Booking, Facts, Failure, Needs, Payment};

/// The rows that it takes to discard an attempt.
pub(in crate::commands) fn needs_of_discard(rows: &mut Needs<'_>, attempt: AttemptId) -> Option<()> {
    let attempt = rows.attempt(attempt)?;
    needs_case(rows, attempt);
    if let Some(refund) = attempt.refund {
        rows.refund(refund);
    }
    let payment = rows.payment(attempt.payment);
    if let Some(key) = attempt.key {
        rows.key(key);
    }
    if let Some(booking) = payment?.booking {
        rows.booking(booking);
    }
    Some(())
}

/// Ends the attempt, whatever is known of it, and returns it ended. One that was never sent moved no money;
/// one that has its outcome keeps it.
pub(in crate::commands) fn discard(
    draft: &mut Draft<'_>,
    facts: &Facts,
    attempt: &Attempt,
    payment: &Payment,
    why: &str,
) -> Attempt {
    let refund = attempt.refund.and_then(|id| facts.refunds.get(id));
    if let Some(unsent) = Unsent::of(attempt, payment, refund) {
        return settle_unsent(draft, facts, unsent, Failure::not_sent("discarded", true));
    }
    let mut attempt = attempt.clone();
    if !attempt.state.is_final() {
        write_off(draft, facts, &mut attempt, payment, why);
    }
    attempt
}

/// Ends an attempt whose outcome is unknown, as one in review is, and closes its case. A charge takes its
/// payment with it, so that its booking can be paid otherwise; a capture or void lets its payment be captured
/// or called off again; a refund's sum may be asked back again.
fn write_off(draft: &mut Draft<'_>, facts: &Facts, attempt: &mut Attempt, payment: &Payment, why: &str) {
    let mut refund = attempt.refund.and_then(|id| facts.refunds.get(id)).cloned();
    if let Some(review) = facts.reviews.get(ReviewId::of_attempt(attempt.id)) {
        draft.resolve_review(review, why.into());
    }
    hand_over(draft, attempt, &mut refund.as_mut());
    if let Some(step) = attempt.state.step(attempt::Event::WriteOff) {
        attempt.state = step.to();
    }
    attempt.updated_at = draft.context.now;
    let mut payment = payment.clone();
    if payment.active == Some(attempt.id) {
        payment.void_requested &= attempt.kind != AttemptKind::Void;
    }
    payment.end_attempt(attempt.id);
    if attempt.kind == AttemptKind::Charge
        && let Some(step) = payment.state.step(payment::Event::WrittenOff)
    {
        payment.state = draft.step(about(&payment), step);
        payment.next_action = None;
        let movement = alloc::format!("payment.written_off/{}", payment.id);
        let nothing = Money::new(0, payment.currency);
        tell(draft, &mut payment, "payment.written_off", &movement, nothing);
        free_booking(draft, facts, &payment);
    }
    if let Some(refund) = &mut refund
        && let Some(step) = refund.state.step(refund::Event::WrittenOff)
    {
        refund.state = draft.step(about_refund(refund), step);
        refund.updated_at = draft.context.now;
        payment.let_go(refund.amount_minor);
        tell_refund(draft, refund, &payment, "refund.written_off");
    }
    payment.updated_at = draft.context.now;
    draft.answer(attempt.key, Ok(as_it_stands(attempt, refund.as_ref(), &payment)));
    if let Some(refund) = refund {
        draft.put(refund);
    }
    draft.put(payment);
    draft.put(attempt.clone());
}

fn free_booking(draft: &mut Draft<'_>, facts: &Facts, payment: &Payment) {
    let booking = payment.booking.and_then(|id| facts.bookings.get(id));
    if let Some(booking) = booking.filter(|booking| booking.open_payment == Some(payment.id)) {
        let mut booking = Booking { updated_at: draft.context.now, ..booking.clone() };
        booking.close_payment(payment.id);
        draft.put(booking);
    }
}
