use api::Code;
use api::requests::{NewProduct, NewTax};
use api::views::Product;
use axum::extract::State;
use domain::commands::{CreateProduct, NewUnit};
use domain::rows::Actor;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Catalogue;
use crate::http::submit::submit;
use crate::http::write_request::WriteRequest;

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/products", "create_product", handle)
        .about("Create a product", "Puts a product with its units up for sale.")
        .answers::<Product>(201, "The product.")
        .refuses(&[Code::CurrencyIsNotTaken, Code::AmountIsNotPayable, Code::AmountIsTooLarge])
}

async fn handle(State(app): State<App>, call: WriteRequest<Catalogue, NewProduct>) -> Handled {
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
        taxes: request.taxes.into_iter().map(NewTax::rule).collect(),
        metadata: request.metadata,
        providers: app.parts.tenant_providers(&call.caller),
    };
    submit(&app, command).await
}
