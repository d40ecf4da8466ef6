//! The store's result as a response. A stored reply is sent as the same text.

use api::{Code, Problem};
use axum::response::{IntoResponse as _, Response};
use domain::Reply;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, StatusCode};
use store::{CommandResult, Rendered};
use uuid::Uuid;

use super::RefusedRequest;
use super::read_request::JSON;
use super::refused::{PROBLEM_JSON, StoredCode};
use crate::metrics::catalogue::{IDEMPOTENCY, REFUSALS};
use crate::metrics::labels::{RefusalCode, Verdict};
use crate::wire::stored;

pub type Handled = Result<Response, RefusedRequest>;

pub fn handled(answer: CommandResult) -> Handled {
    match answer {
        CommandResult::Fresh { reply, rendered } => {
            // Without a key nothing is stored or begun, so there is no verdict.
            if rendered.is_some() || matches!(reply, Reply::Started(_)) {
                IDEMPOTENCY.increment(Verdict::New);
            }
            Ok(fresh(&reply, rendered))
        }
        CommandResult::Refused { refusal, rendered: Some(rendered) } => {
            REFUSALS.increment(RefusalCode::of(refusal.code()));
            IDEMPOTENCY.increment(Verdict::New);
            Ok(response(rendered))
        }
        CommandResult::Refused { refusal, rendered: None } => Err(refusal.into()),
        CommandResult::Replay { status, body, location } => {
            IDEMPOTENCY.increment(Verdict::Replay);
            let mut response = response(Rendered { status, body, location });
            response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
            Ok(response)
        }
        CommandResult::InFlight { resource } => {
            IDEMPOTENCY.increment(Verdict::InFlight);
            Err(pointing(Code::RequestInProgress, resource))
        }
        CommandResult::Expired { resource } => {
            IDEMPOTENCY.increment(Verdict::Expired);
            Err(pointing(Code::IdempotencyKeyExpired, resource))
        }
        CommandResult::Mismatch => {
            IDEMPOTENCY.increment(Verdict::Mismatch);
            Err(Code::IdempotencyKeyReused.into())
        }
    }
}

/// The stored text; or, if no key was given or the reply is not final, a text made now.
fn fresh(reply: &Reply, rendered: Option<Rendered>) -> Response {
    response(rendered.unwrap_or_else(|| stored(api::render_reply(reply))))
}

fn response(rendered: Rendered) -> Response {
    let status = StatusCode::from_u16(rendered.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = if status.is_client_error() || status.is_server_error() { PROBLEM_JSON } else { JSON };
    let refused = if status.is_client_error() { code_of(&rendered.body) } else { None };
    let mut response = (status, rendered.body).into_response();
    response.headers_mut().insert(CONTENT_TYPE, kind);
    if let Some(code) = refused {
        response.extensions_mut().insert(StoredCode(code));
    }
    if let Some(location) = rendered.location.and_then(|path| HeaderValue::try_from(path).ok()) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// The code of a problem document.
fn code_of(body: &str) -> Option<String> {
    let problem: serde_json::Value = serde_json::from_str(body).ok()?;
    problem.get("code").and_then(serde_json::Value::as_str).map(str::to_owned)
}

fn pointing(code: Code, resource: Option<Uuid>) -> RefusedRequest {
    Problem::new(code, "").resource(resource).into()
}
