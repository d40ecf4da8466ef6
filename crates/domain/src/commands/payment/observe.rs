//! The effect of an observation of the provider's object on our payment.
//!
//! | the object is | the payment moves | the booking, on evidence only |
//! |---|---|---|
//! | authorised | pending -> authorized | secured: confirmed, or retaken, or the money goes back |
//! | captured | pending, authorized -> captured | the same, and paid |
//! | cancelled | -> failed, cancelled or lapsed | free for another payment |
//! | anything else | no move | none |
//!
//! Stale observations are ordinary and move nothing. A contradiction opens a review case, and its money is
//! booked to the suspense account.

mod contradiction;

pub(super) use contradiction::{CONTRADICTS, contradict};

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

use super::movements::{MoneyMoved, record};
use super::{about, append_message};
use crate::commands::draft::Draft;
use crate::lifecycle::State as _;
use crate::lifecycle::payment::{Event, State};
use crate::money::Money;
use crate::provider::{Observation, ProviderStatus, Source};
use crate::rows::{MovementKind, NextAction, Payment};
use crate::working_set::Json;
use contradiction::contradiction;

/// How an observation relates to the payment's row.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ObservationResult {
    /// It moved the payment, or confirmed its state.
    Agrees,
    /// It is older than the payment's row.
    Stale,
    Contradicts(String),
}

/// Moves the payment as far as its table and the observation allow.
pub(super) fn observe(
    draft: &mut Draft<'_>,
    payment: &mut Payment,
    seen: &Observation,
    source: Source,
) -> ObservationResult {
    adopt(payment, seen);
    if payment.provider_ref.as_deref() != Some(seen.object.as_str()) && !seen.status.has_money() {
        // Another object was created for this payment and never confirmed: it cannot move money.
        return ObservationResult::Stale;
    }
    if is_known_excess(payment, seen) {
        return ObservationResult::Stale;
    }
    if let Some(why) = contradiction(payment, seen) {
        return ObservationResult::Contradicts(why);
    }
    let state = *payment.state;
    let event = match seen.status {
        ProviderStatus::Authorized { .. } => Some(Event::Authorized),
        ProviderStatus::Captured { .. } => Some(Event::Captured),
        ProviderStatus::Cancelled if state == State::Authorized && !payment.void_requested => {
            Some(Event::AuthorizationLapsed)
        }
        ProviderStatus::Cancelled if state == State::Authorized || payment.failure.is_none() => {
            Some(Event::Voided)
        }
        ProviderStatus::Cancelled | ProviderStatus::Failed(_) => Some(Event::Declined),
        _ => None,
    };
    let Some(step) = event.and_then(|event| payment.state.step(event)) else {
        let result = no_move(payment, &seen.status, state, source);
        if result == ObservationResult::Agrees {
            keep_saved_method(payment, seen);
        }
        return result;
    };
    match seen.status {
        ProviderStatus::Authorized { amount_minor } => payment.authorized_minor = amount_minor,
        ProviderStatus::Captured { amount_minor } => {
            let (kind, object) = (MovementKind::Capture, seen.object.as_str());
            record(draft, payment, &MoneyMoved { kind, object, refund: None, amount_minor });
            payment.counted_incoming = (!seen.incoming.is_empty()).then(|| Json(seen.incoming.clone()));
            // The whole amount was authorised before a part of it was captured.
            payment.authorized_minor = payment.amount_minor;
        }
        ProviderStatus::Failed(ref failure) => {
            payment.failure.get_or_insert_with(|| Json(failure.clone()));
        }
        _ => {}
    }
    payment.state = draft.step(about(payment), step);
    payment.evidenced = source.is_evidence();
    keep_saved_method(payment, seen);
    payment.next_action = None;
    payment.updated_at = draft.context.now;
    let event = step.on();
    let moved_minor = match event {
        Event::Captured => payment.captured_minor,
        Event::Authorized => payment.authorized_minor,
        _ => 0,
    };
    if moved_minor > 0 {
        // The customer's later try succeeded after a decline.
        payment.failure = None;
        // The void came too late. A void that is under way still ends the payment.
        payment.void_requested &= payment.active.is_some();
    }
    if event == Event::Captured {
        release_suspense(draft, payment, &seen.object);
    }
    let kind = format!("payment.{}", payment.state.name());
    let movement = format!("{kind}/{}/{}", payment.id, seen.object);
    let moved = Money::new(moved_minor, payment.currency);
    append_message(draft, payment, &kind, &movement, moved);
    if event == Event::AuthorizationLapsed && payment.booking.is_some() {
        draft.review(about(payment), "authorization_lapsed", "the booking it secured is unpaid".to_owned());
    }
    ObservationResult::Agrees
}

/// Whether it shows once more what is captured and what is in suspense, as each event about the object does.
/// A person has its case, or has closed it.
fn is_known_excess(payment: &Payment, seen: &Observation) -> bool {
    let known = ProviderStatus::Captured { amount_minor: payment.captured_minor + payment.suspended_minor };
    let is_amount = (seen.amount_minor, seen.currency) == (payment.amount_minor, payment.currency);
    let is_own = payment.provider_ref.as_ref() == Some(&seen.object) && is_amount;
    let is_counted = payment.state.is(State::Captured) && payment.evidenced && payment.suspended_minor > 0;
    is_own && is_counted && seen.status == known
}

/// Takes the object of a payment that was sent in one step: its id is not known before its reply, or
/// before it is found by our reference. A payment on the provider's page takes the first object with money in
/// place of the page. A second one contradicts.
fn adopt(payment: &mut Payment, seen: &Observation) {
    let same = (seen.amount_minor == payment.amount_minor && seen.currency == payment.currency)
        || fault_injection::is(fault_injection::InjectedFault::FoundAmountNotCompared);
    let is_open = payment.provider_ref.is_none() || (payment.is_paid_on_page() && seen.status.has_money());
    if is_open && payment.state.is(State::Pending) && same {
        payment.provider_ref = Some(seen.object.clone());
    }
}

/// A later observation may not show it any more.
fn keep_saved_method(payment: &mut Payment, seen: &Observation) {
    if payment.saves_method && seen.status.has_money() && payment.saved_method.is_none() {
        payment.saved_method.clone_from(&seen.saved_method);
    }
}

/// An observation without a move. It may confirm the payment's state, or have the customer's next action.
fn no_move(
    payment: &mut Payment,
    status: &ProviderStatus,
    state: State,
    source: Source,
) -> ObservationResult {
    match (status, state) {
        (ProviderStatus::Authorized { .. }, State::Authorized)
        | (ProviderStatus::Captured { .. }, State::Captured)
        | (
            ProviderStatus::Cancelled | ProviderStatus::Failed(_),
            State::Failed | State::Cancelled | State::Lapsed | State::WrittenOff,
        ) => {
            payment.evidenced |= source.is_evidence();
            ObservationResult::Agrees
        }
        // Nobody would see what is to be done. The driver ends the payment.
        (ProviderStatus::NeedsAction(_), State::Pending) if payment.off_session => ObservationResult::Agrees,
        (ProviderStatus::NeedsAction(next), State::Pending) => {
            payment.next_action = Some(Json(in_time(payment, next.clone())));
            ObservationResult::Agrees
        }
        (ProviderStatus::Declined(failure), State::Pending) => {
            payment.failure.get_or_insert_with(|| Json(failure.clone()));
            if let Some(Json(NextAction::PayVoucher { client_secret, .. })) = &payment.next_action {
                // It has expired. The customer may choose again in the form.
                let form = NextAction::UseProviderSdk { client_secret: client_secret.clone() };
                payment.next_action = Some(Json(form));
            }
            ObservationResult::Agrees
        }
        (ProviderStatus::Unconfirmed | ProviderStatus::Processing, State::Created | State::Pending) => {
            ObservationResult::Agrees
        }
        _ => ObservationResult::Stale,
    }
}

/// A code or voucher that the provider made late shows a later end than the payment has. The hold ends with the payment,
/// so the customer must not be shown more time.
fn in_time(payment: &Payment, next: NextAction) -> NextAction {
    match (next, payment.pay_until) {
        (NextAction::PayPix { code, expires_at }, Some(until)) => {
            NextAction::PayPix { code, expires_at: expires_at.min(until) }
        }
        (NextAction::PayVoucher { url, number, expires_at, client_secret }, Some(until)) => {
            NextAction::PayVoucher { url, number, expires_at: expires_at.min(until), client_secret }
        }
        (next, _) => next,
    }
}

/// Money that was in suspense counts as captured now.
fn release_suspense(draft: &mut Draft<'_>, payment: &mut Payment, object: &str) {
    if payment.suspended_minor == 0 {
        return;
    }
    let movement = format!("payment.contradicted/{}/{object}/released", payment.id);
    let moved = Money::new(-payment.suspended_minor, payment.currency);
    payment.suspended_minor = 0;
    append_message(draft, payment, "payment.contradicted", &movement, moved);
}
