use api::Code;
use api::requests::{NewProductResources, NewRequirement};
use api::views::Product;
use axum::extract::State;
use domain::ProductId;
use domain::commands::SetProductResources;
use domain::rows::Actor;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Catalogue;
use crate::http::submit::{submit_once, submit_over_product};
use crate::http::write_request::{Id, WriteRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/products/{id}/resources", "set_product_resources", handle)
        .about(
            "Set what a product needs of resources",
            "Each of its slots needs that from the first seat that is held until the last is given back. Slots \
             of which a seat is taken keep what they need.",
        )
        .answers::<Product>(200, "The product with what it needs.")
        .refuses(&[Code::ProductNotFound, Code::ResourceNotFound, Code::ChangedMeanwhile])
}

async fn handle(
    State(app): State<App>,
    Id(id): Id,
    call: WriteRequest<Catalogue, NewProductResources>,
) -> Handled {
    let tenant = call.caller.tenant;
    let command = SetProductResources {
        claim: call.claim,
        tenant,
        by: Actor::Client(call.caller.client),
        product: ProductId(id),
        duration_minutes: Some(call.request.duration_minutes),
        needs: call.request.resources.iter().map(NewRequirement::row).collect(),
        version: 0,
        all_units: Vec::new(),
    };
    let claim = command.claim.clone();
    let over = |version, all_units| SetProductResources { version, all_units, ..command.clone() };
    submit_once(&app, claim.as_ref(), |_| submit_over_product(&app, tenant, ProductId(id), over)).await
}
