//! Differences on purpose, see [`crate::plant`].

use serde_json::{Map, json};

use super::payment::{MercadoPagoRefundStatus, MercadoPagoStatus, StoredPayment, StoredRefund};
use crate::{
    call_draft::CallDraft,
    plant::{PlantRequest, Planted},
};

/// The time of the last change stays: the change is in no list of changes.
pub fn plant(draft: &mut CallDraft, payment: StoredPayment, request: &PlantRequest) -> Planted {
    let mut payment = payment;
    if request.copy {
        payment.id = draft.mint.integer();
        (payment.created_ms, payment.updated_ms) = (draft.at, draft.at);
        (payment.key, payment.refunds, payment.charge_back) = (None, Vec::new(), None);
        (payment.on_page, payment.order) = (false, None);
        payment.external_reference.clone_from(&request.reference);
        payment.metadata = Map::new();
    }
    if let Some(amount) = request.amount {
        payment.requested_minor = amount;
        payment.metadata.insert("amount_minor".to_owned(), json!(amount.to_string()));
        if payment.captured_minor > 0 {
            payment.captured_minor = amount;
        }
    }
    if let Some(captured) = request.captured {
        payment.authorized_minor = payment.requested_minor;
        payment.captured_minor = captured;
        payment.approved_ms = Some(draft.at);
        (payment.status, payment.detail) = (MercadoPagoStatus::Approved, "accredited".into());
        payment.settlement = None;
    }
    if request.cancelled {
        payment.captured_minor = 0;
        (payment.status, payment.detail) = (MercadoPagoStatus::Cancelled, "by_collector".into());
        payment.settlement = None;
    }
    let refund = request.refunded.map(|amount_minor| {
        let id = draft.mint.integer();
        payment.refunds.push(StoredRefund {
            id: id.clone(),
            created_ms: draft.at,
            amount_minor,
            status: MercadoPagoRefundStatus::Approved,
            settlement: None,
            key: None,
        });
        payment.show_returned();
        payment.refund_object(&id).into_owned()
    });
    let id = payment.object().to_owned();
    draft.add_snapshot(payment);
    Planted { id, refund }
}
