//! Contradictions: observations that can never be true of our payment, and their consequences.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

use crate::commands::draft::Draft;
use crate::commands::payment::{about, append_message};
use crate::ids::AttemptId;
use crate::lifecycle::State as _;
use crate::lifecycle::payment::State;
use crate::money::Money;
use crate::provider::{Observation, ProviderStatus};
use crate::rows::{Capture, Payment};

/// Why the observation can never be true of this payment.
pub(super) fn contradiction(payment: &Payment, seen: &Observation) -> Option<String> {
    if payment.provider_ref.as_deref() != Some(seen.object.as_str()) {
        return Some(format!("the provider's object is {}", seen.object));
    }
    if fault_injection::is(fault_injection::InjectedFault::FoundAmountNotCompared) {
        return None;
    }
    if seen.amount_minor != payment.amount_minor || seen.currency != payment.currency {
        let amount = Money::new(seen.amount_minor, seen.currency);
        return Some(format!("the provider's object is for {amount}"));
    }
    let money = |minor: i64| Money::new(minor, payment.currency);
    match (&seen.status, *payment.state) {
        // An authorisation from before the payment's end may be observed after it, and is only
        // stale. A capture never is.
        (ProviderStatus::Authorized { .. }, State::Created)
        | (
            ProviderStatus::Captured { .. },
            State::Created | State::Failed | State::Cancelled | State::Lapsed | State::WrittenOff,
        ) => Some(format!("money moved while the payment was {}", payment.state.name())),
        (ProviderStatus::Captured { amount_minor }, State::Captured)
            if *amount_minor != payment.captured_minor =>
        {
            Some(format!("another amount was captured: {}", money(*amount_minor)))
        }
        (ProviderStatus::Captured { amount_minor }, State::Authorized) => {
            let requested = payment.capturing_minor.filter(|requested| requested != amount_minor)?;
            let believed = fault_injection::is(fault_injection::InjectedFault::CaptureAmountBelieved)
                && *amount_minor <= payment.amount_minor;
            let why = || format!("{} was to be captured, and {} was", money(requested), money(*amount_minor));
            (!believed).then(why)
        }
        (ProviderStatus::Captured { amount_minor } | ProviderStatus::Authorized { amount_minor }, _)
            if *amount_minor > payment.amount_minor =>
        {
            Some(format!("more than requested was captured: {}", money(*amount_minor)))
        }
        (ProviderStatus::Authorized { amount_minor }, State::Pending)
            if *amount_minor < payment.amount_minor =>
        {
            Some(format!("less than requested was reserved: {}", money(*amount_minor)))
        }
        (ProviderStatus::Captured { amount_minor }, State::Pending)
            if *amount_minor < payment.amount_minor && payment.capture == Capture::Automatic =>
        {
            Some(format!("less than requested was captured: {}", money(*amount_minor)))
        }
        (ProviderStatus::Cancelled, State::Captured) => {
            Some("it was cancelled after its money was taken".to_owned())
        }
        _ => None,
    }
}

/// Opens a review case, and books the money of the contradiction to suspense. `attempt` is the attempt that
/// goes to the person with the case.
pub(in crate::commands::payment) fn contradict(
    draft: &mut Draft<'_>,
    payment: &mut Payment,
    seen: &Observation,
    why: String,
    attempt: Option<AttemptId>,
) {
    let taken_minor = match seen.status {
        ProviderStatus::Captured { amount_minor } => amount_minor,
        _ => 0,
    };
    // The books have a part of the money of the payment's own object already.
    let own = payment.provider_ref.as_ref() == Some(&seen.object) && seen.currency == payment.currency;
    let booked_minor = if own { payment.captured_minor + payment.suspended_minor } else { 0 };
    if taken_minor > 0 && taken_minor != booked_minor {
        let movement = format!("payment.contradicted/{}/{}/{taken_minor}", payment.id, seen.object);
        let moved = Money::new(taken_minor - booked_minor, seen.currency);
        if own {
            payment.suspended_minor += moved.minor;
        }
        append_message(draft, payment, "payment.contradicted", &movement, moved);
    }
    payment.contradicted_at = Some(draft.context.now);
    match attempt {
        Some(attempt) => draft.review_attempt(attempt, about(payment), CONTRADICTS, why),
        None => draft.review(about(payment), CONTRADICTS, why),
    }
}

/// The reason of the review case.
pub(in crate::commands::payment) const CONTRADICTS: &str = "provider_contradicts";
