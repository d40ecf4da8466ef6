use api::Code;
use api::requests::LetterDecision;
use api::views::DeadLetter;
use axum::Extension;
use axum::extract::State;
use domain::commands::DiscardDeadLetter;

use super::letter::decided;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Ops;
use crate::http::submit::submit;
use crate::http::write_request::{Id, WriteRequest};
use crate::http::{App, RequestId};

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/ops/dead_letters/{id}/discard", "discard_dead_letter", handle)
        .about(
            "Discard a dead letter",
            "Nothing more is tried. A job whose outcome is unknown is written off: its booking can be \
             paid otherwise, and money that is seen of it later opens a review case.",
        )
        .answers::<DeadLetter>(200, "The letter, done with.")
        .refuses(&[Code::DeadLetterNotFound, Code::StateDoesNotAllowIt])
}

async fn handle(
    State(app): State<App>,
    Id(id): Id,
    Extension(request_id): Extension<RequestId>,
    call: WriteRequest<Ops, LetterDecision>,
) -> Handled {
    let decided = decided(&app, id, &request_id, call).await?;
    submit(&app, DiscardDeadLetter(decided)).await
}
