use api::requests::ListQuery;
use api::views::ReviewCase;
use axum::extract::State;
use domain::rows;
use store::queries::Cursor;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::{cursor, limit, page};
use crate::http::permission::Ops;
use crate::http::read_request::{QueryParameters, ReadRequest, found};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/ops/review_cases", "list_review_cases", handle)
        .about("List open review cases", "What only a person can settle, oldest first.")
        .answers_page::<ReviewCase>(200, "A page of cases.")
}

async fn handle(
    State(app): State<App>,
    look: ReadRequest<Ops>,
    QueryParameters(query): QueryParameters<ListQuery>,
) -> Handled {
    let limit = limit(query.limit)?;
    let after = cursor(query.cursor.as_deref())?;
    let rows = app.store().open_reviews(look.caller.tenant, after, limit + 1).await?;
    let at = |row: &rows::Review| Cursor { created_at: row.opened_at, id: row.id.0 };
    Ok(found(&page(rows, limit, at, |row| ReviewCase::of(&row))))
}
