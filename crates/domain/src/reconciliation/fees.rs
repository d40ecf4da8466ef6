//! A fee in the provider's list, against the movements of its payment.

use alloc::borrow::ToOwned;

use super::FoundDifference;
use crate::money::Money;
use crate::provider::FeeAtProvider;
use crate::rows::{DifferenceKind, Movement, MovementKind, Payment};

/// Whether a fee is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeeComparison {
    Agrees,
    /// It is recorded now. A fee has no webhook, so this is no difference.
    IsNew,
    Differs(FoundDifference),
}

/// The amount of what the provider lists a fee by never changes: another one goes to a person.
pub fn compare_fee(seen: &FeeAtProvider, payment: &Payment, movements: &[Movement]) -> FeeComparison {
    let recorded = movements.iter().find(|moved| moved.kind.is_fee() && moved.object == seen.object);
    let Some(recorded) = recorded else {
        return if seen.amount.minor == 0 { FeeComparison::Agrees } else { FeeComparison::IsNew };
    };
    let sign = if recorded.kind == MovementKind::ProviderFeeReversal { -1 } else { 1 };
    let here = Money::new(sign * recorded.amount_minor, recorded.currency);
    if here == seen.amount {
        return FeeComparison::Agrees;
    }
    let detail = "the fee was recorded with another amount".to_owned();
    FeeComparison::Differs(FoundDifference {
        payment: Some(payment.id),
        at_provider: Some(seen.amount),
        here: Some(here),
        ..FoundDifference::of(DifferenceKind::OtherAmount, seen.object.clone(), detail, seen.created_at)
    })
}
