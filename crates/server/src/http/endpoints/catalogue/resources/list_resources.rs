use api::views::Resource;
use axum::extract::State;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::PageRequest;
use crate::http::permission::ReadCatalogue;
use crate::http::read_request::{ReadRequest, found};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/resources", "list_resources", handle)
        .about("List resources", "Newest first.")
        .answers_page::<Resource>(200, "A page of resources.")
}

async fn handle(State(app): State<App>, look: ReadRequest<ReadCatalogue>, page: PageRequest) -> Handled {
    let rows = app.store().resources(look.caller.tenant, page.after, page.rows_max()).await?;
    Ok(found(&page.of(rows, |row| (row.created_at, row.id.0), |row| Resource::of(&row))))
}
