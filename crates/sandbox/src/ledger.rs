//! `GET /sandbox/books`: what the provider moved. Tests and checks compare with it.
//!
//! ```json
//! {
//!   "charges": [{"provider", "account", "id", "reference", "idempotency_key", "amount_minor", "currency",
//!                "authorized_minor", "captured_minor", "refunded_minor", "disputed_minor", "fee_minor", "status", "metadata"}],
//!   "refunds": [{"provider", "account", "id", "charge", "payment_intent", "reference", "idempotency_key",
//!                "amount_minor", "currency", "status", "metadata"}],
//!   "disputes": [{"provider", "account", "id", "charge", "payment_intent", "reference", "amount_minor",
//!                 "currency", "status", "withdrawn_minor", "metadata"}],
//!   "transfers": [{"provider", "account", "id", "reference", "idempotency_key", "amount_minor",
//!     "reversed_minor", "currency", "destination", "transfer_group", "metadata"}],
//!   "calls": [{"at", "account", "request", "method", "path", "idempotency_key", "object", "outcome"}]
//! }
//! ```
//!
//! - `provider` is `stripe`, `mercado_pago` or `pix`. What follows has Stripe's words; the entries of
//!   Mercado Pago's payments are in [`crate::payment_entries`], those of a bank in
//!   [`crate::pix::entries`].
//! - `charges` has one entry for **each** payment intent, with its `pi_` id. Declined and
//!   unconfirmed ones are included with zero amounts, so nothing is hidden. `authorized_minor` is
//!   what was ever authorised, `captured_minor` what was captured, `refunded_minor` what was
//!   refunded of it (without failed refunds and released authorisations), `disputed_minor` what
//!   disputes withdrew and did not reinstate, `fee_minor` what the provider keeps, with the fees of disputes.
//! - `disputes` has the status that Stripe shows. `withdrawn_minor` is 0 for an inquiry, whose
//!   status begins with `warning_`, and for a dispute that was won. Its `reference` is that of the
//!   payment intent.
//! - `reference` is `metadata["operation"]`, else `metadata["booking"]`, else null.
//! - `idempotency_key` is that of the call that created the object.
//! - `calls` has **each** raw arrival under `/v1`, in order: `at` in Unix milliseconds, `outcome`
//!   one of `200`, `200 replayed`, `402 card_declined`, `402 replayed`, `400 <code or type>`, `400
//!   other parameters`, `401 …`, `404 …`, `409 in flight`, `dropped_before`, `503 unavailable`,
//!   `429 rate_limit`, `committed_then_dropped`, `committed_then_500`, `committed_then_kept_500`,
//!   `kept_500`, `500 replayed`. A refusal is named by its code; a refund of more than is left, for
//!   which Stripe has no code, is `400 amount_too_large`. A call that waits in a `delay_ms` appears
//!   when it is done.
//!
//! `?account=acct_…` selects one account, `?calls=false` omits the calls. The reply is rendered
//! under the lock, so it shows one point in time; its size grows with the books.

use std::borrow::Cow;

use serde::Serialize;

use crate::{
    balance::fees_of,
    books::{AccountBooks, Books},
    charge::Charge,
    dispute::Dispute,
    intent::Intent,
    parameters::StripeMetadata,
    payment_entries, pix,
    refund::Refund,
    transfer::StripeTransfer,
    wire::ProviderWire,
};

#[derive(Serialize)]
struct Ledger<'a> {
    charges: Vec<ChargeEntry<'a>>,
    refunds: Vec<RefundEntry<'a>>,
    disputes: Vec<DisputeEntry<'a>>,
    transfers: Vec<TransferEntry<'a>>,
    calls: Vec<CallEntry<'a>>,
}

#[derive(Serialize)]
pub struct ChargeEntry<'a> {
    pub provider: &'static str,
    pub account: &'a str,
    pub id: Cow<'a, str>,
    pub reference: Option<Cow<'a, str>>,
    pub idempotency_key: Option<&'a str>,
    pub amount_minor: i64,
    pub currency: &'a str,
    pub authorized_minor: i64,
    pub captured_minor: i64,
    pub refunded_minor: i64,
    pub disputed_minor: i64,
    pub fee_minor: i64,
    pub status: &'static str,
    pub metadata: Cow<'a, StripeMetadata>,
}

#[derive(Serialize)]
pub struct RefundEntry<'a> {
    pub provider: &'static str,
    pub account: &'a str,
    pub id: Cow<'a, str>,
    pub charge: &'a str,
    pub payment_intent: &'a str,
    pub reference: Option<Cow<'a, str>>,
    pub idempotency_key: Option<&'a str>,
    pub amount_minor: i64,
    pub currency: &'a str,
    pub status: &'static str,
    pub metadata: Cow<'a, StripeMetadata>,
}

#[derive(Serialize)]
pub struct DisputeEntry<'a> {
    pub provider: &'static str,
    pub account: &'a str,
    pub id: Cow<'a, str>,
    pub charge: &'a str,
    pub payment_intent: &'a str,
    pub reference: Option<Cow<'a, str>>,
    pub amount_minor: i64,
    pub currency: &'a str,
    pub status: &'static str,
    pub withdrawn_minor: i64,
    pub metadata: Cow<'a, StripeMetadata>,
}

#[derive(Serialize)]
struct TransferEntry<'a> {
    provider: &'static str,
    account: &'a str,
    id: &'a str,
    reference: Option<&'a str>,
    idempotency_key: Option<&'a str>,
    amount_minor: i64,
    reversed_minor: i64,
    currency: &'a str,
    destination: &'a str,
    transfer_group: Option<&'a str>,
    metadata: &'a StripeMetadata,
}

#[derive(Serialize)]
struct CallEntry<'a> {
    at: i64,
    account: Option<&'a str>,
    request: &'a str,
    method: &'a str,
    path: &'a str,
    idempotency_key: Option<&'a str>,
    object: Option<&'a str>,
    outcome: &'a str,
}

/// `only` selects one account.
pub fn render(books: &Books, only: Option<&str>, with_calls: bool) -> Vec<u8> {
    let kept = |account: &str| only.is_none_or(|only| only == account);
    let mut ledger = Ledger {
        charges: Vec::new(),
        refunds: Vec::new(),
        disputes: Vec::new(),
        transfers: Vec::new(),
        calls: Vec::new(),
    };
    for (account, held) in books.accounts.iter().filter(|(id, _)| kept(id)) {
        ledger.charges.extend(held.intents.values().map(|intent| charge(account, held, intent)));
        ledger.refunds.extend(held.refunds.values().map(|one| refund(account, one)));
        ledger.disputes.extend(held.disputes.values().map(|one| dispute(account, held, one)));
        ledger.transfers.extend(held.transfers.values().map(|one| transfer(account, one)));
        for payment in held.payments.values() {
            ledger.charges.push(payment_entries::charge(account, payment));
            ledger.refunds.extend(payment_entries::refunds(account, payment));
            ledger.disputes.extend(payment_entries::dispute(account, payment));
        }
        for cob in held.cobs.values() {
            ledger.charges.push(pix::entries::charge(account, cob));
            ledger.refunds.extend(pix::entries::refunds(account, cob));
            ledger.disputes.extend(pix::entries::disputes(account, cob));
        }
    }
    let ours = |account: Option<&str>| only.is_none() || account.is_some_and(kept);
    let calls = books.calls.iter().filter(|(account, _)| with_calls && ours(account.as_deref()));
    ledger.calls = calls
        .map(|(account, call)| CallEntry {
            at: call.at,
            account: account.as_deref(),
            request: &call.request,
            method: &call.method,
            path: &call.path,
            idempotency_key: call.key.as_deref(),
            object: call.object.as_deref(),
            outcome: &call.outcome,
        })
        .collect();
    serde_json::to_vec(&ledger).expect("these types have only text keys")
}

fn charge<'a>(account: &'a str, held: &AccountBooks, intent: &'a Intent) -> ChargeEntry<'a> {
    let charges = || intent.charges.iter().filter_map(|id| held.charges.get(id));
    let sum = |part: fn(&Charge) -> i64| charges().filter(|charge| charge.decline.is_none()).map(part).sum();
    ChargeEntry {
        provider: ProviderWire::Stripe.name(),
        account,
        id: (&intent.id).into(),
        reference: reference(&intent.metadata),
        idempotency_key: intent.key.as_deref(),
        amount_minor: intent.amount,
        currency: &intent.currency,
        authorized_minor: sum(|charge| charge.amount),
        captured_minor: sum(|charge| charge.captured_minor),
        refunded_minor: sum(|charge| charge.refunded_minor),
        disputed_minor: sum(|charge| charge.disputed_minor),
        fee_minor: charges().map(|charge| fees_of(held, charge)).sum(),
        status: intent.status.name(),
        metadata: Cow::Borrowed(&intent.metadata),
    }
}

fn refund<'a>(account: &'a str, refund: &'a Refund) -> RefundEntry<'a> {
    RefundEntry {
        provider: ProviderWire::Stripe.name(),
        account,
        id: (&refund.id).into(),
        charge: &refund.charge,
        payment_intent: &refund.intent,
        reference: reference(&refund.metadata),
        idempotency_key: refund.key.as_deref(),
        amount_minor: refund.amount,
        currency: &refund.currency,
        status: refund.status.name(),
        metadata: Cow::Borrowed(&refund.metadata),
    }
}

fn transfer<'a>(account: &'a str, transfer: &'a StripeTransfer) -> TransferEntry<'a> {
    TransferEntry {
        provider: ProviderWire::Stripe.name(),
        account,
        id: &transfer.id,
        reference: transfer.metadata.get("surehold_payout").map(String::as_str),
        idempotency_key: transfer.key.as_deref(),
        amount_minor: transfer.amount,
        reversed_minor: transfer.reversed_minor(),
        currency: &transfer.currency,
        destination: &transfer.destination,
        transfer_group: transfer.group.as_deref(),
        metadata: &transfer.metadata,
    }
}

fn dispute<'a>(account: &'a str, held: &'a AccountBooks, dispute: &'a Dispute) -> DisputeEntry<'a> {
    DisputeEntry {
        provider: ProviderWire::Stripe.name(),
        account,
        id: (&dispute.id).into(),
        charge: &dispute.charge,
        payment_intent: &dispute.intent,
        reference: held.intents.get(&dispute.intent).and_then(|intent| reference(&intent.metadata)),
        amount_minor: dispute.amount,
        currency: &dispute.currency,
        status: dispute.status.name(),
        withdrawn_minor: dispute.withdrawn_minor(),
        metadata: Cow::Borrowed(&dispute.metadata),
    }
}

fn reference(metadata: &StripeMetadata) -> Option<Cow<'_, str>> {
    metadata.get("operation").or_else(|| metadata.get("booking")).map(|name| name.as_str().into())
}
