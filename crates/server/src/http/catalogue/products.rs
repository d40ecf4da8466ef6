//! `GET /v1/products` and `GET /v1/products/{id}`.

use api::requests::ListQuery;
use api::views::{Page, Product};
use axum::extract::State;
use domain::{ProductId, Refusal, rows};
use store::queries::Cursor;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::call::Id;
use crate::http::listing::{cursor, limit, page};
use crate::http::look::{Look, Parameters, found};
use crate::http::permission::ReadCatalogue;

pub async fn one(State(app): State<App>, look: Look<ReadCatalogue>, Id(id): Id) -> Handled {
    let tenant = look.caller.tenant;
    let product = app.store().product(tenant, ProductId(id)).await?.ok_or(Refusal::ProductNotFound)?;
    let units = app.store().units(tenant, product.id).await?;
    Ok(found(&Product::of(&product, &units)))
}

/// Newest first.
pub async fn list(
    State(app): State<App>,
    look: Look<ReadCatalogue>,
    Parameters(query): Parameters<ListQuery>,
) -> Handled {
    let tenant = look.caller.tenant;
    let limit = limit(query.limit)?;
    let after = cursor(query.cursor.as_deref())?;
    let rows = app.store().products(tenant, after, limit + 1).await?;
    let at = |row: &rows::Product| Cursor { created_at: row.created_at, id: row.id.0 };
    let rows = page(rows, limit, at, |row| row);
    let mut data = Vec::with_capacity(rows.data.len());
    for product in rows.data {
        let units = app.store().units(tenant, product.id).await?;
        data.push(Product::of(&product, &units));
    }
    Ok(found(&Page { data, next_cursor: rows.next_cursor }))
}
