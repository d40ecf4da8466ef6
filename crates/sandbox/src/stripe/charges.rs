//! `/v1/charges`: read only; a charge is created and changed through its payment intent.

use super::{
    customers,
    page::{Listed, StripePage, json, render},
};
use crate::{books::AccountBooks, charge::Charge, parameters::Parameters, refusal::StripeRefusal};

impl Listed for Charge {
    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}

pub fn retrieve(held: &AccountBooks, id: &str) -> Result<Vec<u8>, StripeRefusal> {
    let missing = || StripeRefusal::missing_object("charge", id, "id").with_status(404);
    Ok(json(&held.charges.get(id).ok_or_else(missing)?.view()))
}

pub fn list(held: &AccountBooks, mut parameters: Parameters) -> Result<Vec<u8>, StripeRefusal> {
    let customer = customers::named(held, &mut parameters)?;
    let page = StripePage::read(&mut parameters, "charge", |id| held.charges.contains_key(id))?;
    let group = parameters.text("transfer_group");
    let in_group = |charge: &&Charge| {
        (group.is_none() || charge.transfer_group == group)
            && (customer.is_none() || charge.customer == customer)
    };
    let (charges, has_more) = match parameters.text("payment_intent") {
        None => page.select(held.charges.values().rev().filter(in_group)),
        Some(id) => {
            let missing = || StripeRefusal::missing_object("payment_intent", &id, "payment_intent");
            let intent = held.intents.get(&id).ok_or_else(missing)?;
            page.select(intent.charges.iter().rev().filter_map(|id| held.charges.get(id)).filter(in_group))
        }
    };
    Ok(render("/v1/charges", charges.into_iter().map(Charge::view).collect(), has_more))
}
