use api::Code;
use api::requests::LetterDecision;
use api::views::ReviewCase;
use axum::Extension;
use axum::extract::State;
use domain::commands::NoteReview;

use super::case::decided;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Ops;
use crate::http::submit::submit;
use crate::http::write_request::{Id, WriteRequest};
use crate::http::{App, RequestId};

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/ops/review_cases/{id}/notes", "note_review_case", handle)
        .about("Add a note to a review case", "`why` is the note. It stays in the case's timeline.")
        .answers::<ReviewCase>(200, "The case.")
        .refuses(&[Code::ReviewCaseNotFound])
}

async fn handle(
    State(app): State<App>,
    Id(id): Id,
    Extension(request_id): Extension<RequestId>,
    call: WriteRequest<Ops, LetterDecision>,
) -> Handled {
    let LetterDecision { who, why } = call.request;
    let decided = decided(&call.caller, call.claim, &request_id, id, (who, why));
    submit(&app, NoteReview(decided)).await
}
