//! The API's objects, as far as they are read, and what they mean. Nothing about the customer is read,
//! so nothing about the customer is stored with an event.
//!
//! A charge (`cob`), by `status` and by the Pix that were received for it:
//!
//! | `status` | Pix | observed as |
//! |---|---|---|
//! | any | some | captured, the sum of their amounts |
//! | `ATIVA` | none | needs action: pay with Pix, until its creation plus `expiracao` |
//! | `REMOVIDA_PELO_USUARIO_RECEBEDOR`, `REMOVIDA_PELO_PSP` | none | cancelled |
//! | `CONCLUIDA`, and any that is not listed here | none | processing |
//!
//! **`ATIVA` says nothing about the time**: a charge whose time is over is still `ATIVA`. Whoever reads
//! the observation compares its `expires_at` with the present.
//!
//! **The sum is compared, and not believed.** A charge is for `valor.original`, and what was received may
//! be another amount, or several amounts. The observation has both, and the domain contradicts.
//!
//! A return (`devolucao`): `DEVOLVIDO` has succeeded, `NAO_REALIZADO` has failed; `EM_PROCESSAMENTO` and
//! unlisted statuses are pending. One whose `natureza` begins with `MED_` was taken by the customer's
//! bank through the central bank's special mechanism. It is a dispute, and not a refund: nobody here
//! asked for it, and a person may contest it.

use domain::{
    Currency, PaymentId, Timestamp,
    provider::{
        DisputeDetails, DisputeObservation, DisputeStatus, Observation, ProviderStatus, RefundObservation,
        RefundStatus,
    },
    rows::{Failure, FailureCause, NextAction},
    time::Span,
};
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{amount, ids, ids::ReturnOfPix, settings::PixReceiver};
use crate::br_code::BrCode;

/// The API's default, if a charge shows no time.
const EXPIRES_AFTER_SECONDS: i64 = 86_400;
/// Natures of a return that the customer's bank took.
const BY_BANK: &str = "MED_";

/// A member of an unexpected type is read as missing: what needs it says so.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(source: D) -> Result<Option<T>, D::Error> {
    let raw = Box::<RawValue>::deserialize(source)?;
    Ok(serde_json::from_str(raw.get()).unwrap_or(None))
}

/// Written by us into an event's body as it was read here.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cob {
    pub txid: String,
    #[serde(default, deserialize_with = "lenient")]
    status: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    calendario: Option<Calendar>,
    #[serde(default, deserialize_with = "lenient")]
    valor: Option<Amount>,
    #[serde(default, deserialize_with = "lenient", rename = "pixCopiaECola")]
    code: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    location: Option<String>,
    /// Absent from the replies to calls that change the charge.
    #[serde(default)]
    pub pix: Vec<ReceivedPix>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Calendar {
    criacao: Option<String>,
    expiracao: Option<i64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Amount {
    original: String,
}

/// Money that was received.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReceivedPix {
    #[serde(rename = "endToEndId")]
    pub end_to_end_id: String,
    #[serde(default, deserialize_with = "lenient")]
    pub txid: Option<String>,
    valor: String,
    /// One that cannot be read makes the charge unreadable. Otherwise it would show fewer returns than
    /// there are.
    #[serde(default, rename = "devolucoes")]
    pub returns: Option<Vec<PixReturn>>,
}

/// The return of a Pix, or of a part of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PixReturn {
    pub id: String,
    valor: String,
    #[serde(default, deserialize_with = "lenient")]
    natureza: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    status: Option<String>,
}

impl Cob {
    /// Our payment, if we made the charge.
    pub fn payment(&self) -> Option<PaymentId> {
        ids::payment(&self.txid)
    }

    /// The error says which part of the object is invalid.
    pub fn observe(&self, receiver: &PixReceiver) -> Result<Observation, String> {
        let original = self.valor.as_ref().and_then(|valor| amount::read(&valor.original));
        let amount_minor = original.ok_or("its valor.original is missing or not an amount")?;
        let received_minor = self.received_minor()?;
        let status = match self.status.as_deref().ok_or("its status is missing")? {
            _ if received_minor > 0 => ProviderStatus::Captured { amount_minor: received_minor },
            "ATIVA" => ProviderStatus::NeedsAction(self.next_action(receiver)?),
            "REMOVIDA_PELO_USUARIO_RECEBEDOR" | "REMOVIDA_PELO_PSP" => ProviderStatus::Cancelled,
            // `CONCLUIDA` whose Pix are not shown yet, and statuses that may be added later.
            _ => ProviderStatus::Processing,
        };
        Ok(Observation {
            object: self.txid.clone(),
            status,
            amount_minor,
            currency: Currency::BRL,
            capture_before: None,
            saved_method: None,
            incoming: self.pix.iter().map(|pix| pix.end_to_end_id.clone()).collect(),
        })
    }

    fn received_minor(&self) -> Result<i64, String> {
        let mut sum: i64 = 0;
        for pix in &self.pix {
            sum = sum.checked_add(pix.amount_minor()?).ok_or("the sum of its pix is too large")?;
        }
        Ok(sum)
    }

    fn next_action(&self, receiver: &PixReceiver) -> Result<NextAction, String> {
        let calendar = self.calendario.as_ref().ok_or("its calendario is missing")?;
        let created = calendar.criacao.as_deref().and_then(read_time);
        let created = created.ok_or("its calendario.criacao is missing or not a time")?;
        let seconds = calendar.expiracao.unwrap_or(EXPIRES_AFTER_SECONDS);
        let expires_at = created.plus(Span::seconds(seconds));
        Ok(NextAction::PayPix { code: self.code(receiver)?, expires_at })
    }

    /// As the provider wrote it, if it can be paid; otherwise made from the charge's location, because
    /// `pixCopiaECola` is optional.
    fn code(&self, receiver: &PixReceiver) -> Result<String, String> {
        if let Some(code) = self.code.as_ref().filter(|code| BrCode::parse(code).is_ok()) {
            return Ok(code.clone());
        }
        let location =
            self.location.as_deref().ok_or("it has neither a valid pixCopiaECola nor a location")?;
        let location = location.trim_start_matches("https://");
        let code = BrCode::of_location(location, &receiver.name, &receiver.city).write();
        code.map_err(|error| format!("no code can be made from its location: {error}"))
    }

    /// The Pix that a refund of this amount is taken from: the first that is large enough, of those that count
    /// (any, if none is known to). Returns do not change which it is, so a call that is repeated takes the same
    /// one.
    pub fn returned_from(&self, amount_minor: i64, counted: &[String]) -> Option<&ReceivedPix> {
        let counts = |pix: &&ReceivedPix| counted.is_empty() || counted.contains(&pix.end_to_end_id);
        let mut enough: Vec<&ReceivedPix> = self
            .pix
            .iter()
            .filter(counts)
            .filter(|pix| pix.amount_minor().is_ok_and(|received| received >= amount_minor))
            .collect();
        enough.sort_by(|a, b| a.end_to_end_id.cmp(&b.end_to_end_id));
        enough.first().copied()
    }

    /// Each return with its Pix.
    pub fn returns(&self) -> impl Iterator<Item = (&ReceivedPix, &PixReturn)> {
        self.pix.iter().flat_map(|pix| pix.returns.iter().flatten().map(move |made| (pix, made)))
    }
}

impl ReceivedPix {
    fn amount_minor(&self) -> Result<i64, String> {
        amount::read(&self.valor).ok_or_else(|| "the valor of one of its pix is not an amount".to_owned())
    }
}

impl PixReturn {
    /// Whether the customer's bank took it.
    pub fn is_by_bank(&self) -> bool {
        self.natureza.as_deref().is_some_and(|nature| nature.starts_with(BY_BANK))
    }

    fn amount_minor(&self) -> Result<i64, String> {
        amount::read(&self.valor).ok_or_else(|| "its valor is not an amount".to_owned())
    }

    fn object(&self, end_to_end_id: &str) -> String {
        ReturnOfPix { end_to_end_id, id: &self.id }.object()
    }

    pub fn observe(&self, end_to_end_id: &str) -> Result<RefundObservation, String> {
        let status = match self.status.as_deref() {
            Some("DEVOLVIDO") => RefundStatus::Succeeded,
            // Later the account may have enough money.
            Some("NAO_REALIZADO") => RefundStatus::Failed(Failure {
                code: "return_not_made".to_owned(),
                retryable: true,
                cause: FailureCause::Declined,
            }),
            _ => RefundStatus::Pending,
        };
        Ok(RefundObservation {
            object: self.object(end_to_end_id),
            status,
            amount_minor: self.amount_minor()?,
            currency: Currency::BRL,
            incoming: Some(end_to_end_id.to_owned()),
        })
    }

    pub fn dispute(&self, end_to_end_id: &str) -> Result<DisputeObservation, String> {
        let withdrawn = self.status.as_deref() == Some("DEVOLVIDO");
        let status = match self.status.as_deref() {
            // The bank returns the money when it has decided.
            Some("DEVOLVIDO") => DisputeStatus::Lost,
            Some("NAO_REALIZADO") => DisputeStatus::Won,
            _ => DisputeStatus::Opened,
        };
        Ok(DisputeObservation {
            object: self.object(end_to_end_id),
            status,
            currency: Currency::BRL,
            details: DisputeDetails {
                shown_at: None,
                amount_minor: self.amount_minor()?,
                reason: None,
                network_reason: None,
                evidence_due_at: None,
            },
            withdrawn,
            reinstated: false,
            has_evidence: false,
        })
    }
}

/// RFC 3339 with any offset.
fn read_time(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>().ok().map(|at| Timestamp(at.as_microsecond()))
}

#[cfg(test)]
mod tests;
