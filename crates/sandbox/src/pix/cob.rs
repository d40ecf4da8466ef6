//! A charge (`cob`) with the Pix that were received for it and their returns.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::text;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CobStatus {
    Ativa,
    Concluida,
    RemovidaPeloUsuarioRecebedor,
    RemovidaPeloPsp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReturnStatus {
    EmProcessamento,
    Devolvido,
    NaoRealizado,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredCob {
    pub txid: String,
    pub created_ms: i64,
    pub status: CobStatus,
    pub revision: u32,
    pub seconds: i64,
    pub original_minor: i64,
    /// The receiver's Pix key.
    pub key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debtor: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    pub location: String,
    pub code: String,
    #[serde(default)]
    pub pix: Vec<StoredPix>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredPix {
    pub end_to_end_id: String,
    pub at_ms: i64,
    pub amount_minor: i64,
    #[serde(default)]
    pub returns: Vec<StoredReturn>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredReturn {
    pub id: String,
    pub system_id: String,
    pub at_ms: i64,
    pub amount_minor: i64,
    pub nature: String,
    pub status: ReturnStatus,
    /// When it is done, while it is in process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settles_at_ms: Option<i64>,
}

impl StoredReturn {
    pub fn is_by_bank(&self) -> bool {
        self.nature.starts_with("MED_")
    }

    pub fn view(&self) -> Value {
        let mut times = json!({"solicitacao": text::time(self.at_ms)});
        if self.status == ReturnStatus::Devolvido {
            times["liquidacao"] = json!(text::time(self.at_ms));
        }
        json!({
            "id": self.id, "rtrId": self.system_id, "valor": text::amount(self.amount_minor),
            "natureza": self.nature, "horario": times, "status": self.status,
        })
    }
}

impl StoredPix {
    /// What went back or is on its way.
    pub fn returned_minor(&self) -> i64 {
        let made = |made: &&StoredReturn| made.status != ReturnStatus::NaoRealizado;
        self.returns.iter().filter(made).map(|made| made.amount_minor).sum()
    }

    pub fn view(&self, txid: &str, key: &str) -> Value {
        json!({
            "endToEndId": self.end_to_end_id, "txid": txid, "valor": text::amount(self.amount_minor),
            "chave": key, "horario": text::time(self.at_ms), "infoPagador": "paid in the sandbox",
            "devolucoes": self.returns.iter().map(StoredReturn::view).collect::<Vec<_>>(),
        })
    }
}

impl StoredCob {
    pub fn is_over(&self, now_ms: i64) -> bool {
        now_ms >= self.created_ms + self.seconds * 1_000
    }

    pub fn settles_at_ms(&self) -> Option<i64> {
        self.pix.iter().flat_map(|pix| &pix.returns).filter_map(|made| made.settles_at_ms).min()
    }

    /// Returns whether something changed.
    pub fn settle(&mut self, now_ms: i64) -> bool {
        let mut changed = false;
        for made in self.pix.iter_mut().flat_map(|pix| &mut pix.returns) {
            if made.settles_at_ms.is_some_and(|at_ms| at_ms <= now_ms) {
                made.settles_at_ms = None;
                made.status = ReturnStatus::Devolvido;
                changed = true;
            }
        }
        changed
    }

    pub fn without_returns(&self) -> Self {
        let mut shown = self.clone();
        shown.pix.iter_mut().for_each(|pix| pix.returns.clear());
        shown
    }

    /// As the reply to a call that changes it.
    pub fn view_without_pix(&self) -> Value {
        let mut shown = json!({
            "calendario": {"criacao": text::time(self.created_ms), "expiracao": self.seconds},
            "txid": self.txid, "revisao": self.revision, "location": self.location, "status": self.status,
            "valor": {"original": text::amount(self.original_minor)}, "chave": self.key,
            "pixCopiaECola": self.code,
        });
        if let Some(debtor) = &self.debtor {
            shown["devedor"] = debtor.clone();
        }
        if let Some(text) = &self.text {
            shown["solicitacaoPagador"] = json!(text);
        }
        shown
    }

    pub fn view(&self) -> Value {
        let mut shown = self.view_without_pix();
        if !self.pix.is_empty() {
            let pix = self.pix.iter().map(|pix| pix.view(&self.txid, &self.key));
            shown["pix"] = pix.collect();
        }
        shown
    }
}
