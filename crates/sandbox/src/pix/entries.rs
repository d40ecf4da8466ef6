//! Charges in the books, in the form of [`crate::ledger`].
//!
//! | member             | of a charge                                                             |
//! |--------------------|-------------------------------------------------------------------------|
//! | `id`, `charge`, `payment_intent` | the `txid`; of a return the Pix and the return's id       |
//! | `reference`        | the UUID that the last 32 characters of the `txid` are, if they are one |
//! | `amount_minor`     | `valor.original`                                                        |
//! | `authorized_minor`, `captured_minor` | the sum of the Pix that were received                 |
//! | `refunded_minor`   | returns that are done or in process, but for those of the payer's bank  |
//! | `disputed_minor`   | what the payer's bank took                                              |
//! | `status`           | that of the charge; of a return `succeeded`, `pending` or `failed`      |
//! | `metadata`         | the reference as `operation`, of a return as `refund`                   |
//! | `idempotency_key`  | none: the ids are the keys                                              |

use std::borrow::Cow;

use super::{
    cob::{CobStatus, ReturnStatus, StoredCob, StoredPix, StoredReturn},
    text,
};
use crate::{
    ledger::{ChargeEntry, DisputeEntry, RefundEntry},
    parameters::StripeMetadata,
    wire::ProviderWire,
};

const CURRENCY: &str = "brl";
const PROVIDER: ProviderWire = ProviderWire::Pix;

pub fn charge<'a>(account: &'a str, cob: &'a StoredCob) -> ChargeEntry<'a> {
    let received_minor = cob.pix.iter().map(|pix| pix.amount_minor).sum();
    ChargeEntry {
        provider: PROVIDER.name(),
        account,
        id: (&cob.txid).into(),
        reference: reference(cob),
        idempotency_key: None,
        amount_minor: cob.original_minor,
        currency: CURRENCY,
        authorized_minor: received_minor,
        captured_minor: received_minor,
        refunded_minor: returned_minor(cob, |made| {
            !made.is_by_bank() && made.status != ReturnStatus::NaoRealizado
        }),
        // The bank shows none.
        fee_minor: 0,
        disputed_minor: returned_minor(cob, |made| {
            made.is_by_bank() && made.status == ReturnStatus::Devolvido
        }),
        status: match cob.status {
            CobStatus::Ativa => "ativa",
            CobStatus::Concluida => "concluida",
            CobStatus::RemovidaPeloUsuarioRecebedor => "removida_pelo_usuario_recebedor",
            CobStatus::RemovidaPeloPsp => "removida_pelo_psp",
        },
        metadata: Cow::Owned(named("operation", text::uuid_in(&cob.txid))),
    }
}

pub fn refunds<'a>(account: &'a str, cob: &'a StoredCob) -> impl Iterator<Item = RefundEntry<'a>> + use<'a> {
    let made = returns(cob).filter(|(_, made)| !made.is_by_bank());
    made.map(move |(pix, made)| RefundEntry {
        provider: PROVIDER.name(),
        account,
        id: id(pix, made).into(),
        charge: &cob.txid,
        payment_intent: &cob.txid,
        reference: reference(cob),
        idempotency_key: None,
        amount_minor: made.amount_minor,
        currency: CURRENCY,
        status: match made.status {
            ReturnStatus::EmProcessamento => "pending",
            ReturnStatus::Devolvido => "succeeded",
            ReturnStatus::NaoRealizado => "failed",
        },
        metadata: Cow::Owned(named("refund", text::uuid_in(&made.id))),
    })
}

pub fn disputes<'a>(
    account: &'a str,
    cob: &'a StoredCob,
) -> impl Iterator<Item = DisputeEntry<'a>> + use<'a> {
    let made = returns(cob).filter(|(_, made)| made.is_by_bank());
    made.map(move |(pix, made)| {
        let is_done = made.status == ReturnStatus::Devolvido;
        DisputeEntry {
            provider: PROVIDER.name(),
            account,
            id: id(pix, made).into(),
            charge: &cob.txid,
            payment_intent: &cob.txid,
            reference: reference(cob),
            amount_minor: made.amount_minor,
            currency: CURRENCY,
            status: if is_done { "lost" } else { "needs_response" },
            withdrawn_minor: if is_done { made.amount_minor } else { 0 },
            metadata: Cow::Owned(StripeMetadata::new()),
        }
    })
}

fn returns(cob: &StoredCob) -> impl Iterator<Item = (&StoredPix, &StoredReturn)> {
    cob.pix.iter().flat_map(|pix| pix.returns.iter().map(move |made| (pix, made)))
}

fn returned_minor(cob: &StoredCob, counts: fn(&StoredReturn) -> bool) -> i64 {
    returns(cob).filter(|(_, made)| counts(made)).map(|(_, made)| made.amount_minor).sum()
}

fn id(pix: &StoredPix, made: &StoredReturn) -> String {
    format!("{}-{}", pix.end_to_end_id, made.id)
}

fn reference(cob: &StoredCob) -> Option<Cow<'_, str>> {
    text::uuid_in(&cob.txid).map(Cow::Owned)
}

fn named(name: &str, value: Option<String>) -> StripeMetadata {
    value.map(|value| (name.to_owned(), value)).into_iter().collect()
}
