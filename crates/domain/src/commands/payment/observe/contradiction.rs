//! Contradictions: what an observation says that can never be true of our payment, and what becomes of it.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

use crate::commands::draft::Draft;
use crate::commands::payment::{about, tell};
use crate::ids::AttemptId;
use crate::lifecycle::State as _;
use crate::lifecycle::payment::State;
use crate::money::Money;
use crate::provider::{Observation, ProviderStatus};
use crate::rows::{Capture, Payment};

/// What an observation says that can never be true of this payment.
pub(super) fn contradiction(payment: &Payment, seen: &Observation) -> Option<String> {
    if payment.provider_ref.as_deref() != Some(seen.object.as_str()) {
        return Some(format!("the provider's object is {}", seen.object));
    }
    if seen.amount_minor != payment.amount_minor || seen.currency != payment.currency {
        let amount = Money::new(seen.amount_minor, seen.currency);
        return Some(format!("the provider's object is for {amount}"));
    }
    let money = |minor: i64| Money::new(minor, payment.currency);
    match (&seen.status, *payment.state) {
        // What was reserved before it ended may be told after it: that is only old. Taken is taken.
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
            let asked = payment.capturing_minor.filter(|asked| asked != amount_minor)?;
            let believed = fault_injection::is(fault_injection::InjectedFault::CaptureAmountBelieved)
                && *amount_minor <= payment.amount_minor;
            let words = || format!("{} was to be captured, and {} was", money(asked), money(*amount_minor));
            (!believed).then(words)
        }
        (ProviderStatus::Captured { amount_minor } | ProviderStatus::Authorized { amount_minor }, _)
            if *amount_minor > payment.amount_minor =>
        {
            Some(format!("more than asked for was taken: {}", money(*amount_minor)))
        }
        (ProviderStatus::Authorized { amount_minor }, State::Pending)
            if *amount_minor < payment.amount_minor =>
        {
            Some(format!("less than asked for was reserved: {}", money(*amount_minor)))
        }
        (ProviderStatus::Captured { amount_minor }, State::Pending)
            if *amount_minor < payment.amount_minor && payment.capture == Capture::Automatic =>
        {
            Some(format!("less than asked for was taken: {}", money(*amount_minor)))
        }
        (ProviderStatus::Cancelled, State::Captured) => {
            Some("it was cancelled after its money was taken".to_owned())
        }
        _ => None,
    }
}

/// A contradiction needs a person. Money that it speaks of is booked as suspense meanwhile. `attempt`: the
/// one that its driver hands over with it.
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
    // Of the payment's own object the books have a part already.
    let own = payment.provider_ref.as_ref() == Some(&seen.object) && seen.currency == payment.currency;
    let booked_minor = if own { payment.captured_minor + payment.suspended_minor } else { 0 };
    if taken_minor > 0 && taken_minor != booked_minor {
        let movement = format!("payment.contradicted/{}/{}/{taken_minor}", payment.id, seen.object);
        let moved = Money::new(taken_minor - booked_minor, seen.currency);
        if own {
            payment.suspended_minor += moved.minor;
        }
        tell(draft, payment, "payment.contradicted", &movement, moved);
    }
    payment.contradicted_at = Some(draft.context.now);
    match attempt {
        Some(attempt) => draft.review_attempt(attempt, about(payment), CONTRADICTS, why),
        None => draft.review(about(payment), CONTRADICTS, why),
    }
}

/// Why a case is opened.
pub(in crate::commands::payment) const CONTRADICTS: &str = "provider_contradicts";
