//! `POST /v1/ops/dead_letters/{id}/retry`: tries again what was given up.

use api::requests::LetterDecision;
use axum::Extension;
use axum::extract::State;
use domain::commands::RetryDeadLetter;

use super::letter::decided;
use crate::http::answer::Handled;
use crate::http::permission::Ops;
use crate::http::submit::submit;
use crate::http::write_request::{Id, WriteRequest};
use crate::http::{App, RequestId};

pub async fn handle(
    State(app): State<App>,
    Id(id): Id,
    Extension(request_id): Extension<RequestId>,
    call: WriteRequest<Ops, LetterDecision>,
) -> Handled {
    let decided = decided(&app, id, &request_id, call).await?;
    submit(&app, RetryDeadLetter(decided)).await
}
