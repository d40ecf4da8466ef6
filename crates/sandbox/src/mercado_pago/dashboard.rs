//! What people do to a payment without the API: its payer, a person at the provider, a bank.
//!
//! | route below `/sandbox/mercado_pago/payments/{id}` | does                                     |
//! |---------------------------------------------------|------------------------------------------|
//! | `GET`                                             | the page of a Pix, with a button to pay it |
//! | `POST …/pay`                                      | the payer pays a Pix                     |
//! | `POST …/expire`                                   | ends a Pix or an authorisation           |
//! | `POST …/review`                                   | `{"approve":bool}` decides an `in_process` |
//! | `POST …/refund`                                   | `{"amount"}`, or all that is left        |
//! | `POST …/charge_back`                              | the bank withdraws all that is left      |
//! | `POST …/reimburse`                                | the account wins the chargeback          |
//! | `POST …/settle`                                   | the account loses the chargeback         |

use serde::Deserialize;

use super::{
    change,
    chargeback::ChargeBackDecision,
    find,
    payment::{MercadoPagoStatus, StoredPayment},
    payment_request::read_object,
    refunds,
    refusal::MercadoPagoRefusal,
    token::{self, Outcome},
};
use crate::{call_draft::CallDraft, event::Kind};

#[derive(Deserialize)]
struct Review {
    approve: bool,
}

pub fn act(draft: &mut CallDraft, id: &str, action: &str, body: &[u8]) -> Result<(), MercadoPagoRefusal> {
    if action == "refund" {
        return refunds::create(draft, id, body).map(drop);
    }
    let mut payment = find(draft.held, id)?.clone();
    match action {
        "pay" => payment.pay(draft.at)?,
        "expire" => payment.expire()?,
        "review" => {
            let review: Review = read_object(body, &["approve"])?;
            if payment.status != MercadoPagoStatus::InProcess {
                return Err(MercadoPagoRefusal::wrong_state());
            }
            let rejected = Outcome::Rejected(token::REJECTED);
            payment.decide(if review.approve { Outcome::Approved } else { rejected }, draft.at);
        }
        "charge_back" => {
            let id = draft.mint.integer();
            payment.charge_back(id, draft.at)?;
            change_chargeback(draft, payment, Kind::ChargebackCreated);
            return Ok(());
        }
        "reimburse" | "settle" => {
            let won = action == "reimburse";
            let decision = if won { ChargeBackDecision::Reimbursed } else { ChargeBackDecision::Settled };
            payment.decide_charge_back(decision, draft.at)?;
            change_chargeback(draft, payment, Kind::ChargebackUpdated);
            return Ok(());
        }
        _ => return Err(MercadoPagoRefusal::unknown_path()),
    }
    change(draft, payment);
    Ok(())
}

/// The payment and its chargeback change together, and each has a notification of its own.
fn change_chargeback(draft: &mut CallDraft, payment: StoredPayment, kind: Kind) {
    let snapshot = change(draft, payment);
    draft.add_event(kind, snapshot);
}

pub fn page(payment: &StoredPayment) -> String {
    let open = if payment.status == MercadoPagoStatus::Pending { "" } else { " disabled" };
    let code = payment.pix.as_ref().map_or("", |pix| &pix.qr_code);
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Pix test page</title>\
         <body style=\"font-family:sans-serif;max-width:28rem;margin:4rem auto\"><h1>Pix test page</h1>\
         <p>Payment <code>{id}</code> is <b>{status}</b>.</p><p style=\"word-break:break-all\"><code>{code}</code></p>\
         <form method=post action=\"/sandbox/mercado_pago/payments/{id}/pay\"><button{open}>Pay</button></form>\
         </body></html>",
        id = payment.id,
        status = payment.status.name(),
    )
}
