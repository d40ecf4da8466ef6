//! Problem documents (RFC 9457).

use domain::Refusal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Money;
use crate::code::Code;

mod refusals;

/// Why something was not done. Sent as `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Where the code is explained.
    #[schema(example = "/docs/errors#hold_has_expired")]
    pub r#type: String,
    /// The code in words; the same for all problems with this code.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The code, by which programs decide.
    #[schema(example = "hold_has_expired")]
    pub code: String,
    /// Details of this case, or what to do about it: for a person who reads a log.
    pub detail: String,
    /// The id of the request; also in the `X-Request-Id` header.
    pub request_id: String,
    /// Whether the same request, under the same idempotency key, may succeed later.
    pub retryable: bool,
    /// The resource that caused the refusal, or that the request has created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Uuid>,
    /// The payment that was declined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<Uuid>,
    /// What a cancellation would give back now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund: Option<crate::Money>,
    /// Why the provider refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What the booking costs now, if the client has expected another total.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Money>,
    /// The last possible end of the hold, if it cannot be extended beyond it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_at: Option<jiff::Timestamp>,
    /// The mistakes in the request, each with a pointer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// Why no money moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// The provider's code.
    #[schema(example = "insufficient_funds")]
    pub code: String,
    /// Whether another attempt may succeed: a new payment under a new key, with the same or another
    /// card. The same request under the same key gets the same reply, and its problem document is
    /// not `retryable`.
    #[serde(alias = "retryable")]
    pub another_attempt_may_succeed: bool,
}

impl From<&domain::rows::Failure> for Failure {
    fn from(failure: &domain::rows::Failure) -> Failure {
        Failure { code: failure.code.clone(), another_attempt_may_succeed: failure.retryable }
    }
}

/// A mistake in a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// A JSON pointer (RFC 6901) into the body, or into the parameters of the query as an object.
    #[schema(example = "/customer/email")]
    pub pointer: String,
    pub detail: String,
}

impl Problem {
    pub fn new(code: Code, request_id: &str) -> Problem {
        Problem {
            r#type: code.page().to_owned(),
            title: code.title().to_owned(),
            status: code.status(),
            code: code.name().to_owned(),
            detail: code.advice().to_owned(),
            request_id: request_id.to_owned(),
            retryable: code.is_retryable(),
            resource: None,
            payment_id: None,
            refund: None,
            failure: None,
            total: None,
            latest_at: None,
            errors: Vec::new(),
        }
    }

    pub fn detail(mut self, detail: impl Into<String>) -> Problem {
        self.detail = detail.into();
        self
    }

    pub fn resource(mut self, resource: Option<Uuid>) -> Problem {
        self.resource = resource;
        self
    }

    pub fn errors(mut self, errors: Vec<FieldError>) -> Problem {
        self.errors = errors;
        self
    }

    pub fn of(refusal: &Refusal, request_id: &str) -> Problem {
        refusals::problem(refusal, request_id)
    }
}
