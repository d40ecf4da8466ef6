//! The central bank's API Pix 2.9, as a bank serves it: which call does what.
//!
//! | call                                     | module     |
//! |------------------------------------------|------------|
//! | `POST /oauth/token`                      | `token`    |
//! | `PUT`, `PATCH`, `GET /api/v2/cob/{txid}` | `charge`   |
//! | `GET /api/v2/pix`, `/api/v2/pix/{e2eid}` | `received` |
//! | `PUT`, `GET …/devolucao/{id}`            | `returns`  |
//! | `PUT /api/v2/webhook/{chave}`            | `webhook`  |
//!
//! A charge is one object with its Pix and their returns in it ([`StoredCob`]), and each change writes a
//! new version of it. Amounts are texts with two decimals on the wire and minor units inside.
//!
//! It has the habits of banks that are awkward: a charge whose time is over is still `ATIVA`; the id of a
//! return that is known is refused with 400; a return is in process before it is done; some deliveries
//! append `/pix` to the path of the webhook's address, and some to its whole text.
//!
//! Not included: charges with a due date, recurring ones, withdrawals, locations, mutual TLS. A member
//! that is not included is refused as an unknown one.

mod answer;
mod charge;
mod cob;
mod dashboard;
pub mod entries;
mod received;
mod refusal;
mod returns;
mod text;
pub mod token;
mod webhook;

use bytes::Bytes;

pub use answer::PixAnswer;
pub use cob::StoredCob;
pub use dashboard::act;
pub use refusal::{PixRefusal, call_refusal};
pub use webhook::request;

use crate::{books::AccountBooks, call::ArrivedCall, call_draft::CallDraft, event::Kind, form::FormPairs};

/// The prefix of every path but the token's.
const ROOT: &str = "/api/v2";
pub const TOKEN_PATH: &str = "/oauth/token";

pub fn is_path(path: &str) -> bool {
    path == TOKEN_PATH || path.strip_prefix(ROOT).is_some_and(|rest| rest.starts_with('/'))
}

enum Endpoint {
    PutCob(String),
    PatchCob(String),
    GetCob(String),
    ListPix,
    GetPix(String),
    PutReturn(String, String),
    GetReturn(String, String),
    PutWebhook,
}

/// A call that an endpoint accepts.
pub struct CheckedCall {
    endpoint: Endpoint,
    pairs: FormPairs,
    body: Bytes,
}

impl CheckedCall {
    pub fn read(arrival: &ArrivedCall, pairs: FormPairs) -> Result<Self, PixRefusal> {
        let rest = arrival.path.strip_prefix(ROOT).unwrap_or_default();
        let segments: Vec<&str> = rest.split('/').skip(1).collect();
        let endpoint = match (arrival.method, segments.as_slice()) {
            ("PUT", ["cob", id]) => Endpoint::PutCob(txid(id)?),
            ("PATCH", ["cob", id]) => Endpoint::PatchCob(txid(id)?),
            ("GET", ["cob", id]) => Endpoint::GetCob(txid(id)?),
            ("GET", ["pix"]) => Endpoint::ListPix,
            ("GET", ["pix", id]) => Endpoint::GetPix((*id).to_owned()),
            ("PUT", ["pix", pix, "devolucao", id]) => Endpoint::PutReturn((*pix).to_owned(), return_id(id)?),
            ("GET", ["pix", pix, "devolucao", id]) => Endpoint::GetReturn((*pix).to_owned(), return_id(id)?),
            ("PUT", ["webhook", _]) => Endpoint::PutWebhook,
            _ => return Err(PixRefusal::not_found()),
        };
        if !matches!(endpoint, Endpoint::ListPix) && !pairs.is_empty() {
            return Err(PixRefusal::invalid("query"));
        }
        Ok(Self { endpoint, pairs, body: arrival.body.clone() })
    }

    pub fn write(self, draft: &mut CallDraft) -> Result<PixAnswer, PixRefusal> {
        match self.endpoint {
            Endpoint::PutCob(txid) => charge::put(draft, &txid, &self.body),
            Endpoint::PatchCob(txid) => charge::patch(draft, &txid, &self.body),
            Endpoint::PutReturn(pix, id) => returns::put(draft, &pix, &id, &self.body),
            Endpoint::PutWebhook => webhook::register(draft, &self.body),
            Endpoint::GetCob(_) | Endpoint::ListPix | Endpoint::GetPix(_) | Endpoint::GetReturn(..) => {
                Err(PixRefusal::not_found())
            }
        }
    }

    /// With `returns_hidden` a charge shows no returns.
    pub fn read_from(self, held: &AccountBooks, returns_hidden: bool) -> Result<Vec<u8>, PixRefusal> {
        let shown = match self.endpoint {
            Endpoint::GetCob(txid) if returns_hidden => find(held, &txid)?.without_returns().view(),
            Endpoint::GetCob(txid) => find(held, &txid)?.view(),
            Endpoint::ListPix => received::list(held, &self.pairs)?,
            Endpoint::GetPix(id) => received::show(held, &id)?,
            Endpoint::GetReturn(pix, id) => returns::show(held, &pix, &id)?,
            _ => return Err(PixRefusal::not_found()),
        };
        Ok(shown.to_string().into_bytes())
    }
}

fn is_alphanumeric(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn txid(id: &str) -> Result<String, PixRefusal> {
    let fits = (26..=35).contains(&id.len()) && is_alphanumeric(id);
    fits.then(|| id.to_owned()).ok_or_else(|| PixRefusal::invalid("txid"))
}

fn return_id(id: &str) -> Result<String, PixRefusal> {
    let fits = (1..=35).contains(&id.len()) && is_alphanumeric(id);
    fits.then(|| id.to_owned()).ok_or_else(|| PixRefusal::invalid("id"))
}

fn find<'a>(held: &'a AccountBooks, txid: &str) -> Result<&'a StoredCob, PixRefusal> {
    held.cobs.get(txid).ok_or_else(PixRefusal::not_found)
}

/// Adds a new version of a charge, with the event about it if the bank tells of this change, and returns
/// the version's position.
fn change(draft: &mut CallDraft, cob: StoredCob, event: Option<Kind>) -> usize {
    let snapshot = draft.add_snapshot(cob);
    if let Some(kind) = event {
        draft.add_event(kind, snapshot);
    }
    snapshot
}

/// Ends the returns that are due.
pub fn settle(draft: &mut CallDraft, txid: &str) {
    let Some(cob) = draft.held.cobs.get(txid) else { return };
    let mut cob = cob.clone();
    if cob.settle(draft.at) {
        change(draft, cob, Some(Kind::PixReturned));
    }
}
