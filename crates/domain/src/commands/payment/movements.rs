//! Movements of money. Each is recorded once, and only here the sums of its payment change.

use alloc::borrow::ToOwned;

use crate::commands::draft::Draft;
use crate::ids::{MovementId, RefundId};
use crate::provider::RefundObservation;
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
    let MoneyMoved { kind, object, refund, amount_minor } = *moved;
    match kind {
        MovementKind::Capture => payment.captured_minor += amount_minor,
        MovementKind::Refund => payment.refunded_minor += amount_minor,
        MovementKind::RefundReversal => payment.refunded_minor -= amount_minor,
        MovementKind::Dispute => payment.disputed_minor += amount_minor,
        MovementKind::DisputeReversal => payment.disputed_minor -= amount_minor,
        MovementKind::SuspenseReturn | MovementKind::SuspenseReturnReversal => {}
    }
    draft.put(Movement {
        id: MovementId::of(payment.id, kind.name(), object),
        tenant: payment.tenant,
        payment: payment.id,
        refund,
        kind,
        object: object.to_owned(),
        amount_minor,
        currency: payment.currency,
        recorded_at: draft.context.now,
    });
}

/// The same, of money in suspense, which no sum has.
pub(super) fn record_out_of_suspense(
    draft: &mut Draft<'_>,
    payment: &Payment,
    kind: MovementKind,
    seen: &RefundObservation,
) {
    draft.put(Movement {
        id: MovementId::of(payment.id, kind.name(), &seen.object),
        tenant: payment.tenant,
        payment: payment.id,
        refund: None,
        kind,
        object: seen.object.clone(),
        amount_minor: seen.amount_minor,
        currency: seen.currency,
        recorded_at: draft.context.now,
    });
}
