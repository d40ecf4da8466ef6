//! The calls on a charge (`cob`).

use domain::{
    PaymentId,
    provider::{CallOutcome, Observation},
    rows::{Payer, PaymentMethod, TaxIdKind},
};
use http::Method;
use serde::Serialize;

use super::{
    amount,
    client::PixClient,
    cob::Cob,
    ids,
    outcome::{self, MISSING, never_sent, unknown},
    settings::PixAccount,
};
use crate::{Guard, ObjectCall, PaymentOrder, ProviderSettings, exchange::segment};

/// The API's limit on the text that the customer reads.
const TEXT_CHARACTERS_MAX: usize = 140;
const NAME_CHARACTERS_MAX: usize = 200;

pub struct Charges {
    pub client: PixClient,
    pub account: PixAccount,
}

/// Members have a fixed order, so the same order is always the same bytes.
#[derive(Serialize)]
struct CobBody<'a> {
    calendario: CalendarBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    devedor: Option<DebtorBody<'a>>,
    valor: AmountBody,
    chave: &'a str,
    #[serde(rename = "solicitacaoPagador", skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

#[derive(Serialize)]
struct CalendarBody {
    expiracao: i64,
}

#[derive(Serialize)]
struct AmountBody {
    original: String,
}

#[derive(Serialize)]
struct DebtorBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    cpf: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cnpj: Option<&'a str>,
    nome: String,
}

#[derive(Serialize)]
struct RemovalBody {
    status: &'static str,
}

impl Charges {
    pub fn new(settings: &ProviderSettings, guard: &Guard) -> Result<Charges, String> {
        let account = settings.pix.clone().ok_or("the account has no settings for Pix")?;
        Ok(Charges { client: PixClient::new(settings, &account, guard)?, account })
    }

    /// The same bytes again change nothing while the charge is `ATIVA`. In any other state they are
    /// refused, and the charge that is there already is the answer.
    pub async fn create(&self, order: &PaymentOrder) -> CallOutcome<Observation> {
        let body = match self.body(order) {
            Ok(body) => body,
            Err(code) => return never_sent(code),
        };
        let txid = ids::txid(order.operation);
        let result = self.client.change(Method::PUT, &path(&txid), &body, &txid).await;
        let refused = match self.observed(outcome::read(result), &txid) {
            refused @ CallOutcome::Refused { .. } => refused,
            outcome => return outcome,
        };
        match self.fetch(&txid).await {
            CallOutcome::Object(seen) => CallOutcome::Object(seen),
            CallOutcome::Refused { code, .. } if code == MISSING => refused,
            // It is not known whether an earlier call has made it.
            other => unknown(&other.shown().err().unwrap_or_default()),
        }
    }

    fn body<'a>(&'a self, order: &'a PaymentOrder) -> Result<CobBody<'a>, &'static str> {
        let PaymentMethod::Pix { pay_within, .. } = &order.method else { return Err("only_pix_is_offered") };
        let expiracao = pay_within.as_seconds();
        if expiracao < 1 {
            return Err("time_is_not_representable");
        }
        Ok(CobBody {
            calendario: CalendarBody { expiracao },
            devedor: order.payer.as_ref().and_then(debtor),
            valor: AmountBody { original: amount::write(order.amount)? },
            chave: &self.account.key,
            text: order.reference.as_ref().map(|text| text.chars().take(TEXT_CHARACTERS_MAX).collect()),
        })
    }

    pub async fn fetch(&self, txid: &str) -> CallOutcome<Observation> {
        self.observed(self.cob(txid).await, txid)
    }

    /// The charge has the id that we gave it, so it is found without a search.
    pub async fn find(&self, payment: PaymentId) -> CallOutcome<Option<Observation>> {
        match self.fetch(&ids::txid(payment)).await {
            CallOutcome::Object(seen) => CallOutcome::Object(Some(seen)),
            CallOutcome::Refused { code, .. } if code == MISSING => CallOutcome::Object(None),
            other => outcome::looked_up(outcome::without_object(other)),
        }
    }

    /// A charge that is not `ATIVA` any more cannot be removed: what it is now is the answer.
    pub async fn cancel(&self, action: ObjectCall<'_>) -> CallOutcome<Observation> {
        let txid = action.object;
        let body = RemovalBody { status: "REMOVIDA_PELO_USUARIO_RECEBEDOR" };
        let result = self.client.change(Method::PATCH, &path(txid), &body, txid).await;
        match self.observed(outcome::read(result), txid) {
            CallOutcome::Refused { code, cause, .. } => match self.fetch(txid).await.shown() {
                Ok(seen) => CallOutcome::Refused { code, cause, object: Some(seen) },
                Err(why) => unknown(&why),
            },
            outcome => outcome,
        }
    }

    /// The charge with the Pix that were received for it.
    pub async fn cob<O>(&self, txid: &str) -> Result<Cob, CallOutcome<O>> {
        let cob: Cob = outcome::read(self.client.get(&path(txid), txid).await)?;
        if cob.txid == txid { Ok(cob) } else { Err(unknown("the reply is about another charge")) }
    }

    fn observed(&self, shown: Result<Cob, CallOutcome<Observation>>, txid: &str) -> CallOutcome<Observation> {
        match shown {
            Ok(cob) if cob.txid != txid => unknown("the reply is about another charge"),
            Ok(cob) => match cob.observe(&self.account.receiver) {
                Ok(observation) => CallOutcome::Object(observation),
                Err(reason) => unknown(&reason),
            },
            Err(outcome) => outcome,
        }
    }
}

/// A debtor has a name and a number, or is left out.
fn debtor(payer: &Payer) -> Option<DebtorBody<'_>> {
    let (name, tax_id) = (payer.name.as_deref()?, payer.tax_id.as_ref()?);
    let of_kind = |kind: TaxIdKind| (tax_id.kind == kind).then_some(tax_id.number.as_str());
    Some(DebtorBody {
        cpf: of_kind(TaxIdKind::Cpf),
        cnpj: of_kind(TaxIdKind::Cnpj),
        nome: name.chars().take(NAME_CHARACTERS_MAX).collect(),
    })
}

fn path(txid: &str) -> String {
    format!("/cob/{}", segment(txid))
}
