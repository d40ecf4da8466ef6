use api::views::Beneficiary;
use axum::extract::State;

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::PageRequest;
use crate::http::permission::Payouts;
use crate::http::read_request::{ReadRequest, found};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/beneficiaries", "list_beneficiaries", handle)
        .about("List beneficiaries", "Newest first.")
        .answers_page::<Beneficiary>(200, "A page of beneficiaries.")
}

async fn handle(State(app): State<App>, look: ReadRequest<Payouts>, page: PageRequest) -> Handled {
    let rows = app.store().beneficiaries(look.caller.tenant, page.after, page.rows_max()).await?;
    Ok(found(&page.of(rows, |row| (row.created_at, row.id.0), |row| Beneficiary::of(&row))))
}
