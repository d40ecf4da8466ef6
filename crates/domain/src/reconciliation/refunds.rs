//! A refund of the provider, against our refund.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

use super::{FoundDifference, carries};
use crate::ids::PaymentId;
use crate::lifecycle::State as _;
use crate::lifecycle::refund::State;
use crate::money::Money;
use crate::provider::{RefundAtProvider, RefundStatus};
use crate::rows::{DifferenceKind, Refund};

/// How a refund at the provider differs from ours. `None` if both agree.
pub fn compare_refund(seen: &RefundAtProvider, refund: &Refund) -> Option<FoundDifference> {
    let (kind, detail) = differs(seen, refund)?;
    let here = Money::new(refund.amount_minor, refund.currency);
    Some(FoundDifference { here: Some(here), ..difference(seen, refund.payment, kind, detail) })
}

fn differs(seen: &RefundAtProvider, refund: &Refund) -> Option<(DifferenceKind, String)> {
    use DifferenceKind::{OtherAmount, OtherCurrency, RefundUnknownThere, StateBehind};
    let observation = &seen.observation;
    let states =
        || format!("at the provider {}, here {}", status_name(&observation.status), refund.state.name());
    if observation.currency != refund.currency {
        return Some((OtherCurrency, format!("the refund is in {}", refund.currency)));
    }
    if observation.amount_minor != refund.amount_minor {
        return Some((OtherAmount, "the refund is for another amount here".to_owned()));
    }
    match (&observation.status, *refund.state) {
        (RefundStatus::Succeeded, State::Succeeded)
        | (RefundStatus::Failed(_), State::Failed | State::WrittenOff)
        | (RefundStatus::Pending, State::Pending) => None,
        (_, State::Succeeded) => Some((RefundUnknownThere, states())),
        (RefundStatus::Pending, State::Failed | State::WrittenOff) => Some((StateBehind, states())),
        _ => Some((StateBehind, states())),
    }
}

fn status_name(status: &RefundStatus) -> &'static str {
    match status {
        RefundStatus::Pending => "pending",
        RefundStatus::Succeeded => "succeeded",
        RefundStatus::Failed(_) => "failed",
    }
}

/// A refund of a payment of ours that has no row. A refund that failed returned nothing.
pub fn without_refund(seen: &RefundAtProvider, payment: PaymentId) -> Option<FoundDifference> {
    if matches!(seen.observation.status, RefundStatus::Failed(_)) {
        return None;
    }
    Some(difference(seen, payment, DifferenceKind::RefundUnknownHere, carries(seen.reference)))
}

fn difference(
    seen: &RefundAtProvider,
    payment: PaymentId,
    kind: DifferenceKind,
    detail: String,
) -> FoundDifference {
    let observation = &seen.observation;
    FoundDifference {
        payment: Some(payment),
        at_provider: Some(Money::new(observation.amount_minor, observation.currency)),
        ..FoundDifference::of(kind, observation.object.clone(), detail, seen.created_at)
    }
}

/// Our refund, which the provider does not have. One that was never accepted there has no id.
pub fn missing_refund(refund: &Refund) -> Option<FoundDifference> {
    let object = refund.provider_ref.clone()?;
    let detail = format!("here it is {}", refund.state.name());
    Some(FoundDifference {
        payment: Some(refund.payment),
        here: Some(Money::new(refund.amount_minor, refund.currency)),
        ..FoundDifference::of(DifferenceKind::RefundUnknownThere, object, detail, refund.created_at)
    })
}
