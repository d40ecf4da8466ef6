//! The return of money: requested by a client, or automatic for late money.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use uuid::Uuid;

use super::start_void::void;
use super::{ProviderCall, about_refund, enqueue};
use crate::commands::draft::Draft;
use crate::commands::jobs::JobLease;
use crate::ids::{AttemptId, KeyId, PaymentId, RefundId};
use crate::lifecycle::{CurrentState, payment};
use crate::reply::AttemptJob;
use crate::rows::{AttemptKind, Payment, Refund};
use crate::time::Span;
use crate::working_set::Json;

/// Who asked for money to move.
#[derive(Clone, Copy)]
pub(in crate::commands) enum AskedBy {
    /// The request under this key, which waits for the outcome.
    Request(KeyId),
    /// The cancellation under this key, which has its reply already.
    Cancellation(KeyId),
    /// Nobody: the money was late.
    Nobody,
}

impl AskedBy {
    pub fn key(self) -> Option<KeyId> {
        match self {
            AskedBy::Request(key) | AskedBy::Cancellation(key) => Some(key),
            AskedBy::Nobody => None,
        }
    }

    /// The id of what moves the money of this payment, or `unasked`.
    pub fn id<T: From<Uuid>>(self, draft: &Draft<'_>, payment: PaymentId, unasked: impl FnOnce() -> T) -> T {
        match self {
            AskedBy::Request(key) => draft.id_under(key),
            AskedBy::Cancellation(key) => T::from(key.cancellation(payment)),
            AskedBy::Nobody => unasked(),
        }
    }

    /// Who asked for what has this id and this key.
    pub fn of(id: Uuid, key: Option<KeyId>, payment: PaymentId) -> AskedBy {
        match key {
            None => AskedBy::Nobody,
            Some(key) if id == key.cancellation(payment) => AskedBy::Cancellation(key),
            Some(key) => AskedBy::Request(key),
        }
    }

    /// Why a person must see that it failed. `None`: its client sees it.
    pub fn unseen_failure(self) -> Option<&'static str> {
        match self {
            AskedBy::Request(_) => None,
            AskedBy::Cancellation(_) => Some("cancellation_not_settled"),
            AskedBy::Nobody => Some("late_money_not_returned"),
        }
    }
}

pub(in crate::commands) struct ReturnOrder {
    pub amount_minor: i64,
    pub reason: Option<String>,
    pub metadata: BTreeMap<String, String>,
    pub asked_by: AskedBy,
    pub deadline: Span,
    pub lease: Option<JobLease>,
}

/// Writes the refund, counts it against the refundable amount, and enqueues the call.
pub(in crate::commands) fn refund(
    draft: &mut Draft<'_>,
    payment: &mut Payment,
    back: ReturnOrder,
) -> AttemptJob {
    let now = draft.context.now;
    let key = back.asked_by.key();
    let unasked = || RefundId::unasked(payment.id, payment.refunds);
    let refund = Refund {
        id: back.asked_by.id(draft, payment.id, unasked),
        tenant: payment.tenant,
        payment: payment.id,
        booking: payment.booking,
        amount_minor: back.amount_minor,
        currency: payment.currency,
        external: false,
        reason: back.reason,
        metadata: Json(back.metadata),
        key,
        state: CurrentState::start(),
        seq: 0,
        provider_ref: None,
        failure: None,
        created_at: now,
        updated_at: now,
    };
    payment.reserve_refund(back.amount_minor);
    payment.refunds += 1;
    payment.updated_at = now;
    draft.audit(about_refund(&refund), "refund_started", None, Some("created"));
    let call = ProviderCall {
        id: AttemptId::from(refund.id),
        payment: payment.id,
        refund: Some(refund.id),
        tenant: payment.tenant,
        kind: AttemptKind::Refund,
        amount_minor: back.amount_minor,
        key,
        deadline: back.deadline,
    };
    let started = enqueue(draft, call, back.lease, payment.clone(), Some(refund.clone()));
    draft.put(refund);
    started
}

/// Returns money that its booking cannot take any more: a capture is refunded, an authorisation is voided. No
/// client requested it, so the command that saw the money sets the deadline.
pub(super) fn send_back(draft: &mut Draft<'_>, payment: &mut Payment, why: &str, deadline: Span) {
    if payment.state.is(payment::State::Captured) && payment.refunds_are_blocked() {
        // The bank may give it back itself: a person decides when the dispute has ended.
        draft.review(super::about(payment), "disputed_money_not_returned", why.to_owned());
    } else if payment.state.is(payment::State::Captured) {
        let amount_minor = payment.refundable_minor();
        if amount_minor > 0 {
            let back = ReturnOrder {
                amount_minor,
                reason: Some(why.to_owned()),
                metadata: BTreeMap::new(),
                asked_by: AskedBy::Nobody,
                deadline,
                lease: None,
            };
            refund(draft, payment, back);
        }
    } else if payment.state.is(payment::State::Authorized) && payment.active.is_none() {
        void(draft, payment, AskedBy::Nobody, deadline, None);
    }
}
