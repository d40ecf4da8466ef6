//! Mercado Pago's errors, as values: a status, a word, a message and numbered causes.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::wire::CallRefusal;

/// What Mercado Pago replies instead of an object. Boxed, because results carry it and most of them
/// do not have one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MercadoPagoRefusal(Box<Details>);

/// As on the wire.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Details {
    message: Cow<'static, str>,
    error: Cow<'static, str>,
    status: u16,
    cause: Vec<Cause>,
    /// If the call was on an order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    errors: Option<[OrderError; 1]>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct OrderError {
    code: Cow<'static, str>,
    message: Cow<'static, str>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Cause {
    code: u16,
    description: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
}

/// The cause of a call whose members are wrong in general.
const PARAMETERS: u16 = 1;
const UNKNOWN_NAME: u16 = 8;
const DATE: u16 = 23;
const PAYMENT: u16 = 2000;
const TOKEN: u16 = 2006;
const REFUND: u16 = 2032;
const STATE: u16 = 2063;

impl MercadoPagoRefusal {
    fn new(
        status: u16,
        error: &'static str,
        message: impl Into<Cow<'static, str>>,
        code: Option<u16>,
    ) -> Self {
        let message = message.into();
        let cause = code.map(|code| Cause { code, description: message.clone(), data: None });
        Self(Box::new(Details {
            message,
            error: error.into(),
            status,
            cause: cause.into_iter().collect(),
            errors: None,
        }))
    }

    /// The refusal of a call on an order. The provider's SDK reads the code as `error`, its replies have a list.
    pub fn of_order(status: u16, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        let message = message.into();
        let errors = Some([OrderError { code: code.into(), message: message.clone() }]);
        Self(Box::new(Details { message, error: code.into(), status, cause: Vec::new(), errors }))
    }

    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// Zero without a cause.
    pub fn cause_code(&self) -> u16 {
        self.0.cause.first().map_or(0, |cause| cause.code)
    }

    /// For the books: the first cause, or the word for the status.
    pub fn name(&self) -> String {
        self.0.cause.first().map_or_else(|| self.0.error.to_string(), |cause| cause.code.to_string())
    }

    pub fn message(&self) -> &str {
        &self.0.message
    }

    pub fn caused(code: u16, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, "bad_request", message, Some(code))
    }

    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::caused(PARAMETERS, message)
    }

    pub fn missing(name: &str) -> Self {
        Self::bad_request(format!("{name} attribute can't be null"))
    }

    /// A body that does not have the form of its endpoint. The error's kind decides nothing: a
    /// member with an unknown name is found before.
    pub fn malformed(error: &serde_json::Error) -> Self {
        Self::bad_request(format!("Params Error: {error}"))
    }

    pub fn unknown_name(name: &str) -> Self {
        let message = format!("The name of the following parameters is wrong : [{name}]");
        Self::caused(UNKNOWN_NAME, message)
    }

    pub fn invalid_date(name: &str) -> Self {
        let message =
            format!("The following parameters must be valid date and format (yyyy-MM-dd'T'HH:mm:ssz) {name}");
        Self::caused(DATE, message)
    }

    /// A member of the right form whose value cannot be used.
    pub fn unprocessable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(422, "unprocessable_entity", message, Some(PARAMETERS))
    }

    pub fn unknown_token() -> Self {
        Self::caused(TOKEN, "Card Token not found")
    }

    pub fn wrong_state() -> Self {
        Self::caused(STATE, "The action requested is not valid for the current payment state")
    }

    pub fn payment_not_found() -> Self {
        Self::new(404, "not_found", "Payment not found", Some(PAYMENT))
    }

    pub fn refund_not_found() -> Self {
        Self::new(404, "not_found", "Refund not found", Some(REFUND))
    }

    pub fn chargeback_not_found() -> Self {
        Self::new(404, "not_found", "Chargeback not found", None)
    }

    pub fn preference_not_found() -> Self {
        Self::new(404, "not_found", "Preference not found", None)
    }

    pub fn unknown_path() -> Self {
        Self::new(404, "not_found", "resource not found", None)
    }
}

/// Refusals of calls that are never executed, in Mercado Pago's form.
pub fn call_refusal(why: &CallRefusal) -> MercadoPagoRefusal {
    let (status, error, message): (u16, &'static str, Cow<'static, str>) = match why {
        CallRefusal::Unavailable => (503, "service_unavailable", "Service temporarily unavailable".into()),
        CallRefusal::RateLimited => (429, "too_many_requests", "Too many requests".into()),
        CallRefusal::KeyLocked | CallRefusal::KeyInUse(_) => {
            (423, "locked", "Another request with this X-Idempotency-Key is in process".into())
        }
        CallRefusal::FailedDependency => (424, "failed_dependency", "A required service has failed".into()),
        CallRefusal::NoCredential => (401, "unauthorized", "authorization value not present".into()),
        CallRefusal::UnknownCredential(_) => (401, "unauthorized", "invalid access token".into()),
        CallRefusal::KeyTooLong => (400, "bad_request", "X-Idempotency-Key is too long".into()),
        CallRefusal::KeyReused(_) => {
            (409, "idempotency_error", "X-Idempotency-Key was used with another request".into())
        }
        CallRefusal::Failure(message) => (500, "internal_error", (*message).to_owned().into()),
    };
    MercadoPagoRefusal::new(status, error, message, None)
}
