use api::Code;
use api::views::Resource;
use axum::extract::State;
use domain::{Refusal, ResourceId};

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::ReadCatalogue;
use crate::http::read_request::{ReadRequest, found};
use crate::http::write_request::Id;

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/resources/{id}", "get_resource", handle)
        .about("Get a resource", "With its closures.")
        .answers::<Resource>(200, "The resource.")
        .refuses(&[Code::ResourceNotFound])
}

async fn handle(State(app): State<App>, look: ReadRequest<ReadCatalogue>, Id(id): Id) -> Handled {
    let resource = app.store().resource(look.caller.tenant, ResourceId(id)).await?;
    Ok(found(&Resource::of(&resource.ok_or(Refusal::ResourceNotFound { resource: id })?)))
}
