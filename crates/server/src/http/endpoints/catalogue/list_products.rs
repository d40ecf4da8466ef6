use std::collections::HashMap;

use api::requests::ListQuery;
use api::views::{Page, Product};
use axum::extract::State;
use domain::{ProductId, rows};
use store::queries::Cursor;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::{cursor, limit, page};
use crate::http::permission::ReadCatalogue;
use crate::http::read_request::{QueryParameters, ReadRequest, found};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/products", "list_products", handle)
        .about("List products", "Newest first.")
        .answers_page::<Product>(200, "A page of products.")
}

async fn handle(
    State(app): State<App>,
    look: ReadRequest<ReadCatalogue>,
    QueryParameters(query): QueryParameters<ListQuery>,
) -> Handled {
    let tenant = look.caller.tenant;
    let limit = limit(query.limit)?;
    let after = cursor(query.cursor.as_deref())?;
    let rows = app.store().products(tenant, after, limit + 1).await?;
    let at = |row: &rows::Product| Cursor { created_at: row.created_at, id: row.id.0 };
    let rows = page(rows, limit, at, |row| row);
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
