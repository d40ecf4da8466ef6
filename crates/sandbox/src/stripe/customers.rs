//! `/v1/customers`: what payment methods are attached to.

use super::{page::json, schema::SCHEMA, unmodelled};
use crate::{
    answer::StripeAnswer,
    books::AccountBooks,
    call_draft::CallDraft,
    customer::StripeCustomer,
    event::Kind,
    parameters::{Parameters, StripeMetadata},
    payment_method::PaymentMethod,
    refusal::StripeRefusal,
};

const CREATE: &str = "POST /v1/customers";
/// Only older versions take these.
const REMOVED: [&str; 2] = ["coupon", "promotion_code"];
/// Stripe takes more: what belongs to invoices, taxes and the shipment of goods.
const MODELLED: [&str; 6] = ["description", "email", "expand", "metadata", "name", "phone"];

pub fn create(draft: &mut CallDraft, mut parameters: Parameters) -> Result<StripeAnswer, StripeRefusal> {
    let known = SCHEMA.endpoints[CREATE].keys().map(String::as_str).chain(REMOVED);
    let mut others = known.filter(|name| !MODELLED.contains(name));
    if let Some(name) = others.find(|name| parameters.has(name)) {
        return Err(unmodelled::refusal(name));
    }
    let mut metadata = StripeMetadata::new();
    parameters.merge_metadata(&mut metadata)?;
    let customer = StripeCustomer {
        id: draft.mint.id("cus"),
        created: draft.now(),
        description: parameters.text("description"),
        email: parameters.text("email"),
        name: parameters.text("name"),
        phone: parameters.text("phone"),
        metadata,
        deleted: false,
        key: draft.key.map(str::to_owned),
    };
    let snapshot = draft.add_snapshot(customer);
    draft.add_event(Kind::CustomerCreated, snapshot);
    Ok(StripeAnswer::shown(snapshot))
}

/// A deleted customer is still shown, as deleted.
pub fn retrieve(held: &AccountBooks, id: &str) -> Result<Vec<u8>, StripeRefusal> {
    let missing = || StripeRefusal::missing_object("customer", id, "id").with_status(404);
    Ok(json(&held.customers.get(id).ok_or_else(missing)?.view()))
}

/// Its payment methods are detached, and cannot pay any more.
pub fn remove(draft: &mut CallDraft, id: &str) -> Result<StripeAnswer, StripeRefusal> {
    let held = draft.held;
    let missing = || StripeRefusal::missing_object("customer", id, "id").with_status(404);
    let customer = held.customers.get(id).filter(|customer| !customer.deleted).ok_or_else(missing)?;
    for method in held.payment_methods.values().filter(|method| method.customer.as_deref() == Some(id)) {
        let detached = PaymentMethod { customer: None, used: true, ..method.clone() };
        let snapshot = draft.add_snapshot(detached);
        draft.add_event(Kind::MethodDetached, snapshot);
    }
    let snapshot = draft.add_snapshot(StripeCustomer { deleted: true, ..customer.clone() });
    draft.add_event(Kind::CustomerDeleted, snapshot);
    Ok(StripeAnswer::shown(snapshot))
}

/// The customer that a call names, which must exist.
pub fn named(held: &AccountBooks, parameters: &mut Parameters) -> Result<Option<String>, StripeRefusal> {
    let id = parameters.text("customer");
    id.map(|id| find(held, &id).map(|customer| customer.id.clone())).transpose()
}

/// One that was not deleted.
pub fn find<'a>(held: &'a AccountBooks, id: &str) -> Result<&'a StripeCustomer, StripeRefusal> {
    let customer = held.customers.get(id).filter(|customer| !customer.deleted);
    customer.ok_or_else(|| StripeRefusal::missing_object("customer", id, "customer"))
}

/// Refuses a payment method for a payment of somebody else than the customer whom it is attached to.
pub fn check_owner(method: &PaymentMethod, customer: Option<&str>) -> Result<(), StripeRefusal> {
    let Some(owner) = method.customer.as_deref() else { return Ok(()) };
    let id = &method.id;
    let message = match customer {
        Some(customer) if customer == owner => return Ok(()),
        Some(_) => format!(
            "The customer does not have a payment method with the ID {id}. The payment method must be attached to the customer."
        ),
        None => format!(
            "The `payment_method` parameter supplied {id} belongs to the Customer {owner}. Please include the Customer in the `customer` parameter on the PaymentIntent."
        ),
    };
    Err(StripeRefusal::invalid(message).with_param("payment_method"))
}
