//! How an intent is confirmed, as the call that creates or confirms it requests.

use super::details;
use crate::{parameters::Parameters, refusal::StripeRefusal};

pub struct Options {
    /// An id, or the name of a test card.
    pub payment_method: Option<String>,
    pub return_url: Option<String>,
    /// The payer is not present to authenticate.
    pub off_session: bool,
    /// The caller cannot let the payer authenticate.
    pub error_on_requires_action: bool,
    /// The caller's front end authenticates, with or without a `return_url`.
    pub use_stripe_sdk: bool,
}

impl Options {
    /// As the provider's own code in the payer's browser confirms.
    pub fn of_browser() -> Self {
        Self {
            payment_method: None,
            return_url: None,
            off_session: false,
            error_on_requires_action: false,
            use_stripe_sdk: true,
        }
    }

    pub fn read(parameters: &mut Parameters) -> Result<Self, StripeRefusal> {
        // `one_off` and `recurring` say why the payer is not present.
        let has_reason = parameters.text_of("off_session").is_some();
        Ok(Self {
            payment_method: parameters.text("payment_method"),
            return_url: details::return_url(parameters)?,
            off_session: has_reason || parameters.boolean("off_session").unwrap_or(false),
            error_on_requires_action: parameters.boolean("error_on_requires_action").unwrap_or(false),
            use_stripe_sdk: parameters.boolean("use_stripe_sdk").unwrap_or(false),
        })
    }
}
