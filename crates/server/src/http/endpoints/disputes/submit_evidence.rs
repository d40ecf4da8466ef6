use api::Code;
use api::requests::NewDisputeEvidence;
use api::views::Dispute;
use axum::extract::State;
use domain::commands::SubmitEvidence;
use domain::{DisputeId, Refusal};

use super::compose::compose;
use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Payments;
use crate::http::submit::submit;
use crate::http::write_request::{Id, KeyedRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/disputes/{id}/evidence", "submit_evidence", handle)
        .about(
            "Submit evidence for a dispute",
            "Sends the bank what is stored of the booking and its payment, with the texts of the request. \
             The bank reads evidence once. The dispute shows the outcome, and so do the messages \
             `dispute.evidence_submitted` and `dispute.evidence_refused`.",
        )
        .answers::<Dispute>(202, "The evidence is being submitted: look at `Location`.")
        .refuses(&[
            Code::DisputeNotFound,
            Code::DisputeIsClosed,
            Code::EvidenceNotOffered,
            Code::EvidenceIsPastDue,
            Code::EvidenceAlreadySubmitted,
            Code::EvidenceIsBeingSubmitted,
        ])
}

async fn handle(
    State(app): State<App>,
    Id(id): Id,
    call: KeyedRequest<Payments, NewDisputeEvidence>,
) -> Handled {
    let (tenant, mode) = (call.caller.tenant, call.caller.mode);
    let dispute = app.store().dispute(tenant, DisputeId(id)).await?.ok_or(Refusal::DisputeNotFound)?;
    let texts = compose(&app, tenant, &dispute, call.request).await?;
    let is_offered = providers::adapter::takes_evidence;
    submit(&app, SubmitEvidence { claim: call.claim, dispute: dispute.id, mode, texts, is_offered }).await
}
