//! Probes, and the numbers.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::TenantId;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use uuid::Uuid;

use super::{App, RefusedRequest};

/// The process runs and answers.
pub async fn live() -> &'static str {
    "alive\n"
}

/// The database answers too, and takes writes, and there is no end in sight. Asks for a row that is not there.
pub async fn ready(State(app): State<App>) -> Result<Response, RefusedRequest> {
    if app.is_leaving() {
        return Ok((StatusCode::SERVICE_UNAVAILABLE, "leaving\n").into_response());
    }
    app.store().tenant(TenantId(Uuid::nil())).await?;
    app.store().ask_writer().await?;
    if let Some(why) = (app.parts.unfit)() {
        return Ok((StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response());
    }
    Ok("ready\n".into_response())
}

/// In the text format of Prometheus.
pub async fn metrics(State(app): State<App>) -> Response {
    let text = (app.parts.metrics)();
    (StatusCode::OK, [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
