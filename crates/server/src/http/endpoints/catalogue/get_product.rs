use api::Code;
use api::views::Product;
use axum::extract::State;
use domain::{ProductId, Refusal};

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::ReadCatalogue;
use crate::http::read_request::{ReadRequest, found};
use crate::http::write_request::Id;

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/products/{id}", "get_product", handle)
        .about("Get a product", "With all its units.")
        .answers::<Product>(200, "The product.")
        .refuses(&[Code::ProductNotFound])
}

async fn handle(State(app): State<App>, look: ReadRequest<ReadCatalogue>, Id(id): Id) -> Handled {
    let tenant = look.caller.tenant;
    let product = app.store().product(tenant, ProductId(id)).await?.ok_or(Refusal::ProductNotFound)?;
    let units = app.store().units(tenant, product.id).await?;
    Ok(found(&Product::of(&product, &units)))
}
