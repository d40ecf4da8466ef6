//! A refusal on its way out of an endpoint. The guard adds the request's id and renders it.

use api::json::{MalformedJson, escape};
use api::validation_errors::ValidationErrors;
use api::{Code, Problem};
use axum::response::{IntoResponse, Response};
use domain::Refusal;
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use store::Unavailable;

use super::RequestId;
use crate::metrics::catalogue::REFUSALS;
use crate::metrics::labels::RefusalCode;

pub const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A problem document that does not know its request yet.
#[derive(Clone, Debug)]
pub struct RefusedRequest {
    pub problem: Box<Problem>,
    /// The cause, if the fault is ours: for the log only.
    cause: Option<Box<str>>,
}

impl RefusedRequest {
    pub fn detail(self, detail: impl Into<String>) -> RefusedRequest {
        RefusedRequest { problem: Box::new(self.problem.detail(detail)), ..self }
    }

    /// A repetition would fail too, so the response does not suggest one.
    fn permanent(mut self) -> RefusedRequest {
        self.problem.retryable = false;
        self
    }

    /// Adds a cause that only the log shows, not the client.
    pub fn because(self, cause: impl std::fmt::Display) -> RefusedRequest {
        RefusedRequest { cause: Some(cause.to_string().into_boxed_str()), ..self }
    }

    /// One line for a request that failed or was refused.
    pub fn log(&self, route: Option<&str>) {
        let code = self.problem.code.as_str();
        if self.problem.status < 500 {
            log_refusal(route, code);
        } else if code == Code::Overloaded.name() {
            // Shedding is no failure, and when it happens it happens often.
            tracing::debug!(route, code, cause = self.cause.as_deref(), "a request was shed");
        } else {
            tracing::error!(route, code, cause = self.cause.as_deref(), "a request failed");
        }
    }

    /// What the provider does not offer, or needs besides. The request itself is well-formed.
    pub fn not_offered(findings: ValidationErrors) -> RefusedRequest {
        findings.problem_of(Code::NotOfferedByProvider, "").into()
    }

    /// A mistake in a parameter of the query, or, without a name, in all of them together.
    pub fn parameter(name: &str, detail: impl Into<String>) -> RefusedRequest {
        let pointer = if name.is_empty() { String::new() } else { format!("/{}", escape(name)) };
        let mut findings = ValidationErrors::default();
        findings.add(pointer, detail);
        findings.into()
    }
}

impl From<Problem> for RefusedRequest {
    fn from(problem: Problem) -> RefusedRequest {
        RefusedRequest { problem: Box::new(problem), cause: None }
    }
}

impl From<Code> for RefusedRequest {
    fn from(code: Code) -> RefusedRequest {
        Problem::new(code, "").into()
    }
}

impl From<Refusal> for RefusedRequest {
    fn from(refusal: Refusal) -> RefusedRequest {
        Problem::of(&refusal, "").into()
    }
}

impl From<ValidationErrors> for RefusedRequest {
    fn from(findings: ValidationErrors) -> RefusedRequest {
        findings.problem("").into()
    }
}

impl From<MalformedJson> for RefusedRequest {
    fn from(malformed: MalformedJson) -> RefusedRequest {
        malformed.problem("").into()
    }
}

impl From<Unavailable> for RefusedRequest {
    fn from(unavailable: Unavailable) -> RefusedRequest {
        let code = match &unavailable {
            Unavailable::QueueFull | Unavailable::Contended => Code::Overloaded,
            // Others have room: this tenant sends too much.
            Unavailable::TenantShareFull => Code::RateLimited,
            Unavailable::CommitUnknown(_) => Code::CommitOutcomeUnknown,
            Unavailable::Database(_) | Unavailable::Unreadable(_) | Unavailable::Closed => {
                Code::StorageUnavailable
            }
            Unavailable::Poisoned(_) => Code::InternalError,
        };
        // The client gets only the code; the database's message is for the log.
        let refused = RefusedRequest::from(code);
        let refused = if unavailable.retryable() { refused } else { refused.permanent() };
        refused.because(unavailable)
    }
}

/// A query failed. Nothing was changed.
impl From<store::Error> for RefusedRequest {
    fn from(error: store::Error) -> RefusedRequest {
        if error.is_permanent() {
            return RefusedRequest::from(Code::InternalError).permanent().because(error);
        }
        RefusedRequest::from(Code::StorageUnavailable).because(error)
    }
}

/// Only this function logs refused requests, so that they are limited together. It logs only the
/// code, because what the client sent must not be in the log.
pub fn log_refusal(route: Option<&str>, code: &str) {
    tracing::info!(route, code, "a request was refused");
}

/// The code of a refusal that is stored under a key, beside the response that was made of it.
#[derive(Clone, Debug)]
pub struct StoredCode(pub String);

/// Only carries the problem: the guard makes the response from it.
impl IntoResponse for RefusedRequest {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The problem document as it is sent.
pub fn response(refused: RefusedRequest, request_id: &RequestId) -> Response {
    let problem = Problem { request_id: request_id.as_str().to_owned(), ..*refused.problem };
    REFUSALS.increment(RefusalCode::of(&problem.code));
    let code = Code::ALL.iter().find(|code| code.name() == problem.code);
    let rendered = api::render_problem(&problem);
    let status = StatusCode::from_u16(rendered.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, rendered.body).into_response();
    response.headers_mut().insert(CONTENT_TYPE, PROBLEM_JSON);
    if let Some(seconds) = code.and_then(|code| code.retry_after_seconds()) {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    // RFC 9110 section 15.5.16: the codings that would be accepted.
    if code == Some(&Code::ContentCodingNotAccepted) {
        response.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_error_is_refused_without_its_text() {
        let secret = || "password=hunter2".to_owned();
        for (unavailable, code, status, retryable) in [
            (Unavailable::QueueFull, "overloaded", 503, true),
            (Unavailable::TenantShareFull, "rate_limited", 429, true),
            (Unavailable::Contended, "overloaded", 503, true),
            (Unavailable::CommitUnknown(secret()), "commit_outcome_unknown", 503, true),
            (Unavailable::Database(secret()), "storage_unavailable", 503, true),
            (Unavailable::Closed, "storage_unavailable", 503, true),
            (Unavailable::Poisoned(secret()), "internal_error", 500, false),
        ] {
            let problem = RefusedRequest::from(unavailable).problem;
            assert_eq!((problem.code.as_str(), problem.status, problem.retryable), (code, status, retryable));
            assert!(!serde_json::to_string(&problem).unwrap().contains("hunter2"));
        }
    }

    #[test]
    fn a_permanent_query_error_is_not_retryable() {
        let problem = |error: store::Error| RefusedRequest::from(error).problem;
        let passing = problem(store::Error::Pool("none is free".to_owned()));
        assert_eq!((passing.code.as_str(), passing.retryable), ("storage_unavailable", true));
        let mismatch = domain::working_set::ColumnMismatch { table: "bookings", column: "state" };
        let lasting = problem(mismatch.into());
        assert_eq!((lasting.code.as_str(), lasting.retryable), ("internal_error", false));
    }
}
