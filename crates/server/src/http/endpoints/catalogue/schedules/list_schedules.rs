use api::Code;
use api::views::Schedule;
use axum::extract::State;
use domain::{ProductId, Refusal};

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::PageRequest;
use crate::http::permission::ReadCatalogue;
use crate::http::read_request::{ReadRequest, found};
use crate::http::write_request::Id;

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/products/{id}/schedules", "list_schedules", handle)
        .about("List the schedules of a product", "Newest first.")
        .answers_page::<Schedule>(200, "A page of schedules.")
        .refuses(&[Code::ProductNotFound])
}

async fn handle(
    State(app): State<App>,
    look: ReadRequest<ReadCatalogue>,
    Id(id): Id,
    page: PageRequest,
) -> Handled {
    let tenant = look.caller.tenant;
    let product = app.store().product(tenant, ProductId(id)).await?.ok_or(Refusal::ProductNotFound)?;
    let rows = app.store().schedules(tenant, product.id, page.after, page.rows_max()).await?;
    let view = |row| Schedule::of(&row, &product.time_zone);
    Ok(found(&page.of(rows, |row| (row.created_at, row.id.0), view)))
}
