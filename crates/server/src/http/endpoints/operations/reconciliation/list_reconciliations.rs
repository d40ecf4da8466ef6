use api::views::Reconciliation;
use axum::extract::State;

use super::accounts;
use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::PageRequest;
use crate::http::permission::Ops;
use crate::http::read_request::{ReadRequest, found};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/ops/reconciliations", "list_reconciliations", handle)
        .about("List reconciliations", "Those of the key's mode, newest first.")
        .answers_page::<Reconciliation>(200, "A page of runs.")
}

async fn handle(State(app): State<App>, look: ReadRequest<Ops>, page: PageRequest) -> Handled {
    let (tenant, mode) = (look.caller.tenant, look.caller.mode);
    let own = accounts(&app, tenant, mode).await?;
    let rows = app.store().reconciliations(tenant, &own, page.after, page.rows_max()).await?;
    Ok(found(&page.of(rows, |row| (row.created_at, row.id.0), |row| Reconciliation::of(&row))))
}
