use api::Code;
use api::views::Dispute;
use axum::extract::State;
use domain::{DisputeId, Refusal};

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Payments;
use crate::http::read_request::{ReadRequest, found};
use crate::http::write_request::Id;

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/disputes/{id}", "get_dispute", handle)
        .about("Get a dispute", "Where it stands, and until when the bank takes evidence.")
        .answers::<Dispute>(200, "The dispute.")
        .refuses(&[Code::DisputeNotFound])
}

async fn handle(State(app): State<App>, look: ReadRequest<Payments>, Id(id): Id) -> Handled {
    let dispute = app.store().dispute(look.caller.tenant, DisputeId(id)).await?;
    Ok(found(&Dispute::of(&dispute.ok_or(Refusal::DisputeNotFound)?)))
}
