//! Who pays.

use domain::rows;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who pays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Payer {
    #[schema(example = "ana@example.com")]
    pub email: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_id: Option<TaxId>,
}

/// A Brazilian taxpayer's number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaxId {
    pub kind: TaxIdKind,
    /// Without punctuation: 11 digits of a CPF, 14 digits or letters of a CNPJ.
    #[schema(example = "12345678909", pattern = "^[0-9A-Z]{11,14}$")]
    pub number: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaxIdKind {
    /// A person's number.
    Cpf,
    /// A company's number.
    Cnpj,
}

impl TaxId {
    /// The provider checks the check digits.
    pub(super) fn is_well_formed(&self) -> bool {
        let number = self.number.as_bytes();
        match self.kind {
            TaxIdKind::Cpf => number.len() == 11 && number.iter().all(u8::is_ascii_digit),
            TaxIdKind::Cnpj => {
                let (base, check) = number.split_at(number.len().min(12));
                let may_be_in_base = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
                base.len() == 12
                    && base.iter().all(may_be_in_base)
                    && check.len() == 2
                    && check.iter().all(u8::is_ascii_digit)
            }
        }
    }
}

impl From<Payer> for rows::Payer {
    fn from(payer: Payer) -> rows::Payer {
        let tax_id = payer.tax_id.map(|tax_id| rows::TaxId {
            kind: match tax_id.kind {
                TaxIdKind::Cpf => rows::TaxIdKind::Cpf,
                TaxIdKind::Cnpj => rows::TaxIdKind::Cnpj,
            },
            number: tax_id.number,
        });
        rows::Payer { email: payer.email, name: payer.name, tax_id }
    }
}
