//! What people do to a charge without the API: its payer, a person at the bank, the payer's bank.
//!
//! | route below `/sandbox/pix/cob/{txid}` | does                                                        |
//! |---------------------------------------|-------------------------------------------------------------|
//! | `POST …/pay`                          | `{"valor","late"}`, both optional: the payer pays, perhaps  |
//! |                                       | another amount, or although the charge is over or removed   |
//! | `POST …/remove`                       | the bank removes the charge                                 |
//! | `POST …/refund`                       | `{"valor"}` or all that is left: a person returns it        |
//! | `POST …/med`                          | the same: the payer's bank takes it                         |
//! | `POST …/send_back`                    | the last return that was made comes back                    |
//!
//! `{"pix"}` is the position of the Pix that is returned. Without it the first that has enough left is.

use serde::Deserialize;

use super::{
    change,
    cob::{CobStatus, StoredCob, StoredPix},
    find,
    refusal::PixRefusal,
    returns, text,
};
use crate::{call_draft::CallDraft, event::Kind};

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ActionRequest {
    valor: Option<String>,
    late: bool,
    pix: Option<usize>,
}

impl ActionRequest {
    fn read(body: &[u8]) -> Result<Self, PixRefusal> {
        let body = if body.is_empty() { b"{}" } else { body };
        serde_json::from_slice(body).map_err(|_| PixRefusal::invalid("body"))
    }

    fn amount_minor(&self) -> Result<Option<i64>, PixRefusal> {
        let read = |text: &String| text::read_amount(text).ok_or_else(|| PixRefusal::invalid("valor"));
        self.valor.as_ref().map(read).transpose()
    }
}

pub fn act(draft: &mut CallDraft, txid: &str, action: &str, body: &[u8]) -> Result<(), PixRefusal> {
    let request = ActionRequest::read(body)?;
    let amount_minor = request.amount_minor()?;
    let cob = find(draft.held, txid)?.clone();
    match action {
        "pay" => pay(draft, cob, amount_minor, request.late),
        "remove" if cob.status == CobStatus::Ativa => {
            let status = CobStatus::RemovidaPeloPsp;
            change(draft, StoredCob { status, revision: cob.revision + 1, ..cob }, None);
            Ok(())
        }
        "refund" => returns::return_by_hand(draft, &cob, request.pix, amount_minor, "ORIGINAL"),
        "med" => returns::return_by_hand(draft, &cob, request.pix, amount_minor, "MED_FRAUDE"),
        "send_back" => returns::send_back(draft, cob),
        _ => Err(PixRefusal::charge("cob.status")),
    }
}

fn pay(
    draft: &mut CallDraft,
    mut cob: StoredCob,
    amount_minor: Option<i64>,
    late: bool,
) -> Result<(), PixRefusal> {
    let payable = cob.status == CobStatus::Ativa && !cob.is_over(draft.at);
    if !payable && !late {
        return Err(PixRefusal::charge("cob.status"));
    }
    let number = draft.mint.number();
    cob.pix.push(StoredPix {
        end_to_end_id: text::system_id('E', &draft.mint.salt, number),
        at_ms: draft.at,
        amount_minor: amount_minor.unwrap_or(cob.original_minor),
        returns: Vec::new(),
    });
    if cob.status == CobStatus::Ativa {
        cob.status = CobStatus::Concluida;
    }
    change(draft, cob, Some(Kind::PixReceived));
    Ok(())
}
