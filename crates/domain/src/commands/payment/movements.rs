//! Movements of money: each is recorded once, and the sums of its payment move with it, here and nowhere
//! else.

use alloc::borrow::ToOwned;

use crate::commands::draft::Draft;
use crate::ids::{MovementId, RefundId};
use crate::rows::{Movement, MovementKind, Payment};

/// What moved. `object` is the provider's id of it.
pub(super) struct MoneyMoved<'a> {
    pub kind: MovementKind,
    pub object: &'a str,
    pub refund: Option<RefundId>,
    pub amount_minor: i64,
}

/// The caller knows that it is new: a lifecycle moves only once, or the row was looked for.
pub(super) fn record(draft: &mut Draft<'_>, payment: &mut Payment, moved: &MoneyMoved<'_>) {
    let MoneyMoved { kind, object, refund, amount_minor } = *moved;
    match kind {
        MovementKind::Capture => payment.captured_minor += amount_minor,
        MovementKind::Refund => payment.refunded_minor += amount_minor,
        MovementKind::RefundReversal => payment.refunded_minor -= amount_minor,
        MovementKind::Dispute => payment.disputed_minor += amount_minor,
        MovementKind::DisputeReversal => payment.disputed_minor -= amount_minor,
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
