//! `/v1/charges`: read only; a charge is made and moved through its payment intent.

use super::page::{Listed, Page, json, render};
use crate::{books::Held, charge::Charge, parameters::Parameters, refusal::Refusal};

impl Listed for Charge {
    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}

pub fn retrieve(held: &Held, id: &str, mut parameters: Parameters) -> Result<Vec<u8>, Refusal> {
    parameters.ignore(&["expand"]);
    parameters.finish()?;
    let missing = || Refusal::missing_object("charge", id, "id").with_status(404);
    Ok(json(&held.charges.get(id).ok_or_else(missing)?.view()))
}

pub fn list(held: &Held, mut parameters: Parameters) -> Result<Vec<u8>, Refusal> {
    let page = Page::read(&mut parameters)?;
    let intent = parameters.text("payment_intent");
    parameters.finish()?;
    let (charges, has_more) = match intent {
        None => page.of_map(&held.charges),
        Some(id) => {
            let missing = || Refusal::missing_object("payment_intent", &id, "payment_intent");
            let intent = held.intents.get(&id).ok_or_else(missing)?;
            page.select(intent.charges.iter().rev().filter_map(|id| held.charges.get(id)))
        }
    };
    Ok(render("/v1/charges", charges.into_iter().map(Charge::view).collect(), has_more))
}
