//! `/v1/transfers`: money from the account's balance to connected accounts, and back.
//!
//! The balance in a currency is what the account's charges captured, less refunds, disputes and fees, less
//! transfers that were not reversed. It is available at once, while Stripe's is after some days. The
//! connected accounts have no books here: any `acct_…` can be a destination.

use super::{
    page::{Listed, StripePage, json, render},
    unmodelled,
};
use crate::{
    answer::StripeAnswer,
    balance::fees_of,
    books::AccountBooks,
    call_draft::CallDraft,
    currency::Currency,
    event::Kind,
    parameters::{Parameters, StripeMetadata},
    refusal::StripeRefusal,
    transfer::{StripeReversal, StripeTransfer},
};

/// How many reversals Stripe shows with their transfer, and the most that the sandbox keeps of one.
const REVERSALS_MAX: usize = 10;

impl Listed for StripeTransfer {
    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}

pub fn create(draft: &mut CallDraft, mut parameters: Parameters) -> Result<StripeAnswer, StripeRefusal> {
    let others = ["source_transaction", "source_type"];
    if let Some(name) = others.into_iter().find(|name| parameters.has(name)) {
        return Err(unmodelled::refusal(name));
    }
    let mut metadata = StripeMetadata::new();
    parameters.merge_metadata(&mut metadata)?;
    let code = parameters.text("currency").unwrap_or_default();
    let currency = Currency::read(&code)?;
    let amount = positive(parameters.integer("amount"))?;
    currency.check_step(amount, "amount")?;
    let destination = parameters.text("destination").unwrap_or_default();
    if !destination.starts_with("acct_") {
        return Err(StripeRefusal::missing_object("destination", &destination, "destination"));
    }
    let code = code.to_ascii_lowercase();
    if amount > balance(draft.held, &code) {
        let message = "You have insufficient available funds in your Stripe account. Try adding funds directly to your available balance by creating Charges using the 4000000000000077 test card. See: https://stripe.com/docs/testing#available-balance";
        return Err(StripeRefusal::invalid(message).with_code("balance_insufficient"));
    }
    let transfer = StripeTransfer {
        id: draft.mint.id("tr"),
        created: draft.now(),
        amount,
        currency: code,
        destination,
        group: parameters.text("transfer_group"),
        description: parameters.text("description"),
        metadata,
        reversals: Vec::new(),
        key: draft.key.map(str::to_owned),
    };
    let snapshot = draft.add_snapshot(transfer);
    draft.add_event(Kind::TransferCreated, snapshot);
    Ok(StripeAnswer::shown(snapshot))
}

/// What can be transferred in a currency.
fn balance(held: &AccountBooks, currency: &str) -> i64 {
    let charges = held.charges.values().filter(|one| one.decline.is_none() && one.currency == currency);
    let earned: i64 = charges.map(|one| one.refundable_minor() - fees_of(held, one)).sum();
    let transfers = held.transfers.values().filter(|one| one.currency == currency);
    earned - transfers.map(|one| one.amount - one.reversed_minor()).sum::<i64>()
}

fn positive(amount: Option<i64>) -> Result<i64, StripeRefusal> {
    amount.filter(|amount| *amount > 0).ok_or_else(|| {
        StripeRefusal::invalid("This value must be greater than or equal to 1.")
            .with_code("parameter_invalid_integer")
            .with_param("amount")
    })
}

pub fn reverse(
    draft: &mut CallDraft,
    id: &str,
    mut parameters: Parameters,
) -> Result<StripeAnswer, StripeRefusal> {
    let mut transfer = find(draft.held, id)?.clone();
    let mut metadata = StripeMetadata::new();
    parameters.merge_metadata(&mut metadata)?;
    let left = transfer.amount - transfer.reversed_minor();
    if left == 0 {
        return Err(StripeRefusal::invalid(format!("Transfer {id} is already fully reversed.")));
    }
    let amount = positive(parameters.integer("amount").or(Some(left)))?;
    if amount > left {
        let message = format!("Reversal amount ({amount}) is greater than unreversed amount ({left}).");
        return Err(StripeRefusal::invalid(message).with_param("amount").with_books_code("amount_too_large"));
    }
    if transfer.reversals.len() >= REVERSALS_MAX {
        return Err(StripeRefusal::invalid("More reversals of one transfer are not modelled here."));
    }
    let reversal = StripeReversal {
        id: draft.mint.id("trr"),
        created: draft.now(),
        transfer: id.to_owned(),
        amount,
        currency: transfer.currency.clone(),
        metadata,
    };
    transfer.reversals.push(reversal.clone());
    let shown = draft.add_snapshot(reversal);
    let snapshot = draft.add_snapshot(transfer);
    draft.add_event(Kind::TransferReversed, snapshot);
    Ok(StripeAnswer::shown(shown))
}

pub fn retrieve(held: &AccountBooks, id: &str) -> Result<Vec<u8>, StripeRefusal> {
    Ok(json(&find(held, id)?.view()))
}

pub fn list(held: &AccountBooks, mut parameters: Parameters) -> Result<Vec<u8>, StripeRefusal> {
    let page = StripePage::read(&mut parameters, "transfer", |id| held.transfers.contains_key(id))?;
    let (group, destination) = (parameters.text("transfer_group"), parameters.text("destination"));
    let fits = |transfer: &&StripeTransfer| {
        group.as_ref().is_none_or(|group| transfer.group.as_ref() == Some(group))
            && destination.as_ref().is_none_or(|destination| transfer.destination == *destination)
    };
    let (transfers, has_more) = page.select(held.transfers.values().rev().filter(fits));
    Ok(render("/v1/transfers", transfers.into_iter().map(StripeTransfer::view).collect(), has_more))
}

fn find<'a>(held: &'a AccountBooks, id: &str) -> Result<&'a StripeTransfer, StripeRefusal> {
    let missing = || StripeRefusal::missing_object("transfer", id, "id").with_status(404);
    held.transfers.get(id).ok_or_else(missing)
}
