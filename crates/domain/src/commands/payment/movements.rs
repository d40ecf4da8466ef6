//! Movements of money. Each is recorded once, and only here the sums of its payment change.

use alloc::borrow::ToOwned;
use alloc::format;

use super::append_message;
use crate::commands::draft::Draft;
use crate::ids::{MovementId, RefundId};
use crate::money::{Currency, Money};
use crate::provider::{FeeAtProvider, RefundObservation};
use crate::rows::{Movement, MovementKind, Payment};

/// A movement. `object` is the provider's id of it.
pub(super) struct MoneyMoved<'a> {
    pub kind: MovementKind,
    pub object: &'a str,
    pub refund: Option<RefundId>,
    pub amount_minor: i64,
}

/// The caller has checked that the movement is new: by a step of a lifecycle, or because it has no row.
pub(super) fn record(draft: &mut Draft<'_>, payment: &mut Payment, moved: &MoneyMoved<'_>) {
    let amount_minor = moved.amount_minor;
    match moved.kind {
        MovementKind::Capture => payment.captured_minor += amount_minor,
        MovementKind::Refund => payment.refunded_minor += amount_minor,
        MovementKind::RefundReversal => payment.refunded_minor -= amount_minor,
        MovementKind::Dispute => payment.disputed_minor += amount_minor,
        MovementKind::DisputeReversal => payment.disputed_minor -= amount_minor,
        // They are in none of these sums, and have functions of their own.
        MovementKind::ProviderFee
        | MovementKind::ProviderFeeReversal
        | MovementKind::SuspenseReturn
        | MovementKind::SuspenseReturnReversal => {}
    }
    put(draft, payment, moved, payment.currency);
}

/// A fee of the provider, and its message. The caller has checked that it has no row. The payment's own sum is of the
/// currency of its first fee.
pub(super) fn record_fee(draft: &mut Draft<'_>, payment: &mut Payment, fee: &FeeAtProvider) {
    let (kind, object, Money { minor, currency }) = (fee.kind(), fee.object.as_str(), fee.amount);
    if *payment.provider_fee_currency.get_or_insert(currency) == currency {
        payment.provider_fee_minor += minor;
    }
    let moved = MoneyMoved { kind, object, refund: None, amount_minor: minor.abs() };
    put(draft, payment, &moved, currency);
    let name = if kind == MovementKind::ProviderFee { "payment.fee_charged" } else { "payment.fee_returned" };
    let movement = format!("{name}/{}/{object}", payment.id);
    append_message(draft, payment, name, &movement, Money::new(minor.abs(), currency));
}

/// A movement of money in suspense, which no sum has.
pub(super) fn record_out_of_suspense(
    draft: &mut Draft<'_>,
    payment: &Payment,
    kind: MovementKind,
    seen: &RefundObservation,
) {
    let RefundObservation { object, amount_minor, currency, .. } = seen;
    put(draft, payment, &MoneyMoved { kind, object, refund: None, amount_minor: *amount_minor }, *currency);
}

fn put(draft: &mut Draft<'_>, payment: &Payment, moved: &MoneyMoved<'_>, currency: Currency) {
    let MoneyMoved { kind, object, refund, amount_minor } = *moved;
    draft.put(Movement {
        id: MovementId::of(payment.id, kind.name(), object),
        tenant: payment.tenant,
        payment: payment.id,
        refund,
        kind,
        object: object.to_owned(),
        amount_minor,
        currency,
        recorded_at: draft.context.now,
    });
}
