use api::Code;
use api::views::Reconciliation;
use axum::extract::State;
use domain::{ReconciliationId, Refusal};

use super::accounts;
use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Ops;
use crate::http::read_request::{ReadRequest, found};
use crate::http::write_request::Id;

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/ops/reconciliations/{id}", "get_reconciliation", handle)
        .about("Get a reconciliation", "How far the run is, and what it has found so far.")
        .answers::<Reconciliation>(200, "The run.")
        .refuses(&[Code::ReconciliationNotFound])
}

async fn handle(State(app): State<App>, look: ReadRequest<Ops>, Id(id): Id) -> Handled {
    let (tenant, mode) = (look.caller.tenant, look.caller.mode);
    let own = accounts(&app, tenant, mode).await?;
    let run = app.store().reconciliation(ReconciliationId(id)).await?;
    let run = run.filter(|run| run.tenant == tenant && own.contains(&run.account));
    Ok(found(&Reconciliation::of(&run.ok_or(Refusal::ReconciliationNotFound)?)))
}
