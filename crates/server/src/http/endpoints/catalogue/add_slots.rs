use api::Code;
use api::requests::NewSlots;
use api::time::timestamp;
use api::views::Slot;
use axum::extract::State;
use domain::ProductId;
use domain::commands::{AddSlots, NewSlot};
use domain::rows::Actor;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Catalogue;
use crate::http::submit::submit;
use crate::http::write_request::{Id, WriteRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/products/{id}/slots", "add_slots", handle)
        .about(
            "Open slots",
            "Adds dated departures with their capacity: all of them, or none. A product has one slot \
             at one moment; where there is one, `slot_already_exists` names it in `resource`.",
        )
        .answers_page::<Slot>(201, "The slots, in the order they were asked for.")
        .refuses(&[Code::ProductNotFound, Code::SlotAlreadyExists])
}

async fn handle(State(app): State<App>, Id(id): Id, call: WriteRequest<Catalogue, NewSlots>) -> Handled {
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
