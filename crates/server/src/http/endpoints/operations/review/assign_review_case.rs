use api::Code;
use api::requests::ReviewAssignment;
use api::views::ReviewCase;
use axum::Extension;
use axum::extract::State;
use domain::commands::AssignReview;

use super::case::decided;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Ops;
use crate::http::submit::submit;
use crate::http::write_request::{Id, WriteRequest};
use crate::http::{App, RequestId};

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/ops/review_cases/{id}/assign", "assign_review_case", handle)
        .about("Assign a review case", "To a person, or with `null` to nobody. Who did so is in the audit.")
        .answers::<ReviewCase>(200, "The case.")
        .refuses(&[Code::ReviewCaseNotFound, Code::StateDoesNotAllowIt])
}

async fn handle(
    State(app): State<App>,
    Id(id): Id,
    Extension(request_id): Extension<RequestId>,
    call: WriteRequest<Ops, ReviewAssignment>,
) -> Handled {
    let ReviewAssignment { assignee, who, why } = call.request;
    let decided = decided(&call.caller, call.claim, &request_id, id, (who, why));
    submit(&app, AssignReview { decided, assignee }).await
}
