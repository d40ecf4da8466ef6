//! Give up: an attempt that only a person can settle. Its key gets a reply, because an unknown outcome is a
//! stored 202. An outcome that is found later still settles the attempt.

use alloc::boxed::Box;

use super::about_refund;
use crate::commands::draft::Draft;
use crate::ids::ReviewId;
use crate::lifecycle::{State as _, attempt, refund};
use crate::reply::Reply;
use crate::rows::{Attempt, AttemptKind, Facts, Needs, Payment, Refund};

/// Gives an open attempt to a person, and answers its key. The caller opens the review case.
pub(in crate::commands) fn give_up(
    draft: &mut Draft<'_>,
    attempt: &mut Attempt,
    refund: &mut Option<&mut Refund>,
    payment: &Payment,
) {
    move_to_review(draft, attempt, refund);
    draft.answer(attempt.key, Ok(as_it_stands(attempt, refund.as_deref(), payment)));
}

/// An attempt that was sent, and its refund, go to a person. One that was never sent stays as it is.
pub(super) fn move_to_review(draft: &mut Draft<'_>, attempt: &mut Attempt, refund: &mut Option<&mut Refund>) {
    lose_sight(draft, attempt, refund);
    if attempt.state.is(attempt::State::Unknown) {
        attempt.state = const { attempt::step(attempt::State::Unknown, attempt::Event::GiveUp) }.to();
    }
    if let Some(refund) = refund
        && attempt.state.is(attempt::State::Review)
    {
        lose_sight_of_refund(draft, refund);
        // Any other refund has an outcome from the provider, which stands.
        if refund.state.is(refund::State::Unknown) {
            let step = const { refund::step(refund::State::Unknown, refund::Event::GaveUp) };
            refund.state = draft.step(about_refund(refund), step);
        }
    }
}

/// The reply to a call that was sent is lost. An attempt in any other state has lost none.
pub(in crate::commands) fn lose_sight(
    draft: &mut Draft<'_>,
    attempt: &mut Attempt,
    refund: &mut Option<&mut Refund>,
) {
    if attempt.state.is(attempt::State::Sent) {
        attempt.state = const { attempt::step(attempt::State::Sent, attempt::Event::LoseSight) }.to();
        attempt.updated_at = draft.context.now;
        attempt.unknown_since = attempt.unknown_since.or(Some(draft.context.now));
        if let Some(refund) = refund {
            lose_sight_of_refund(draft, refund);
        }
    }
}

fn lose_sight_of_refund(draft: &mut Draft<'_>, refund: &mut Refund) {
    if refund.state.is(refund::State::Created) {
        let step = const { refund::step(refund::State::Created, refund::Event::LostSight) };
        refund.state = draft.step(about_refund(refund), step);
        refund.updated_at = draft.context.now;
    }
}

/// Requests the review case of an attempt, if it has one.
pub(super) fn needs_case(rows: &mut Needs<'_>, attempt: &Attempt) {
    if attempt.state.is(attempt::State::Review) {
        rows.review(ReviewId::of_attempt(attempt.id));
    }
}

/// Closes the case of an attempt whose outcome is known now.
pub(super) fn close_case(draft: &mut Draft<'_>, facts: &Facts, before: &Attempt, after: &Attempt) {
    if !before.state.is(attempt::State::Review) || !after.state.is_final() {
        return;
    }
    if let Some(review) = facts.reviews.get(ReviewId::of_attempt(before.id)) {
        let state = after.state.name();
        draft.resolve_review(review, alloc::format!("the provider showed what became of it: {state}"));
    }
}

/// The reply of an operation as its rows are now.
pub(super) fn as_it_stands(attempt: &Attempt, refund: Option<&Refund>, payment: &Payment) -> Reply {
    match (attempt.kind, refund) {
        (_, Some(refund)) => Reply::Refund(Box::new(refund.clone())),
        (AttemptKind::Charge, None) => Reply::Payment(Box::new(payment.clone())),
        (_, None) => Reply::PaymentChanged(Box::new(payment.clone())),
    }
}
