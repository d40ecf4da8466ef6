//! `/v1/balance_transactions`: what changed the account's balance, see [`crate::balance`].

use super::{
    page::{Listed, StripePage, json, render},
    unmodelled,
};
use crate::{
    balance::{BalanceTransaction, transactions},
    books::AccountBooks,
    parameters::Parameters,
    refusal::StripeRefusal,
};

impl Listed for BalanceTransaction<'_> {
    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}

pub fn retrieve(held: &AccountBooks, id: &str) -> Result<Vec<u8>, StripeRefusal> {
    let found = transactions(held).into_iter().find(|one| one.id == id);
    let missing = || StripeRefusal::missing_object("balance transaction", id, "id").with_status(404);
    found.map(|one| json(&one.view())).ok_or_else(missing)
}

pub fn list(held: &AccountBooks, mut parameters: Parameters) -> Result<Vec<u8>, StripeRefusal> {
    if parameters.has("payout") {
        return Err(unmodelled::refusal("payout"));
    }
    let all = transactions(held);
    let exists = |id: &str| all.iter().any(|one| one.id == id);
    let page = StripePage::read(&mut parameters, "balance transaction", exists)?;
    let (kind, source) = (parameters.text("type"), parameters.text("source"));
    let currency = parameters.text("currency");
    let fits = |one: &&BalanceTransaction<'_>| {
        kind.as_ref().is_none_or(|kind| one.kind == kind)
            && source.as_ref().is_none_or(|source| one.source == source)
            && currency.as_ref().is_none_or(|currency| one.currency == currency)
    };
    let (found, has_more) = page.select(all.iter().rev().filter(fits));
    let views = found.into_iter().map(BalanceTransaction::view).collect();
    Ok(render("/v1/balance_transactions", views, has_more))
}
