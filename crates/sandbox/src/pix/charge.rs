//! `PUT` and `PATCH /cob/{txid}`: makes, revises or removes a charge.

use serde::Deserialize;
use serde_json::Value;

use super::{
    answer::PixAnswer,
    change,
    cob::{CobStatus, StoredCob},
    find,
    refusal::PixRefusal,
    text,
};
use crate::{call_draft::CallDraft, mercado_pago::br_code};

const KEY_CHARACTERS_MAX: usize = 77;
const TEXT_CHARACTERS_MAX: usize = 140;
const NAME_CHARACTERS_MAX: usize = 200;
const SECONDS_DEFAULT: i64 = 86_400;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CobRequest {
    calendario: Calendar,
    devedor: Option<Debtor>,
    valor: Amount,
    chave: String,
    #[serde(rename = "solicitacaoPagador")]
    text: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Calendar {
    expiracao: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Amount {
    original: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Debtor {
    cpf: Option<String>,
    cnpj: Option<String>,
    nome: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revision {
    status: String,
}

impl Debtor {
    fn is_well_formed(&self) -> bool {
        let digits = |text: &String| text.len() == 11 && text.bytes().all(|digit| digit.is_ascii_digit());
        let of_company = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
        let company = |text: &String| text.len() == 14 && text.bytes().all(of_company);
        self.nome.chars().count() <= NAME_CHARACTERS_MAX
            && match (&self.cpf, &self.cnpj) {
                (Some(cpf), None) => digits(cpf),
                (None, Some(cnpj)) => company(cnpj),
                _ => false,
            }
    }

    fn stored(&self) -> Value {
        let mut shown = serde_json::json!({"nome": self.nome});
        for (name, number) in [("cpf", &self.cpf), ("cnpj", &self.cnpj)] {
            if let Some(number) = number {
                shown[name] = number.clone().into();
            }
        }
        shown
    }
}

/// The same charge again changes nothing while it is `ATIVA`.
pub fn put(draft: &mut CallDraft, txid: &str, body: &[u8]) -> Result<PixAnswer, PixRefusal> {
    let request: CobRequest = serde_json::from_slice(body).map_err(|_| PixRefusal::charge("cob"))?;
    let seconds = request.calendario.expiracao.unwrap_or(SECONDS_DEFAULT);
    if !(1..=i64::from(i32::MAX)).contains(&seconds) {
        return Err(PixRefusal::charge("cob.calendario.expiracao"));
    }
    let original_minor = text::read_amount(&request.valor.original).filter(|minor| *minor > 0);
    let original_minor = original_minor.ok_or_else(|| PixRefusal::charge("cob.valor.original"))?;
    if !(1..=KEY_CHARACTERS_MAX).contains(&request.chave.chars().count()) {
        return Err(PixRefusal::charge("cob.chave"));
    }
    if request.devedor.as_ref().is_some_and(|debtor| !debtor.is_well_formed()) {
        return Err(PixRefusal::charge("cob.devedor"));
    }
    if request.text.as_ref().is_some_and(|text| text.chars().count() > TEXT_CHARACTERS_MAX) {
        return Err(PixRefusal::charge("solicitacaoPagador"));
    }
    let debtor = request.devedor.as_ref().map(Debtor::stored);
    let cob = match draft.held.cobs.get(txid) {
        Some(known) if known.status != CobStatus::Ativa => return Err(PixRefusal::charge("cob.status")),
        Some(known) => {
            let same = known.seconds == seconds
                && known.original_minor == original_minor
                && known.key == request.chave
                && known.debtor == debtor
                && known.text == request.text;
            let revision = known.revision + u32::from(!same);
            let (key, text) = (request.chave, request.text);
            StoredCob { revision, seconds, original_minor, key, debtor, text, ..known.clone() }
        }
        None => {
            let location = format!("pix.example.com/qr/v2/{txid}");
            StoredCob {
                txid: txid.to_owned(),
                created_ms: draft.at,
                status: CobStatus::Ativa,
                revision: 0,
                seconds,
                original_minor,
                key: request.chave,
                debtor,
                text: request.text,
                code: br_code::dynamic(&location),
                location,
                pix: Vec::new(),
            }
        }
    };
    Ok(PixAnswer::Made { snapshot: change(draft, cob, None) })
}

/// Also a charge whose time is over is removed.
pub fn patch(draft: &mut CallDraft, txid: &str, body: &[u8]) -> Result<PixAnswer, PixRefusal> {
    let revision: Revision = serde_json::from_slice(body).map_err(|_| PixRefusal::charge("cob"))?;
    if revision.status != "REMOVIDA_PELO_USUARIO_RECEBEDOR" {
        return Err(PixRefusal::charge("cob.status"));
    }
    let cob = find(draft.held, txid)?;
    if cob.status != CobStatus::Ativa {
        return Err(PixRefusal::charge("cob.status"));
    }
    let status = CobStatus::RemovidaPeloUsuarioRecebedor;
    let cob = StoredCob { status, revision: cob.revision + 1, ..cob.clone() };
    Ok(PixAnswer::Revised { snapshot: change(draft, cob, None) })
}
