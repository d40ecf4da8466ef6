//! Discarding: a person ends an attempt. One whose outcome nobody knows is written off.

use super::answer::settle_unsent;
use super::give_up::{as_it_stands, hand_over, needs_case};
use super::{about, about_refund, tell, tell_refund};
use crate::commands::draft::Draft;
use crate::ids::{AttemptId, ReviewId};
use crate::lifecycle::{attempt, payment, refund};
use crate::money::Money;
use crate::refusal::Refusal;
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
pub(in crate::commands) fn discard<'a>(
    mut draft: Draft<'a>,
    facts: &Facts,
    attempt: &Attempt,
    why: &str,
) -> Result<(Draft<'a>, Attempt), Refusal> {
    let payment = facts.payments.get(attempt.payment).ok_or(Refusal::PaymentNotFound)?;
    let mut attempt = attempt.clone();
    match *attempt.state {
        attempt::State::Created => {
            let refund = attempt.refund.and_then(|id| facts.refunds.get(id)).cloned();
            let failure = Failure::not_sent("discarded", true);
            let ended = attempt.state.step(attempt::Event::Decline)?.to();
            draft = settle_unsent(draft, facts, attempt.clone(), payment.clone(), refund, failure)?;
            attempt.state = ended;
        }
        attempt::State::Sent | attempt::State::Unknown | attempt::State::Review => {
            write_off(&mut draft, facts, &mut attempt, payment, why)?;
        }
        attempt::State::Succeeded | attempt::State::Declined | attempt::State::WrittenOff => {}
    }
    Ok((draft, attempt))
}

/// Ends an attempt whose outcome is unknown, as one in review is, and closes its case. A charge takes its
/// payment with it, so that its booking can be paid otherwise; a capture or void lets its payment be captured
/// or called off again; a refund's sum may be asked back again.
fn write_off(
    draft: &mut Draft<'_>,
    facts: &Facts,
    attempt: &mut Attempt,
    payment: &Payment,
    why: &str,
) -> Result<(), Refusal> {
    let mut refund = attempt.refund.and_then(|id| facts.refunds.get(id)).cloned();
    if let Some(review) = facts.reviews.get(ReviewId::of_attempt(attempt.id)) {
        draft.resolve_review(review, why.into());
    }
    hand_over(draft, attempt, &mut refund.as_mut())?;
    attempt.state = attempt.state.step(attempt::Event::WriteOff)?.to();
    attempt.updated_at = draft.context.now;
    let mut payment = payment.clone();
    if payment.active == Some(attempt.id) {
        payment.void_requested &= attempt.kind != AttemptKind::Void;
    }
    payment.end_attempt(attempt.id);
    if attempt.kind == AttemptKind::Charge && payment.state.is(payment::State::Pending) {
        payment.state = draft.step(about(&payment), payment.state, payment::Event::WrittenOff)?.to();
        payment.next_action = None;
        let movement = alloc::format!("payment.written_off/{}", payment.id);
        let nothing = Money::new(0, payment.currency);
        tell(draft, &mut payment, "payment.written_off", &movement, nothing);
        free_booking(draft, facts, &payment);
    }
    if let Some(refund) = refund.as_mut().filter(|refund| refund.state.is(refund::State::Review)) {
        refund.state = draft.step(about_refund(refund), refund.state, refund::Event::WrittenOff)?.to();
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
    Ok(())
}

fn free_booking(draft: &mut Draft<'_>, facts: &Facts, payment: &Payment) {
    let booking = payment.booking.and_then(|id| facts.bookings.get(id));
    if let Some(booking) = booking.filter(|booking| booking.open_payment == Some(payment.id)) {
        let mut booking = Booking { updated_at: draft.context.now, ..booking.clone() };
        booking.close_payment(payment.id);
        draft.put(booking);
    }
}
