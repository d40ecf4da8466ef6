//! Discard: a person ends an attempt. An attempt with an unknown outcome is written off.

use alloc::boxed::Box;

use super::answer::{Afterwards, Unsent, settle_unsent};
use super::give_up::{as_it_stands, move_to_review, needs_case};
use super::{about, about_refund, append_message, append_refund_message};
use crate::commands::draft::Draft;
use crate::ids::{AttemptId, ReviewId};
use crate::lifecycle::refund::State as RefundState;
use crate::lifecycle::{State as _, Step, attempt, payment, refund};
use crate::money::Money;
use crate::refusal::Refusal;
use crate::rows::{Attempt, AttemptKind, Booking, Facts, Failure, Needs, Payment, Refund};

/// Requests the rows that the discard of an attempt needs.
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

/// How a person's decision ends an attempt.
pub(in crate::commands) enum Discard<'f> {
    /// It was never sent, so no money moved.
    Unsent(Box<Unsent>),
    WriteOff(WriteOff<'f>),
    /// It keeps the outcome that it has.
    Ended(&'f Attempt),
}

/// An attempt whose outcome is unknown, with the step that it takes its payment or refund along.
pub(in crate::commands) struct WriteOff<'f> {
    attempt: &'f Attempt,
    payment: &'f Payment,
    /// For a charge.
    payment_step: Option<Step<payment::State>>,
    refund: Option<&'f Refund>,
}

impl<'f> Discard<'f> {
    /// Refused if the payment or refund is in a state that an attempt without an outcome does not
    /// leave it in.
    pub fn of(facts: &'f Facts, attempt: &'f Attempt, payment: &'f Payment) -> Result<Self, Refusal> {
        let refund = attempt.refund.and_then(|id| facts.refunds.get(id));
        if let Some(unsent) = Unsent::of(attempt, payment, refund)? {
            return Ok(Discard::Unsent(Box::new(unsent)));
        }
        if attempt.state.is_final() {
            return Ok(Discard::Ended(attempt));
        }
        let payment_step = match attempt.kind {
            AttemptKind::Charge => Some(payment.state.require(payment::Event::WrittenOff)?),
            AttemptKind::Capture | AttemptKind::Void | AttemptKind::Refund => None,
        };
        if let Some(Refund { state, .. }) = refund
            && !matches!(**state, RefundState::Created | RefundState::Unknown | RefundState::Review)
        {
            return Err(Refusal::of_state(*state, refund::Event::WrittenOff));
        }
        Ok(Discard::WriteOff(WriteOff { attempt, payment, payment_step, refund }))
    }

    /// Ends the attempt, and returns it ended.
    pub fn run(self, draft: &mut Draft<'_>, facts: &Facts, why: &str) -> Attempt {
        match self {
            Discard::Unsent(unsent) => {
                let failure = Failure::not_sent("discarded", true);
                settle_unsent(draft, facts, *unsent, failure, Afterwards::Stop)
            }
            Discard::WriteOff(write_off) => write_off.run(draft, facts, why),
            Discard::Ended(attempt) => attempt.clone(),
        }
    }
}

impl WriteOff<'_> {
    /// Closes the attempt's case besides. A charge takes its payment along, so that its booking can be paid
    /// otherwise; after a capture or void its payment can be captured or called off again; a refund's sum can
    /// be refunded again.
    fn run(self, draft: &mut Draft<'_>, facts: &Facts, why: &str) -> Attempt {
        let (mut attempt, mut payment, mut refund) =
            (self.attempt.clone(), self.payment.clone(), self.refund.cloned());
        if let Some(review) = facts.reviews.get(ReviewId::of_attempt(attempt.id)) {
            draft.resolve_review(review, why.into());
        }
        move_to_review(draft, &mut attempt, &mut refund.as_mut());
        attempt.state = const { attempt::step(attempt::State::Review, attempt::Event::WriteOff) }.to();
        attempt.updated_at = draft.context.now;
        if payment.active == Some(attempt.id) {
            payment.void_requested &= attempt.kind != AttemptKind::Void;
        }
        payment.end_attempt(attempt.id);
        if let Some(step) = self.payment_step {
            payment.state = draft.step(about(&payment), step);
            payment.next_action = None;
            let movement = alloc::format!("payment.written_off/{}", payment.id);
            let nothing = Money::new(0, payment.currency);
            append_message(draft, &mut payment, "payment.written_off", &movement, nothing);
            free_booking(draft, facts, &payment);
        }
        if let Some(refund) = &mut refund {
            let step = const { refund::step(RefundState::Review, refund::Event::WrittenOff) };
            refund.state = draft.step(about_refund(refund), step);
            refund.updated_at = draft.context.now;
            payment.release_refund(refund.amount_minor);
            append_refund_message(draft, refund, &payment, "refund.written_off");
        }
        payment.updated_at = draft.context.now;
        draft.answer(attempt.key, Ok(as_it_stands(&attempt, refund.as_ref(), &payment)));
        if let Some(refund) = refund {
            draft.put(refund);
        }
        draft.put(payment);
        draft.put(attempt.clone());
        attempt
    }
}

fn free_booking(draft: &mut Draft<'_>, facts: &Facts, payment: &Payment) {
    let booking = payment.booking.and_then(|id| facts.bookings.get(id));
    if let Some(booking) = booking.filter(|booking| booking.open_payment == Some(payment.id)) {
        let mut booking = Booking { updated_at: draft.context.now, ..booking.clone() };
        booking.close_payment(payment.id);
        draft.put(booking);
    }
}
