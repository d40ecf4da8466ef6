use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;

use crate::http::App;
use crate::http::endpoint::Endpoint;

pub fn endpoint() -> Endpoint {
    Endpoint::get("/metrics", "get_metrics", handle)
        .about("Get the numbers", "In the text format of Prometheus.")
        .answers_text(200, "text/plain", "The numbers.")
}

async fn handle(State(app): State<App>) -> Response {
    let text = (app.parts.metrics)();
    (StatusCode::OK, [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
