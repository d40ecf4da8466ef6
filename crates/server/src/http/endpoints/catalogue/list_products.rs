use std::collections::HashMap;

use api::views::{Page, Product};
use axum::extract::State;
use domain::{ProductId, rows};

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::PageRequest;
use crate::http::permission::ReadCatalogue;
use crate::http::read_request::{ReadRequest, found};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/products", "list_products", handle)
        .about("List products", "Newest first.")
        .answers_page::<Product>(200, "A page of products.")
}

async fn handle(State(app): State<App>, look: ReadRequest<ReadCatalogue>, page: PageRequest) -> Handled {
    let tenant = look.caller.tenant;
    let rows = app.store().products(tenant, page.after, page.rows_max()).await?;
    let rows = page.of(rows, |row| (row.created_at, row.id.0), |row| row);
    let ids: Vec<ProductId> = rows.data.iter().map(|product| product.id).collect();
    let mut units = HashMap::<ProductId, Vec<rows::Unit>>::new();
    for unit in app.store().units_of(tenant, &ids).await? {
        units.entry(unit.product).or_default().push(unit);
    }
    let view = |product: rows::Product| {
        Product::of(&product, units.get(&product.id).map(Vec::as_slice).unwrap_or_default())
    };
    Ok(found(&Page { data: rows.data.into_iter().map(view).collect(), next_cursor: rows.next_cursor }))
}
