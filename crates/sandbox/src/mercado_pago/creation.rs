//! `POST /v1/payments`: creates a payment, and with a card also pays it.

use super::{
    answer::MercadoPagoAnswer,
    br_code,
    order::OrderIds,
    payment::{LaterChange, MercadoPagoStatus, PaymentSettlement, Pix, StoredPayment},
    payment_request::{Method, PaymentRequest},
    refusal::MercadoPagoRefusal,
    token::{self, CardToken, Outcome},
};
use crate::{call_draft::CallDraft, event::Kind, ids};

/// The numbers of accounts whose own id is not a number are below this.
const COLLECTORS: u64 = 1_000_000_000;

pub fn create(draft: &mut CallDraft, body: &[u8]) -> Result<MercadoPagoAnswer, MercadoPagoRefusal> {
    let snapshot = make(draft, PaymentRequest::read(body)?, |_| None)?;
    Ok(MercadoPagoAnswer::Created { snapshot })
}

/// Makes a payment, by an order or not, and returns its position among the snapshots.
pub fn make(
    draft: &mut CallDraft,
    request: PaymentRequest,
    order: impl FnOnce(&str) -> Option<OrderIds>,
) -> Result<usize, MercadoPagoRefusal> {
    let requested_minor = request.amount_minor()?;
    let method = request.method(draft.at)?;
    let id = draft.mint.integer();
    let mut payment = StoredPayment {
        order: order(&id),
        id,
        created_ms: draft.at,
        updated_ms: draft.at,
        approved_ms: None,
        expires_ms: None,
        collector_id: collector_id(&draft.held.account.id),
        status: MercadoPagoStatus::Pending,
        detail: "pending_waiting_transfer".into(),
        requested_minor,
        authorized_minor: 0,
        captured_minor: 0,
        fees: draft.held.account.fees,
        captures: request.capture.unwrap_or(true),
        binary_mode: request.binary_mode.unwrap_or(false),
        // A call needs a key.
        on_page: draft.key.is_none(),
        method: request.payment_method_id.unwrap_or_default(),
        installments: request.installments.unwrap_or(1),
        payer: request.payer.ok_or_else(|| MercadoPagoRefusal::missing("payer"))?,
        refunds: Vec::new(),
        charge_back: None,
        settlement: None,
        token: request.token,
        pix: None,
        key: draft.key.map(str::to_owned),
        description: request.description,
        external_reference: request.external_reference,
        issuer_id: request.issuer_id,
        notification_url: request.notification_url,
        statement_descriptor: request.statement_descriptor,
        metadata: request.metadata.unwrap_or_default(),
        additional_info: request.additional_info,
    };
    match method {
        Method::Card(card) => pay_by_card(draft, &mut payment, card),
        Method::Pix { expires_ms } => {
            let ticket_url = format!("{}/sandbox/mercado_pago/payments/{}", draft.base, payment.id);
            let location = format!("pix.example.com/qr/v2/{}", payment.id);
            payment.pix = Some(Pix { qr_code: br_code::dynamic(&location), ticket_url });
            payment.expires_ms = Some(expires_ms);
            payment.settlement = Some(PaymentSettlement { at_ms: expires_ms, change: LaterChange::Expires });
        }
    }
    let snapshot = draft.add_snapshot(payment);
    draft.add_event(Kind::PaymentCreated, snapshot);
    Ok(snapshot)
}

fn pay_by_card(draft: &CallDraft, payment: &mut StoredPayment, card: &CardToken) {
    let fault = draft.confirmation;
    match fault.processing_ms {
        Some(processing_ms) => {
            payment.decide(Outcome::InReview, draft.at);
            // In the binary mode a payment is decided at once.
            if payment.status == MercadoPagoStatus::InProcess {
                payment.settlement = Some(PaymentSettlement {
                    at_ms: draft.at + processing_ms as i64,
                    change: LaterChange::IsDecided { declined: fault.declined },
                });
            }
        }
        None if fault.declined => payment.decide(Outcome::Rejected(token::REJECTED), draft.at),
        None => payment.decide(card.outcome, draft.at),
    }
}

/// The number of an account, which receives the money.
pub fn collector_id(account: &str) -> u64 {
    account.parse().unwrap_or_else(|_| ids::digest(account) % COLLECTORS)
}
