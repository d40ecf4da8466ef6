use api::Code;
use api::views::DisputeEvidence;
use axum::extract::State;
use domain::{DisputeId, Refusal};

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::PageRequest;
use crate::http::permission::Payments;
use crate::http::read_request::{ReadRequest, found};
use crate::http::write_request::Id;

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/disputes/{id}/evidence", "list_evidence", handle)
        .about(
            "List a dispute's evidence",
            "What was submitted here, word for word, oldest first. Evidence that a person submitted in the \
             provider's dashboard is not shown.",
        )
        .answers_page::<DisputeEvidence>(200, "A page of submissions.")
        .refuses(&[Code::DisputeNotFound])
}

async fn handle(
    State(app): State<App>,
    look: ReadRequest<Payments>,
    Id(id): Id,
    page: PageRequest,
) -> Handled {
    let tenant = look.caller.tenant;
    let dispute = app.store().dispute(tenant, DisputeId(id)).await?.ok_or(Refusal::DisputeNotFound)?;
    let rows = app.store().evidence_of_dispute(tenant, dispute.id, page.after, page.rows_max()).await?;
    Ok(found(&page.of(rows, |row| (row.created_at, row.id.0), DisputeEvidence::of)))
}
