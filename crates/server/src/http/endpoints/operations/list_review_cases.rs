use api::views::ReviewCase;
use axum::extract::State;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::PageRequest;
use crate::http::permission::Ops;
use crate::http::read_request::{ReadRequest, found};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/ops/review_cases", "list_review_cases", handle)
        .about("List open review cases", "What only a person can settle, oldest first.")
        .answers_page::<ReviewCase>(200, "A page of cases.")
}

async fn handle(State(app): State<App>, look: ReadRequest<Ops>, page: PageRequest) -> Handled {
    let rows = app.store().open_reviews(look.caller.tenant, page.after, page.rows_max()).await?;
    Ok(found(&page.of(rows, |row| (row.opened_at, row.id.0), |row| ReviewCase::of(&row))))
}
