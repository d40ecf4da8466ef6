use api::requests::NewResource;
use api::views::Resource;
use axum::extract::State;
use domain::commands::CreateResource;
use domain::rows::Actor;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Catalogue;
use crate::http::submit::submit;
use crate::http::write_request::WriteRequest;

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/resources", "create_resource", handle)
        .about(
            "Create a resource",
            "A boat, a guide, a room: what the slots of several products share. What a product needs of it is \
             said by `POST /v1/products/{id}/resources`.",
        )
        .answers::<Resource>(201, "The resource.")
}

async fn handle(State(app): State<App>, call: WriteRequest<Catalogue, NewResource>) -> Handled {
    let command = CreateResource {
        claim: call.claim,
        tenant: call.caller.tenant,
        by: Actor::Client(call.caller.client),
        closures: call.request.closures.iter().map(api::requests::NewClosure::row).collect(),
        name: call.request.name,
        capacity: call.request.capacity,
        metadata: call.request.metadata,
    };
    submit(&app, command).await
}
