use api::Code;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::TenantId;
use http::StatusCode;
use uuid::Uuid;

use crate::http::endpoint::Endpoint;
use crate::http::{App, RefusedRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/health/ready", "get_readiness", handle)
        .about("Is it ready?", "The database answers too.")
        .answers_text(200, "text/plain", "It does.")
        .refuses(&[Code::StorageUnavailable])
}

async fn handle(State(app): State<App>) -> Result<Response, RefusedRequest> {
    if app.is_leaving() {
        return Ok((StatusCode::SERVICE_UNAVAILABLE, "leaving\n").into_response());
    }
    // A row that is not there.
    app.store().tenant(TenantId(Uuid::nil())).await?;
    app.store().check_writer().await?;
    if let Some(why) = (app.parts.unfit)() {
        return Ok((StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response());
    }
    Ok("ready\n".into_response())
}
