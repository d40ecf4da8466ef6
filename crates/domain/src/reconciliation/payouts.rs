//! A transfer of the provider, against our payout.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

use super::{FoundDifference, carries};
use crate::lifecycle::State as _;
use crate::lifecycle::payout::State;
use crate::money::Money;
use crate::provider::{TransferAtProvider, TransferObservation};
use crate::rows::{DifferenceKind, Payout, PayoutMethod};

/// What the destination has of it. A transfer of which all was taken back is nobody's difference, unless it is
/// the payout's own.
fn kept_minor(seen: &TransferObservation) -> i64 {
    seen.amount_minor - seen.reversed_minor
}

/// What our payout says that the destination has.
fn kept_here_minor(payout: &Payout) -> i64 {
    match *payout.state {
        State::Paid => payout.amount_minor - payout.returned_minor,
        _ => 0,
    }
}

/// How a transfer differs from our payout. `None` if both agree.
pub fn compare_payout(seen: &TransferAtProvider, payout: &Payout) -> Option<FoundDifference> {
    let (kind, detail) = differs(&seen.observation, payout)?;
    let here = Some(Money::new(kept_here_minor(payout), payout.currency));
    Some(FoundDifference { here, ..difference(seen, Some(payout), kind, detail) })
}

fn differs(seen: &TransferObservation, payout: &Payout) -> Option<(DifferenceKind, String)> {
    use DifferenceKind::{OtherAmount, OtherCurrency, OtherDestination, OtherObject, StateBehind};
    let another = |detail: String| (kept_minor(seen) > 0).then_some((OtherObject, detail));
    if payout.method == PayoutMethod::Manual {
        return another("a person paid the payout by other means".to_owned());
    }
    if let Some(own) = payout.provider_ref.as_ref().filter(|own| **own != seen.object) {
        return another(format!("the payout's own transfer is {own}"));
    }
    if seen.currency != payout.currency {
        return Some((OtherCurrency, format!("the payout is in {}", payout.currency)));
    }
    if seen.amount_minor != payout.amount_minor {
        return Some((OtherAmount, format!("the payout is for {}", payout.amount())));
    }
    if payout.destination.as_ref() != Some(&seen.destination) {
        let own = payout.destination.as_deref().unwrap_or("none");
        return Some((
            OtherDestination,
            format!("it went to {}, and the payout names {own}", seen.destination),
        ));
    }
    let returned = Money::new(payout.returned_minor, payout.currency);
    let detail = format!("here the payout is {}, and {returned} came back", payout.state.name());
    let is_paid = matches!(*payout.state, State::Paid | State::Returned);
    let reversal_is_over = payout.is_being_reversed() && seen.own_reversals.contains(&payout.reversal);
    let is_behind = !is_paid
        || payout.provider_ref.is_none()
        || seen.reversed_minor > payout.returned_minor
        || reversal_is_over;
    if is_behind {
        return Some((StateBehind, detail));
    }
    // A person recorded that it came back.
    (seen.reversed_minor < payout.returned_minor).then_some((OtherAmount, detail))
}

/// A transfer without a payout of this account.
pub fn without_payout(seen: &TransferAtProvider) -> Option<FoundDifference> {
    if kept_minor(&seen.observation) <= 0 {
        return None;
    }
    let known = seen.reference.map(|_| DifferenceKind::PayoutUnknownHere);
    let kind = known.unwrap_or(DifferenceKind::ForeignTransfer);
    let detail = carries(seen.reference);
    Some(FoundDifference { payout: seen.reference, ..difference(seen, None, kind, detail) })
}

fn difference(
    seen: &TransferAtProvider,
    payout: Option<&Payout>,
    kind: DifferenceKind,
    detail: String,
) -> FoundDifference {
    let observation = &seen.observation;
    FoundDifference {
        payout: payout.map(|payout| payout.id),
        at_provider: Some(Money::new(kept_minor(observation), observation.currency)),
        ..FoundDifference::of(kind, observation.object.clone(), detail, seen.created_at)
    }
}

/// Our payout, whose transfer the provider does not have. One that we do not hold for paid is not missing.
pub fn missing_payout(payout: &Payout) -> Option<FoundDifference> {
    let object = payout.provider_ref.clone()?;
    if !matches!(*payout.state, State::Paid | State::Returned) {
        return None;
    }
    let detail = format!("here it is {}", payout.state.name());
    Some(FoundDifference {
        payout: Some(payout.id),
        here: Some(Money::new(kept_here_minor(payout), payout.currency)),
        ..FoundDifference::of(DifferenceKind::PayoutUnknownThere, object, detail, payout.created_at)
    })
}
