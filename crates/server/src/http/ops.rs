//! `GET /v1/ops/review_cases`: what waits for a person, oldest first.

use api::requests::ListQuery;
use api::views::ReviewCase;
use axum::extract::State;
use domain::rows;
use store::queries::Cursor;

use super::App;
use super::answer::Handled;
use super::listing::{cursor, limit, page};
use super::look::{Look, Parameters, found};
use super::permission::Ops;

pub async fn review_cases(
    State(app): State<App>,
    look: Look<Ops>,
    Parameters(query): Parameters<ListQuery>,
) -> Handled {
    let limit = limit(query.limit)?;
    let after = cursor(query.cursor.as_deref())?;
    let rows = app.store().open_reviews(look.caller.tenant, after, limit + 1).await?;
    let at = |row: &rows::Review| Cursor { created_at: row.opened_at, id: row.id.0 };
    Ok(found(&page(rows, limit, at, |row| ReviewCase::of(&row))))
}
