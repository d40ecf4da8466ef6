//! `/v1/chargebacks`: payments whose money the payer's bank withdrew, and the decision.
//!
//! | `coverage_applied` | `documentation_status` | the payment's `status_detail` |
//! |--------------------|------------------------|-------------------------------|
//! | null               | `pending`              | `in_process`                  |
//! | true               | `valid`                | `reimbursed`                  |
//! | false              | `not_supplied`         | `settled`                     |
//!
//! `POST /v1/chargebacks/{id}/documentation` is not included: it takes files.

use serde::{Deserialize, Serialize};

use super::{
    ReadContext,
    amount::{Digits, JsonAmount},
    date,
    payment::StoredPayment,
    refusal::MercadoPagoRefusal,
    view,
};
use crate::{books::AccountBooks, form::FormPairs};

/// How long documentation is taken.
const DOCUMENTATION_MS: i64 = 10 * 24 * 60 * 60 * 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargeBackDecision {
    /// For the account: the money comes back.
    Reimbursed,
    /// Against it.
    Settled,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChargeBack {
    /// Digits.
    pub id: String,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub amount_minor: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<ChargeBackDecision>,
}

impl ChargeBack {
    pub fn is_reimbursed(&self) -> bool {
        self.decision == Some(ChargeBackDecision::Reimbursed)
    }

    /// In the words of the books, which are the same for every provider.
    pub fn name_in_books(&self) -> &'static str {
        match self.decision {
            None => "needs_response",
            Some(ChargeBackDecision::Reimbursed) => "won",
            Some(ChargeBackDecision::Settled) => "lost",
        }
    }
}

#[derive(Serialize)]
struct ChargeBackView<'a> {
    id: &'a str,
    payments: [Digits<'a>; 1],
    currency: &'static str,
    amount: JsonAmount,
    reason: &'static str,
    coverage_applied: Option<bool>,
    coverage_elegible: bool,
    documentation_required: bool,
    documentation_status: &'static str,
    documentation: [(); 0],
    date_documentation_deadline: String,
    date_created: String,
    date_last_updated: String,
    live_mode: bool,
}

impl<'a> ChargeBackView<'a> {
    fn of(payment: &'a StoredPayment) -> Option<Self> {
        let found = payment.charge_back.as_ref()?;
        Some(Self {
            id: &found.id,
            payments: [Digits(&payment.id)],
            currency: "BRL",
            amount: JsonAmount(found.amount_minor),
            reason: "general",
            coverage_applied: found.decision.map(|_| found.is_reimbursed()),
            coverage_elegible: true,
            documentation_required: true,
            documentation_status: match found.decision {
                None => "pending",
                Some(ChargeBackDecision::Reimbursed) => "valid",
                Some(ChargeBackDecision::Settled) => "not_supplied",
            },
            documentation: [],
            date_documentation_deadline: date::show(found.created_ms + DOCUMENTATION_MS),
            date_created: date::show(found.created_ms),
            date_last_updated: date::show(found.updated_ms),
            live_mode: true,
        })
    }
}

pub fn retrieve(held: &AccountBooks, id: &str) -> Result<Vec<u8>, MercadoPagoRefusal> {
    let is_it = |payment: &&StoredPayment| payment.charge_back.as_ref().is_some_and(|found| found.id == id);
    let payment = held.payments.values().find(is_it).and_then(ChargeBackView::of);
    Ok(view::json(&payment.ok_or_else(MercadoPagoRefusal::chargeback_not_found)?))
}

#[derive(Serialize)]
struct Page<'a> {
    paging: Paging,
    results: Vec<ChargeBackView<'a>>,
}

#[derive(Serialize)]
struct Paging {
    total: usize,
    limit: usize,
    offset: usize,
}

/// By payment. The index may lag, as that of the payments.
pub fn search(context: &ReadContext, pairs: &FormPairs) -> Result<Vec<u8>, MercadoPagoRefusal> {
    let [(name, id)] = pairs.as_slice() else { return Err(MercadoPagoRefusal::missing("payment_id")) };
    if name != "payment_id" {
        return Err(MercadoPagoRefusal::unknown_name(name));
    }
    let payment = context.held.payments.get(id.as_str());
    let is_indexed = |payment: &&StoredPayment| {
        let changed = payment.charge_back.as_ref().map(|found| found.updated_ms);
        changed.is_some_and(|at_ms| at_ms <= context.indexed_until_ms)
    };
    let results: Vec<_> = payment.filter(is_indexed).and_then(ChargeBackView::of).into_iter().collect();
    Ok(view::json(&Page { paging: Paging { total: results.len(), limit: 30, offset: 0 }, results }))
}
