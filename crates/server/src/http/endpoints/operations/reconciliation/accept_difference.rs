use api::Code;
use api::requests::LetterDecision;
use api::views::Difference;
use axum::Extension;
use axum::extract::State;
use domain::DifferenceId;
use domain::commands::{AcceptDifference, DecidedDifference};

use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Ops;
use crate::http::submit::submit;
use crate::http::write_request::{Id, WriteRequest};
use crate::http::{App, RequestId};

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/ops/differences/{id}/accept", "accept_difference", handle)
        .about(
            "Accept a difference",
            "It stays as it is, and is reported again only if its amounts change. Who and why is in the \
             audit.",
        )
        .answers::<Difference>(200, "The difference, accepted.")
        .refuses(&[Code::DifferenceNotFound, Code::StateDoesNotAllowIt])
}

async fn handle(
    State(app): State<App>,
    Id(id): Id,
    Extension(request_id): Extension<RequestId>,
    call: WriteRequest<Ops, LetterDecision>,
) -> Handled {
    let decided = DecidedDifference {
        claim: call.claim,
        tenant: call.caller.tenant,
        client: call.caller.client,
        mode: call.caller.mode,
        request_id: request_id.as_str().to_owned(),
        difference: DifferenceId(id),
        person: call.request.who,
        why: call.request.why,
    };
    submit(&app, AcceptDifference(decided)).await
}
