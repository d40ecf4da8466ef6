//! `GET /metrics`: the numbers, in the text format of Prometheus.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;

use crate::http::App;

pub async fn handle(State(app): State<App>) -> Response {
    let text = (app.parts.metrics)();
    (StatusCode::OK, [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
