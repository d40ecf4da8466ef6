use api::Code;
use api::requests::Resolution;
use api::views::ReviewCase;
use axum::extract::State;
use domain::commands::ResolveReview;
use domain::{Refusal, ReviewId};

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Ops;
use crate::http::submit::submit;
use crate::http::write_request::{Id, WriteRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/ops/review_cases/{id}/resolve", "resolve_review_case", handle)
        .about("Close a review case", "Says what was found and done; who and when is in the audit.")
        .answers::<ReviewCase>(200, "The case, closed.")
        .refuses(&[Code::ReviewCaseNotFound, Code::StateDoesNotAllowIt])
}

async fn handle(State(app): State<App>, Id(id): Id, call: WriteRequest<Ops, Resolution>) -> Handled {
    let review = app.store().review(call.caller.tenant, ReviewId(id)).await?;
    let command = ResolveReview {
        claim: call.claim,
        tenant: call.caller.tenant,
        client: call.caller.client,
        review: ReviewId(id),
        attempt: review.ok_or(Refusal::ReviewNotFound)?.attempt,
        resolution: call.request.resolution,
        person: call.request.who,
    };
    submit(&app, command).await
}
