//! Stripe's errors, as values. See <https://docs.stripe.com/error-codes>.

use std::{
    borrow::Cow,
    ops::{Deref, DerefMut},
};

use serde::{Deserialize, Serialize};

/// What Stripe answers instead of an object. Boxed: results carry it, and most of them do not have one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Refusal(Box<Details>);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Details {
    pub status: u16,
    pub kind: Cow<'static, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Cow<'static, str>>,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub param: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decline_code: Option<Cow<'static, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge: Option<String>,
    /// Position of the intent shown inside the error, among the snapshots of its journal line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<usize>,
    /// Execution had begun, so the idempotency key keeps this answer. Wrong parameters are not kept.
    pub kept: bool,
}

impl Deref for Refusal {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.0
    }
}

impl DerefMut for Refusal {
    fn deref_mut(&mut self) -> &mut Details {
        &mut self.0
    }
}

impl Refusal {
    fn plain(status: u16, kind: &'static str, message: String) -> Self {
        Self(Box::new(Details {
            status,
            kind: Cow::Borrowed(kind),
            code: None,
            message,
            param: None,
            decline_code: None,
            charge: None,
            intent: None,
            kept: false,
        }))
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::plain(400, "invalid_request_error", message.into())
    }

    pub fn card(code: &'static str, message: &str) -> Self {
        Self::plain(402, "card_error", message.to_owned()).with_code(code).kept()
    }

    pub fn idempotency(status: u16, code: Option<&'static str>, message: String) -> Self {
        let mut refusal = Self::plain(status, "idempotency_error", message);
        refusal.code = code.map(Cow::Borrowed);
        refusal
    }

    pub fn api(message: &str) -> Self {
        Self::plain(500, "api_error", message.to_owned())
    }

    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::invalid(message).with_status(401)
    }

    pub fn unknown_path(method: &str, path: &str) -> Self {
        let message =
            format!("Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs.");
        Self::invalid(message).with_status(404)
    }

    pub fn missing_object(what: &str, id: &str, param: &str) -> Self {
        let message = format!("No such {what}: '{id}'");
        Self::invalid(message).with_code("resource_missing").with_param(param)
    }

    pub fn missing_parameter(name: &str) -> Self {
        Self::invalid(format!("Missing required param: {name}."))
            .with_code("parameter_missing")
            .with_param(name)
    }

    pub fn with_code(mut self, code: &'static str) -> Self {
        self.code = Some(Cow::Borrowed(code));
        self
    }

    pub fn with_param(mut self, param: &str) -> Self {
        self.param = Some(param.to_owned());
        self
    }

    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Marks that execution had begun: the answer is kept under the idempotency key.
    pub fn kept(mut self) -> Self {
        self.kept = true;
        self
    }
}
