//! `POST /v1/products/{id}/slots`: opens dated slots.

use api::requests::NewSlots;
use api::time::timestamp;
use axum::extract::State;
use domain::ProductId;
use domain::commands::{AddSlots, NewSlot};
use domain::rows::Actor;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::permission::Catalogue;
use crate::http::submit::submit;
use crate::http::write_request::{Id, WriteRequest};

pub async fn handle(State(app): State<App>, Id(id): Id, call: WriteRequest<Catalogue, NewSlots>) -> Handled {
    let product = ProductId(id);
    // The command says whether there is such a product.
    let units = app.store().units(call.caller.tenant, product).await?;
    let slots = call.request.slots.iter();
    let command = AddSlots {
        claim: call.claim,
        tenant: call.caller.tenant,
        by: Actor::Client(call.caller.client),
        product,
        slots: slots
            .map(|slot| NewSlot { starts_at: timestamp(slot.starts_at), capacity: slot.capacity })
            .collect(),
        all_units: units.into_iter().map(|unit| unit.id).collect(),
    };
    submit(&app, command).await
}
