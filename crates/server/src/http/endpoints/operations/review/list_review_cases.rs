use api::requests::ReviewCasesQuery;
use api::views::ReviewCase;
use axum::extract::State;
use domain::lifecycle::{State as _, review};
use domain::rows;
use store::queries::{Cursor, ReviewSearch};

use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::{cursor, limit, page};
use crate::http::permission::Ops;
use crate::http::read_request::{QueryParameters, ReadRequest, found};
use crate::http::{App, RefusedRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/ops/review_cases", "list_review_cases", handle)
        .about(
            "List review cases",
            "What only a person can settle, oldest first; by default those that are open.",
        )
        .answers_page::<ReviewCase>(200, "A page of cases.")
}

async fn handle(
    State(app): State<App>,
    look: ReadRequest<Ops>,
    QueryParameters(query): QueryParameters<ReviewCasesQuery>,
) -> Handled {
    let limit = limit(query.limit)?;
    let state = query.state.as_deref().map_or(Ok(review::State::Open), |name| {
        let state = review::State::from_name(name);
        state.ok_or_else(|| RefusedRequest::parameter("state", "is no state of a review case"))
    });
    let search = ReviewSearch {
        state: state?,
        reason: query.reason,
        assignee: query.assignee,
        opened_before: query.opened_before.map(api::time::timestamp),
        after: cursor(query.cursor.as_deref())?,
        limit: limit + 1,
    };
    let rows = app.store().reviews(look.caller.tenant, &search).await?;
    let at = |row: &rows::Review| Cursor { created_at: row.opened_at, id: row.id.0 };
    Ok(found(&page(rows, limit, at, |row| ReviewCase::of(&row))))
}
