use api::views::Transfer;
use axum::extract::State;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::PageRequest;
use crate::http::permission::Ledger;
use crate::http::read_request::{ReadRequest, found};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/ledger/transfers", "list_ledger_transfers", handle)
        .about("List transfers", "Newest first, each with its postings.")
        .answers_page::<Transfer>(200, "A page of transfers.")
}

async fn handle(State(app): State<App>, look: ReadRequest<Ledger>, page: PageRequest) -> Handled {
    let rows = app.store().transfers(look.caller.tenant, page.after, page.rows_max()).await?;
    Ok(found(&page.of(
        rows,
        |(row, _)| (row.posted_at, row.id.0),
        |(transfer, postings)| Transfer::of(&transfer, &postings),
    )))
}
