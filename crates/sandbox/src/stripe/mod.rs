//! Stripe's API, `/v1`: which call does what.
//!
//! | phase     | module                                | what it does                                                   |
//! |-----------|---------------------------------------|----------------------------------------------------------------|
//! | version   | [`version`]                           | that of the call, or of its account                            |
//! | check     | `check`, by the table in [`schema`]   | refuses invalid parameters before anything is executed         |
//! | execution | one module for each endpoint          | decides; from here on a refusal is stored under the key        |
//! | expansion | `expand`                              | replaces ids by whole objects                                  |
//!
//! Only what a booking needs: payment intents, their charges, refunds and disputes, the cards and the
//! Pix codes that pay, customers and the cards attached to them, transfers to connected accounts, balance
//! transactions, events and webhook endpoints. Not included:
//! other payment methods, setup intents, the rest of Connect, payouts, multicapture, the search API,
//! and the shapes that older versions gave to objects. What is not included is refused, as Stripe
//! refuses an unknown URL or parameter, or as `unmodelled` says. So a test cannot pass because a
//! parameter was ignored.

mod attempt;
mod balance_transactions;
mod call_refusal;
mod chargeback;
mod charges;
mod check;
mod confirmation;
mod creation;
mod customers;
mod details;
mod disputes;
mod events;
mod expand;
mod method_types;
mod page;
mod payment_intents;
mod payment_methods;
mod refunds;
pub mod schema;
mod transfers;
mod unmodelled;
pub mod version;
mod webhook_endpoints;

pub use attempt::{authenticate, expire, fill_form, pay_code};
pub use call_refusal::call_refusal;
pub use chargeback::{NewDispute, conclude, open};

use crate::{
    answer::StripeAnswer, books::AccountBooks, call_draft::CallDraft, form::FormPairs,
    journal::JournalReader, parameters::Parameters, refusal::StripeRefusal,
};
use schema::SCHEMA;
use version::Version;

/// A call whose parameters are valid for its endpoint.
pub struct CheckedCall<'a> {
    /// The segments after `/v1/`, such as `payment_intents` and an id.
    segments: Vec<&'a str>,
    parameters: Parameters,
    expand: Vec<expand::Path>,
}

/// Refuses calls that no endpoint accepts. Nothing is executed yet, so these refusals are not
/// stored.
pub fn check<'a>(
    method: &str,
    path: &'a str,
    version: Version,
    pairs: FormPairs,
) -> Result<CheckedCall<'a>, StripeRefusal> {
    let unknown = || StripeRefusal::unknown_path(method, path);
    let segments: Vec<&str> = path.strip_prefix("/v1/").ok_or_else(unknown)?.split('/').collect();
    let endpoint = match segments.as_slice() {
        [resource] => format!("{method} /v1/{resource}"),
        [resource, _] => format!("{method} /v1/{resource}/{{id}}"),
        [resource, _, verb] => format!("{method} /v1/{resource}/{{id}}/{verb}"),
        _ => return Err(unknown()),
    };
    // `search` is in the position of an id.
    let is_no_id = |segment: &&str| matches!(*segment, "" | "search");
    if !SCHEMA.endpoints.contains_key(&endpoint) || segments.iter().any(is_no_id) {
        return Err(unknown());
    }
    let mut parameters = check::check(&endpoint, version, pairs)?;
    let is_list = method == "GET" && segments.len() == 1;
    let expand = expand::read(&mut parameters, object(segments[0]), is_list)?;
    Ok(CheckedCall { segments, parameters, expand })
}

/// The object that the endpoints of a resource show, by its name in the table.
fn object(resource: &str) -> &str {
    match resource {
        "payment_intents" => "PaymentIntent",
        "charges" => "Charge",
        "refunds" => "Refund",
        "disputes" => "Dispute",
        "payment_methods" => "PaymentMethod",
        "customers" => "Customer",
        "transfers" => "Transfer",
        "balance_transactions" => "BalanceTransaction",
        "events" => "Event",
        "webhook_endpoints" => "WebhookEndpoint",
        other => other,
    }
}

/// Decides a call that changes something.
pub fn write(
    draft: &mut CallDraft,
    method: &str,
    checked: CheckedCall,
) -> Result<StripeAnswer, StripeRefusal> {
    let CheckedCall { segments, parameters, expand } = checked;
    let mut answer = match (method, segments.as_slice()) {
        ("POST", ["payment_intents"]) => creation::create(draft, parameters),
        ("POST", ["payment_intents", id]) => payment_intents::update(draft, id, parameters),
        ("POST", ["payment_intents", id, "confirm"]) => payment_intents::confirm(draft, id, parameters),
        ("POST", ["payment_intents", id, "capture"]) => payment_intents::capture(draft, id, parameters),
        ("POST", ["payment_intents", id, "cancel"]) => payment_intents::cancel(draft, id, parameters),
        ("POST", ["payment_methods"]) => payment_methods::create(draft, parameters),
        ("POST", ["payment_methods", id, "attach"]) => payment_methods::attach(draft, id, parameters),
        ("POST", ["payment_methods", id, "detach"]) => payment_methods::detach(draft, id),
        ("POST", ["customers"]) => customers::create(draft, parameters),
        ("DELETE", ["customers", id]) => customers::remove(draft, id),
        ("POST", ["refunds"]) => refunds::create(draft, parameters),
        ("POST", ["transfers"]) => transfers::create(draft, parameters),
        ("POST", ["transfers", id, "reversals"]) => transfers::reverse(draft, id, parameters),
        ("POST", ["disputes", id]) => disputes::update(draft, id, parameters),
        ("POST", ["disputes", id, "close"]) => disputes::close(draft, id),
        ("POST", ["webhook_endpoints"]) => webhook_endpoints::create(draft, parameters),
        ("DELETE", ["webhook_endpoints", id]) => webhook_endpoints::remove(draft, id),
        (method, segments) => {
            Err(StripeRefusal::unknown_path(method, &format!("/v1/{}", segments.join("/"))))
        }
    }?;
    expand::expand(draft, &mut answer, &expand);
    Ok(answer)
}

/// What a reading call reads from.
pub struct ReadContext<'a> {
    pub held: &'a AccountBooks,
    pub salt: &'a str,
    pub reader: &'a JournalReader,
}

/// Replies to a call that changes nothing.
pub fn read(library: &ReadContext, checked: CheckedCall) -> Result<Vec<u8>, StripeRefusal> {
    let held = library.held;
    let CheckedCall { segments, parameters, expand } = checked;
    let body = match segments.as_slice() {
        ["payment_intents"] => payment_intents::list(held, parameters),
        ["payment_intents", id] => payment_intents::retrieve(held, id, parameters),
        ["payment_methods"] => payment_methods::list(held, parameters),
        ["customers", id] => customers::retrieve(held, id),
        ["customers", id, "payment_methods"] => payment_methods::list_of_customer(held, id, parameters),
        ["payment_methods", id] => payment_methods::retrieve(held, id),
        ["charges"] => charges::list(held, parameters),
        ["charges", id] => charges::retrieve(held, id),
        ["refunds"] => refunds::list(held, parameters),
        ["refunds", id] => refunds::retrieve(held, id),
        ["transfers"] => transfers::list(held, parameters),
        ["transfers", id] => transfers::retrieve(held, id),
        ["disputes"] => disputes::list(held, parameters),
        ["disputes", id] => disputes::retrieve(held, id),
        ["balance_transactions"] => balance_transactions::list(held, parameters),
        ["balance_transactions", id] => balance_transactions::retrieve(held, id),
        ["events"] => events::list(library, parameters),
        ["events", id] => events::retrieve(library, id),
        ["webhook_endpoints"] => webhook_endpoints::list(held, parameters),
        ["webhook_endpoints", id] => webhook_endpoints::retrieve(held, id),
        segments => Err(StripeRefusal::unknown_path("GET", &format!("/v1/{}", segments.join("/")))),
    }?;
    if expand.is_empty() { Ok(body) } else { expand::fill(held, &body, &expand) }
}

/// Applies a change that happens without a call.
pub fn settle(draft: &mut CallDraft, id: &str) {
    match id.split_once('_') {
        Some(("pi", _)) => attempt::settle(draft, id),
        Some(("re", _)) => refunds::settle(draft, id),
        Some(("du", _)) => chargeback::settle(draft, id),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_has_an_object_in_the_table() {
        for endpoint in SCHEMA.endpoints.keys() {
            let resource = endpoint.split('/').nth(2).unwrap();
            assert!(SCHEMA.expandable.contains_key(object(resource)), "{endpoint}");
        }
    }
}
