use api::Code;
use api::requests::LetterDecision;
use api::views::DeadLetter;
use axum::Extension;
use axum::extract::State;
use domain::commands::RetryDeadLetter;

use super::letter::decided;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Ops;
use crate::http::submit::submit;
use crate::http::write_request::{Id, WriteRequest};
use crate::http::{App, RequestId};

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/ops/dead_letters/{id}/retry", "retry_dead_letter", handle)
        .about(
            "Retry a dead letter",
            "Safe whenever it is done: what was had before is not had again. A job that may have \
             moved money is only looked up; nothing is sent that could move money.",
        )
        .answers::<DeadLetter>(200, "The letter, on its way again.")
        .refuses(&[Code::DeadLetterNotFound, Code::StateDoesNotAllowIt])
}

async fn handle(
    State(app): State<App>,
    Id(id): Id,
    Extension(request_id): Extension<RequestId>,
    call: WriteRequest<Ops, LetterDecision>,
) -> Handled {
    let decided = decided(&app, id, &request_id, call).await?;
    submit(&app, RetryDeadLetter(decided)).await
}
