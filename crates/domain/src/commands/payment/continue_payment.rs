//! Continue a declined charge at the payment's next account.
//!
//! Only while the client waits for the outcome, and only after an end that proves that no money moved: a
//! payment is `failed` only then. An unknown outcome never comes here.

use alloc::format;

use super::{ProviderCall, about, append_message, enqueue};
use crate::commands::draft::Draft;
use crate::idempotency::KeyProgress;
use crate::ids::{AttemptId, PaymentId};
use crate::lifecycle::payment::State;
use crate::lifecycle::{State as _, booking};
use crate::limits::PAYMENTS_PER_BOOKING_MAX;
use crate::money::Money;
use crate::rows::{Attempt, AttemptKind, Facts, FailureCause, Payment};
use crate::time::Timestamp;

/// Writes the payment at the next account with its charge, in the transaction in which `payment` failed. The
/// booking passes to it when it is booked, and the key is answered by it.
pub(super) fn continue_payment(
    draft: &mut Draft<'_>,
    facts: &Facts,
    charge: Option<&Attempt>,
    payment: &mut Payment,
) {
    let now = draft.context.now;
    let Some(charge) = charge.filter(|charge| may_continue(facts, charge, payment, now)) else { return };
    let Some(route) = payment.next_route().cloned() else { return };
    let id = PaymentId::continuing(payment.id);
    let next = payment.continued(id, route, now);
    payment.continued_by = Some(id);
    draft.audit(about(payment), "payment_continued", None, None);
    let movement = format!("payment.continued/{}", payment.id);
    append_message(draft, payment, "payment.continued", &movement, Money::new(0, payment.currency));
    draft.audit(about(&next), "payment_started", None, Some(next.state.name()));
    let call = ProviderCall {
        id: AttemptId::from(id),
        payment: id,
        refund: None,
        tenant: next.tenant,
        kind: AttemptKind::Charge,
        amount_minor: next.amount_minor,
        key: charge.key,
        deadline: charge.deadline_at.since(now),
    };
    enqueue(draft, call, None, next.clone(), None);
    draft.put(next);
}

fn may_continue(facts: &Facts, charge: &Attempt, payment: &Payment, now: Timestamp) -> bool {
    let key = charge.key.and_then(|id| facts.keys.get(id));
    let client_waits =
        key.is_some_and(|key| key.progress == KeyProgress::InFlight) && now < charge.deadline_at;
    // A card that its bank calls stolen is tried nowhere else.
    let is_worth_it = payment
        .failure
        .as_ref()
        .is_some_and(|failure| failure.0.cause != FailureCause::Declined || failure.0.retryable);
    let is_failed = payment.state.is(State::Failed) && payment.continued_by.is_none();
    let undisturbed = !payment.void_requested && payment.contradicted_at.is_none();
    let is_payable = payment.booking.is_none_or(|id| {
        facts.bookings.get(id).is_some_and(|booking| {
            let is_held = booking.state.is(booking::State::Held) && booking.hold_expires_at > now;
            booking.open_payment == Some(payment.id)
                && booking.payments < PAYMENTS_PER_BOOKING_MAX
                && (is_held || booking.state.is(booking::State::Confirmed))
        })
    });
    is_failed && undisturbed && client_waits && is_worth_it && is_payable
}
