//! `POST /v1/products`: puts a product up for sale. A key is optional: it only saves a double.

use api::requests::NewProduct;
use axum::extract::State;
use domain::commands::{CreateProduct, NewUnit};
use domain::rows::Actor;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::idempotency_cache::submit;
use crate::http::permission::Catalogue;
use crate::http::write_request::WriteRequest;

pub async fn create(State(app): State<App>, call: WriteRequest<Catalogue, NewProduct>) -> Handled {
    let request = call.request;
    let unit = |unit: api::requests::NewUnit| NewUnit {
        name: unit.name,
        price_minor: unit.price.minor,
        seats: unit.seats,
    };
    let command = CreateProduct {
        claim: call.claim,
        tenant: call.caller.tenant,
        by: Actor::Client(call.caller.client),
        name: request.name,
        description: request.description,
        time_zone: request.time_zone,
        currency: request.currency,
        units: request.units.into_iter().map(unit).collect(),
        metadata: request.metadata,
        providers: app.parts.tenant_providers(&call.caller),
    };
    submit(&app, command).await
}
