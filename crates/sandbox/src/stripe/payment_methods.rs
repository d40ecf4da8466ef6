//! `/v1/payment_methods`: the cards of an account, and Pix.
//!
//! Cards come from Stripe's test tokens: a raw card number is refused, as Stripe refuses it from
//! accounts without permission. A payment method pays once, unless it is attached to a customer.

use super::{
    customers,
    page::{Listed, StripePage, json, render},
    unmodelled,
};
use crate::{
    answer::StripeAnswer,
    books::AccountBooks,
    call_draft::CallDraft,
    card::{self, CardRef},
    event::Kind,
    parameters::{Parameters, StripeMetadata},
    payment_method::{Billing, PaymentMethod},
    refusal::StripeRefusal,
    shipping::Address,
};

pub fn create(draft: &mut CallDraft, mut parameters: Parameters) -> Result<StripeAnswer, StripeRefusal> {
    if parameters.has("payment_method") {
        return Err(unmodelled::refusal("payment_method"));
    }
    // Only for a payment method of a connected account, which needs `payment_method`.
    customers::named(draft.held, &mut parameters)?;
    let kind = parameters.text("type").ok_or_else(|| StripeRefusal::missing_parameter("type"))?;
    if kind != "card" {
        return Err(unmodelled::refusal(&format!("type={kind}")).with_param("type"));
    }
    let mut card = parameters.hash("card").ok_or_else(|| StripeRefusal::missing_parameter("card"))?;
    if ["number", "cvc", "exp_month", "exp_year"].into_iter().any(|name| card.has(name)) {
        let message = "Sending credit card numbers directly to the Stripe API is generally unsafe. We suggest you use test tokens that map to the test card you are using, see https://stripe.com/docs/testing. To enable testing raw card data APIs, see https://support.stripe.com/questions/enabling-access-to-raw-card-data-apis.";
        return Err(StripeRefusal::invalid(message).with_status(402));
    }
    let token = card.text("token").ok_or_else(|| StripeRefusal::missing_parameter("card[token]"))?;
    let missing = || StripeRefusal::missing_object("token", &token, "card[token]");
    let card = card::find_token(&token).map(CardRef).ok_or_else(missing)?;
    let mut metadata = StripeMetadata::new();
    parameters.merge_metadata(&mut metadata)?;
    let method = PaymentMethod {
        billing: parameters.hash("billing_details").map(billing).map(Box::new),
        allow_redisplay: parameters.text("allow_redisplay"),
        metadata,
        ..PaymentMethod::of_card(draft.mint.id("pm"), draft.now(), card)
    };
    Ok(StripeAnswer::shown(draft.add_snapshot(method)))
}

/// A payment method that a call describes instead of naming it. Only Pix: cards have test tokens.
pub fn described(draft: &mut CallDraft, mut given: Parameters) -> Result<PaymentMethod, StripeRefusal> {
    let kind = given.text("type").unwrap_or_default();
    if kind != "pix" {
        return Err(unmodelled::refusal(&format!("payment_method_data[type]={kind}")));
    }
    let billing = given.hash("billing_details").map(billing).unwrap_or_default();
    for (name, value) in [("name", &billing.name), ("tax_id", &billing.tax_id)] {
        if value.is_none() {
            let name = format!("payment_method_data[billing_details][{name}]");
            return Err(StripeRefusal::missing_parameter(&name));
        }
    }
    let method = PaymentMethod {
        billing: Some(Box::new(billing)),
        ..PaymentMethod::of_card(draft.mint.id("pm"), draft.now(), CardRef(&card::PIX))
    };
    draft.add_snapshot(method.clone());
    Ok(method)
}

impl Listed for PaymentMethod {
    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}

/// Those of one customer; the others are not listed.
pub fn list(held: &AccountBooks, mut parameters: Parameters) -> Result<Vec<u8>, StripeRefusal> {
    let customer = customers::named(held, &mut parameters)?;
    listed(held, customer.as_deref(), parameters, "/v1/payment_methods")
}

/// The same at the customer's own address.
pub fn list_of_customer(
    held: &AccountBooks,
    id: &str,
    parameters: Parameters,
) -> Result<Vec<u8>, StripeRefusal> {
    customers::find(held, id).map_err(|refusal| refusal.with_status(404))?;
    listed(held, Some(id), parameters, &format!("/v1/customers/{id}/payment_methods"))
}

fn listed(
    held: &AccountBooks,
    customer: Option<&str>,
    mut parameters: Parameters,
    url: &str,
) -> Result<Vec<u8>, StripeRefusal> {
    let page =
        StripePage::read(&mut parameters, "PaymentMethod", |id| held.payment_methods.contains_key(id))?;
    let kind = parameters.text("type");
    let is_meant = |method: &&PaymentMethod| {
        method.customer.is_some()
            && method.customer.as_deref() == customer
            && kind.as_deref().is_none_or(|kind| kind == method.card.0.kind())
    };
    let (found, has_more) = page.select(held.payment_methods.values().rev().filter(is_meant));
    Ok(render(url, found.into_iter().map(PaymentMethod::view).collect(), has_more))
}

pub fn attach(
    draft: &mut CallDraft,
    id: &str,
    mut parameters: Parameters,
) -> Result<StripeAnswer, StripeRefusal> {
    let customer = customers::named(draft.held, &mut parameters)?;
    if customer.is_none() {
        return Err(StripeRefusal::missing_parameter("customer"));
    }
    let method = choose(draft, id)?;
    if method.customer.is_some() && method.customer != customer {
        let message = "The payment method you provided has already been attached to a customer.";
        return Err(StripeRefusal::invalid(message).with_code("payment_method_unexpected_state"));
    }
    refuse_used(&method)?;
    let snapshot = draft.add_snapshot(PaymentMethod { customer, ..method });
    draft.add_event(Kind::MethodAttached, snapshot);
    Ok(StripeAnswer::shown(snapshot))
}

/// It cannot pay any more, and cannot be attached again.
pub fn detach(draft: &mut CallDraft, id: &str) -> Result<StripeAnswer, StripeRefusal> {
    let missing = || StripeRefusal::missing_object("PaymentMethod", id, "payment_method").with_status(404);
    let method = draft.held.payment_methods.get(id).ok_or_else(missing)?.clone();
    if method.customer.is_none() {
        let message =
            "The payment method you provided is not attached to a customer so detachment is impossible.";
        return Err(StripeRefusal::invalid(message).with_code("payment_method_unexpected_state"));
    }
    let snapshot = draft.add_snapshot(PaymentMethod { customer: None, used: true, ..method });
    draft.add_event(Kind::MethodDetached, snapshot);
    Ok(StripeAnswer::shown(snapshot))
}

/// Refuses one that has paid without a customer, or was detached from its customer.
pub fn refuse_used(method: &PaymentMethod) -> Result<(), StripeRefusal> {
    if !method.used || method.customer.is_some() {
        return Ok(());
    }
    let message = "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared with a connected account without Customer attachment, or was detached from a Customer. It may not be used again. To use a PaymentMethod multiple times, you must attach it to a Customer first.";
    Err(StripeRefusal::invalid(message))
}

fn billing(mut given: Parameters) -> Billing {
    Billing {
        address: given.hash("address").map(Address::read).unwrap_or_default(),
        email: given.text("email"),
        name: given.text("name"),
        phone: given.text("phone"),
        tax_id: given.text("tax_id"),
    }
}

pub fn retrieve(held: &AccountBooks, id: &str) -> Result<Vec<u8>, StripeRefusal> {
    let missing = || StripeRefusal::missing_object("PaymentMethod", id, "payment_method").with_status(404);
    Ok(json(&held.payment_methods.get(id).ok_or_else(missing)?.view()))
}

/// The payment method that a call names: one of the account, or a new one for a test card.
/// What the payer enters into a form: a test card by its name, or `boleto`.
pub fn entered(draft: &mut CallDraft, name: &str) -> Result<PaymentMethod, StripeRefusal> {
    if name != card::BOLETO.id {
        return choose(draft, name);
    }
    let method = PaymentMethod::of_card(draft.mint.id("pm"), draft.now(), CardRef(&card::BOLETO));
    draft.add_snapshot(method.clone());
    Ok(method)
}

pub fn choose(draft: &mut CallDraft, name: &str) -> Result<PaymentMethod, StripeRefusal> {
    if let Some(method) = draft.held.payment_methods.get(name) {
        return Ok(method.clone());
    }
    let missing = || StripeRefusal::missing_object("PaymentMethod", name, "payment_method");
    let card = card::find(name).map(CardRef).ok_or_else(missing)?;
    let method = PaymentMethod::of_card(draft.mint.id("pm"), draft.now(), card);
    draft.add_snapshot(method.clone());
    Ok(method)
}
