use api::requests::ListQuery;
use api::views::Transfer;
use axum::extract::State;
use domain::rows;
use store::queries::Cursor;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::{cursor, limit, page};
use crate::http::permission::Ledger;
use crate::http::read_request::{QueryParameters, ReadRequest, found};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/ledger/transfers", "list_ledger_transfers", handle)
        .about("List transfers", "Newest first, each with its postings.")
        .answers_page::<Transfer>(200, "A page of transfers.")
}

async fn handle(
    State(app): State<App>,
    look: ReadRequest<Ledger>,
    QueryParameters(query): QueryParameters<ListQuery>,
) -> Handled {
    let limit = limit(query.limit)?;
    let after = cursor(query.cursor.as_deref())?;
    let rows = app.store().transfers(look.caller.tenant, after, limit + 1).await?;
    let at = |(row, _): &(rows::Transfer, _)| Cursor { created_at: row.posted_at, id: row.id.0 };
    Ok(found(&page(rows, limit, at, |(transfer, postings)| Transfer::of(&transfer, &postings))))
}
