//! `POST /v1/products/{id}/slots`: opens dated slots.

use api::requests::NewSlots;
use api::time::timestamp;
use axum::extract::State;
use domain::ProductId;
use domain::commands::{AddSlots, NewSlot};

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::call::{Call, Id};
use crate::http::hot_path::submit;
use crate::http::permission::Catalogue;

pub async fn add(State(app): State<App>, Id(id): Id, call: Call<Catalogue, NewSlots>) -> Handled {
    let slots = call.request.slots.iter();
    let command = AddSlots {
        claim: call.claim,
        tenant: call.caller.tenant,
        client: call.caller.client,
        product: ProductId(id),
        slots: slots
            .map(|slot| NewSlot { starts_at: timestamp(slot.starts_at), capacity: slot.capacity })
            .collect(),
    };
    submit(&app, command).await
}
