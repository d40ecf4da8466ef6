//! `/pix/{e2eid}/devolucao/{id}`: returns of a Pix, in full or in parts.

use serde::Deserialize;
use serde_json::Value;

use super::{
    answer::PixAnswer,
    change,
    cob::{ReturnStatus, StoredCob, StoredPix, StoredReturn},
    refusal::PixRefusal,
    text,
};
use crate::{books::AccountBooks, call_draft::CallDraft, event::Kind};

/// How long a return is in process.
const SETTLES_AFTER_MS: i64 = 100;
/// How long after it was received a Pix can be returned.
const RETURNED_WITHIN_MS: i64 = 90 * 24 * 3_600 * 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReturnRequest {
    valor: String,
    natureza: Option<String>,
    descricao: Option<String>,
}

/// A return to make. What a person at the bank or the customer's bank does is done at once.
pub struct NewReturn<'a> {
    pub id: &'a str,
    pub amount_minor: i64,
    pub nature: &'a str,
    pub at_once: bool,
}

/// The position of a Pix, with its charge.
pub fn find_pix<'a>(held: &'a AccountBooks, id: &str) -> Result<(&'a StoredCob, usize), PixRefusal> {
    let of_cob = |cob: &'a StoredCob| {
        let position = cob.pix.iter().position(|pix| pix.end_to_end_id == id)?;
        Some((cob, position))
    };
    held.cobs.values().find_map(of_cob).ok_or_else(PixRefusal::not_found)
}

/// Differs from the paper, on which the same call again has the same answer: an id that is known is
/// refused, as by some banks.
pub fn put(draft: &mut CallDraft, pix: &str, id: &str, body: &[u8]) -> Result<PixAnswer, PixRefusal> {
    let request: ReturnRequest =
        serde_json::from_slice(body).map_err(|_| PixRefusal::returned("devolucao"))?;
    let amount_minor = text::read_amount(&request.valor).ok_or_else(|| PixRefusal::returned("valor"))?;
    if request.natureza.is_some_and(|nature| nature != "ORIGINAL") || request.descricao.is_some() {
        return Err(PixRefusal::returned("natureza"));
    }
    let (cob, position) = find_pix(draft.held, pix)?;
    let mut cob = cob.clone();
    let order = NewReturn { id, amount_minor, nature: "ORIGINAL", at_once: false };
    add(draft, &mut cob, position, &order)?;
    let made = cob.pix[position].returns.len() - 1;
    Ok(PixAnswer::Returned { snapshot: change(draft, cob, None), pix: position, made })
}

pub fn add(
    draft: &mut CallDraft,
    cob: &mut StoredCob,
    position: usize,
    order: &NewReturn<'_>,
) -> Result<(), PixRefusal> {
    let number = draft.mint.number();
    let system_id = text::system_id('D', &draft.mint.salt, number);
    let at_ms = draft.at;
    let pix = cob.pix.get_mut(position).ok_or_else(PixRefusal::not_found)?;
    if pix.returns.iter().any(|made| made.id == order.id) {
        return Err(PixRefusal::returned("id"));
    }
    if at_ms > pix.at_ms + RETURNED_WITHIN_MS {
        return Err(PixRefusal::returned("horario"));
    }
    if !(1..=pix.amount_minor - pix.returned_minor()).contains(&order.amount_minor) {
        return Err(PixRefusal::returned("valor"));
    }
    pix.returns.push(StoredReturn {
        id: order.id.to_owned(),
        system_id,
        at_ms,
        amount_minor: order.amount_minor,
        nature: order.nature.to_owned(),
        status: if order.at_once { ReturnStatus::Devolvido } else { ReturnStatus::EmProcessamento },
        settles_at_ms: (!order.at_once).then_some(at_ms + SETTLES_AFTER_MS),
    });
    Ok(())
}

/// A return that no call made, of the Pix at this position, or of the first that has enough left.
pub fn return_by_hand(
    draft: &mut CallDraft,
    cob: &StoredCob,
    position: Option<usize>,
    amount_minor: Option<i64>,
    nature: &str,
) -> Result<(), PixRefusal> {
    let left = |pix: &StoredPix| pix.amount_minor - pix.returned_minor();
    let enough = |pix: &StoredPix| left(pix) >= amount_minor.unwrap_or(1);
    let position = position.filter(|position| *position < cob.pix.len());
    let position = position.or_else(|| cob.pix.iter().position(enough));
    let position = position.ok_or_else(|| PixRefusal::returned("valor"))?;
    let amount_minor = amount_minor.unwrap_or_else(|| left(&cob.pix[position]));
    let mut cob = cob.clone();
    let id = format!("hand{}", draft.mint.number());
    add(draft, &mut cob, position, &NewReturn { id: &id, amount_minor, nature, at_once: true })?;
    change(draft, cob, Some(Kind::PixReturned));
    Ok(())
}

/// The customer's bank does not take the last return that was made.
pub fn send_back(draft: &mut CallDraft, mut cob: StoredCob) -> Result<(), PixRefusal> {
    let returns = cob.pix.iter_mut().flat_map(|pix| &mut pix.returns);
    let made = returns.filter(|made| made.status == ReturnStatus::Devolvido).max_by_key(|made| made.at_ms);
    made.ok_or_else(PixRefusal::not_found)?.status = ReturnStatus::NaoRealizado;
    change(draft, cob, Some(Kind::PixReturned));
    Ok(())
}

pub fn show(held: &AccountBooks, pix: &str, id: &str) -> Result<Value, PixRefusal> {
    let (cob, position) = find_pix(held, pix)?;
    let made = cob.pix[position].returns.iter().find(|made| made.id == id);
    made.map(StoredReturn::view).ok_or_else(PixRefusal::not_found)
}
