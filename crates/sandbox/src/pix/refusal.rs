//! The API's errors, as values: problems of RFC 7807, named by the last part of their type.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::wire::CallRefusal;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PixRefusal {
    status: u16,
    name: Cow<'static, str>,
    detail: Cow<'static, str>,
    /// The member that is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    member: Option<String>,
}

impl PixRefusal {
    fn new(status: u16, name: &'static str, detail: &'static str) -> Self {
        Self { status, name: name.into(), detail: detail.into(), member: None }
    }

    pub fn not_found() -> Self {
        Self::new(404, "NaoEncontrado", "Entidade não encontrada.")
    }

    pub fn invalid(member: &str) -> Self {
        let refusal = Self::new(400, "RequisicaoInvalida", "Requisição inválida.");
        Self { member: Some(member.to_owned()), ..refusal }
    }

    pub fn charge(member: &str) -> Self {
        let refusal =
            Self::new(400, "CobOperacaoInvalida", "A cobrança não respeita o schema ou o seu estado.");
        Self { member: Some(member.to_owned()), ..refusal }
    }

    pub fn returned(member: &str) -> Self {
        let refusal = Self::new(400, "PixDevolucaoInvalida", "A devolução não é possível.");
        Self { member: Some(member.to_owned()), ..refusal }
    }

    pub fn search(member: &str) -> Self {
        let refusal = Self::new(400, "PixConsultaInvalida", "A consulta não respeita o schema.");
        Self { member: Some(member.to_owned()), ..refusal }
    }

    pub fn status(&self) -> u16 {
        self.status
    }

    pub fn message(&self) -> &str {
        &self.detail
    }

    pub fn name(&self) -> String {
        self.name.to_string()
    }

    pub fn render(&self) -> Vec<u8> {
        let mut shown = json!({
            "type": format!("https://pix.bcb.gov.br/api/v2/error/{}", self.name),
            "title": self.name, "status": self.status, "detail": self.detail,
        });
        if let Some(member) = &self.member {
            shown["violacoes"] = json!([{"razao": self.detail, "propriedade": member}]);
        }
        shown.to_string().into_bytes()
    }
}

/// Refusals of calls that are never executed. The API has no keys.
pub fn call_refusal(why: &CallRefusal) -> PixRefusal {
    match why {
        CallRefusal::Unavailable | CallRefusal::FailedDependency => {
            PixRefusal::new(503, "ServicoIndisponivel", "Serviço não está disponível no momento.")
        }
        CallRefusal::RateLimited => PixRefusal::new(429, "LimiteExcedido", "Muitas requisições."),
        CallRefusal::NoCredential | CallRefusal::UnknownCredential(_) => {
            PixRefusal::new(401, "NaoAutorizado", "O token não é válido.")
        }
        CallRefusal::KeyLocked
        | CallRefusal::KeyInUse(_)
        | CallRefusal::KeyTooLong
        | CallRefusal::KeyReused(_)
        | CallRefusal::Failure(_) => {
            PixRefusal::new(500, "ErroInternoDoServidor", "Condição inesperada ao processar requisição.")
        }
    }
}
