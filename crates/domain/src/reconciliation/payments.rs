//! An object of the provider, against our payment.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

use super::{FoundDifference, carries};
use crate::lifecycle::State as _;
use crate::lifecycle::payment::State;
use crate::money::Money;
use crate::provider::{Observation, PaymentAtProvider, ProviderStatus};
use crate::rows::{DifferenceKind, Payment};

/// What the object has of the customer's money.
fn moved_minor(seen: &Observation) -> i64 {
    match seen.status {
        ProviderStatus::Authorized { amount_minor } | ProviderStatus::Captured { amount_minor } => {
            amount_minor
        }
        _ => 0,
    }
}

/// What our payment has of it.
fn held_minor(payment: &Payment) -> i64 {
    match *payment.state {
        State::Captured => payment.captured_minor,
        State::Authorized => payment.authorized_minor,
        _ => 0,
    }
}

fn status_name(status: &ProviderStatus) -> &'static str {
    match status {
        ProviderStatus::Unconfirmed => "unconfirmed",
        ProviderStatus::Declined(_) => "declined",
        ProviderStatus::NeedsAction(_) => "waiting for the customer",
        ProviderStatus::Processing => "processing",
        ProviderStatus::Authorized { .. } => "authorized",
        ProviderStatus::Captured { .. } => "captured",
        ProviderStatus::Failed(_) => "failed",
        ProviderStatus::Cancelled => "cancelled",
    }
}

/// How an object differs from our payment. `None` if both agree.
pub fn compare_payment(seen: &PaymentAtProvider, payment: &Payment) -> Option<FoundDifference> {
    let (kind, detail) = differs(&seen.observation, payment)?;
    Some(difference(seen, Some(payment), kind, detail))
}

fn differs(seen: &Observation, payment: &Payment) -> Option<(DifferenceKind, String)> {
    use DifferenceKind::{
        CapturedNotHere, CapturedNotThere, OtherAmount, OtherCurrency, OtherObject, StateBehind,
    };
    if payment.provider_ref.as_deref() != Some(seen.object.as_str()) {
        // An object that was created and never confirmed moved nothing.
        let own = payment.provider_ref.as_deref().unwrap_or("none");
        return seen.status.has_money().then(|| match (&payment.provider_ref, *payment.state) {
            // Its id was lost with the reply that had it.
            (None, State::Created | State::Pending) => {
                (CapturedNotHere, "the payment has no object yet".to_owned())
            }
            (Some(_), State::Pending) if payment.is_paid_on_page() => {
                (CapturedNotHere, "the payment's own object is the page".to_owned())
            }
            _ => (OtherObject, format!("the payment's own object is {own}")),
        });
    }
    if seen.currency != payment.currency {
        return Some((OtherCurrency, format!("the payment is in {}", payment.currency)));
    }
    let states = || format!("at the provider {}, here {}", status_name(&seen.status), payment.state.name());
    if seen.amount_minor != payment.amount_minor {
        return Some((OtherAmount, format!("the payment is for {}", payment.amount())));
    }
    let agrees = |minor: i64| {
        let differs = minor != held_minor(payment);
        // The reply to our own call is no evidence: a webhook was lost, and the booking waits for it.
        let unproven = (!payment.evidenced).then(|| (StateBehind, "here it has no evidence".to_owned()));
        if differs { Some((OtherAmount, states())) } else { unproven }
    };
    match (&seen.status, *payment.state) {
        (ProviderStatus::Captured { amount_minor }, State::Captured)
        | (ProviderStatus::Authorized { amount_minor }, State::Authorized) => agrees(*amount_minor),
        (ProviderStatus::Captured { .. }, _) => Some((CapturedNotHere, states())),
        (_, State::Captured) => Some((CapturedNotThere, states())),
        (ProviderStatus::Authorized { .. }, _) | (_, State::Authorized) => Some((StateBehind, states())),
        (ProviderStatus::Cancelled | ProviderStatus::Failed(_), State::Created | State::Pending) => {
            Some((StateBehind, states()))
        }
        _ => None,
    }
}

/// An object with money and without a payment of this account. `has_reference`: it carries a reference of our
/// form. An object that moved no money is nobody's difference.
pub fn without_payment(seen: &PaymentAtProvider) -> Option<FoundDifference> {
    if !seen.observation.status.has_money() {
        return None;
    }
    let known = seen.reference.map(|_| DifferenceKind::PaymentUnknownHere);
    let kind = known.unwrap_or(DifferenceKind::ForeignObject);
    let detail = carries(seen.reference);
    Some(FoundDifference { payment: seen.reference, ..difference(seen, None, kind, detail) })
}

fn difference(
    seen: &PaymentAtProvider,
    payment: Option<&Payment>,
    kind: DifferenceKind,
    detail: String,
) -> FoundDifference {
    let Observation { object, currency, .. } = &seen.observation;
    FoundDifference {
        payment: payment.map(|payment| payment.id),
        at_provider: Some(Money::new(shown_minor(&seen.observation), *currency)),
        here: payment
            .map(|payment| Money::new(shown_here_minor(payment, &seen.observation), payment.currency)),
        ..FoundDifference::of(kind, object.clone(), detail, seen.created_at)
    }
}

/// The money that moved; of an object without money, the amount that it is for.
fn shown_minor(seen: &Observation) -> i64 {
    if seen.status.has_money() { moved_minor(seen) } else { seen.amount_minor }
}

fn shown_here_minor(payment: &Payment, seen: &Observation) -> i64 {
    if seen.status.has_money() { held_minor(payment) } else { payment.amount_minor }
}

/// Our payment, whose object the provider does not have. One that was never sent has none.
pub fn missing_payment(payment: &Payment) -> Option<FoundDifference> {
    let object = payment.provider_ref.clone()?;
    let detail = format!("here it is {}", payment.state.name());
    Some(FoundDifference {
        payment: Some(payment.id),
        here: Some(Money::new(held_minor(payment), payment.currency)),
        ..FoundDifference::of(DifferenceKind::MissingThere, object, detail, payment.created_at)
    })
}
