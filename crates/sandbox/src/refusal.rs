//! Stripe's errors, as values. See <https://docs.stripe.com/error-codes>.

use std::{
    borrow::Cow,
    ops::{Deref, DerefMut},
};

use serde::{Deserialize, Serialize};

/// What Stripe replies instead of an object. Boxed, because results carry it and most of them do
/// not have one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StripeRefusal(Box<Details>);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Details {
    pub status: u16,
    pub kind: Cow<'static, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Cow<'static, str>>,
    /// The code in the books if Stripe has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noted: Option<Cow<'static, str>>,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub param: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decline_code: Option<Cow<'static, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge: Option<String>,
    /// Position of the intent shown in the error, among the snapshots of its journal line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<usize>,
    /// Position of the payment method shown in the error, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<usize>,
}

impl Deref for StripeRefusal {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.0
    }
}

impl DerefMut for StripeRefusal {
    fn deref_mut(&mut self) -> &mut Details {
        &mut self.0
    }
}

impl StripeRefusal {
    fn plain(status: u16, kind: &'static str, message: String) -> Self {
        Self(Box::new(Details {
            status,
            kind: Cow::Borrowed(kind),
            code: None,
            noted: None,
            message,
            param: None,
            decline_code: None,
            charge: None,
            intent: None,
            method: None,
        }))
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::plain(400, "invalid_request_error", message.into())
    }

    pub fn card(code: &'static str, message: &str) -> Self {
        Self::plain(402, "card_error", message.to_owned()).with_code(code)
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

    pub fn with_code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Only for the books.
    pub fn with_books_code(mut self, name: &'static str) -> Self {
        self.noted = Some(Cow::Borrowed(name));
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
}

/// Where Stripe documents a code.
pub fn doc_url(code: &str) -> String {
    format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-"))
}
