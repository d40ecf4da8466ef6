//! Parameters that Stripe accepts and the sandbox does not. Each has an effect at Stripe that it
//! would not have here, so it is refused rather than ignored.
//!
//! | accepted without an effect                  | reason                                                       |
//! |---------------------------------------------|--------------------------------------------------------------|
//! | `instructions_email`, `mandate_data`        | only methods other than cards use them                       |
//! | `radar_options`                             | there is no Radar that would block a test card               |
//! | a card's `request_…` options                | what is requested is not available to the account            |
//! | a card's other options that are not below   | they inform the bank, and a test card does not need them     |

use crate::{parameters::ParameterValue, refusal::StripeRefusal};

/// By the path of the parameter, and the value if only that value is meant.
const UNMODELLED: [(&str, Option<&str>); 29] = [
    // Connect moves money between accounts.
    ("application_fee_amount", None),
    ("connect", Some("true")),
    ("on_behalf_of", None),
    ("refund_application_fee", Some("true")),
    ("reverse_transfer", Some("true")),
    ("transfer_data", None),
    // Objects that the stand-in does not have.
    ("confirmation_token", None),
    ("customer_account", None),
    ("mandate", None),
    ("payment_method_configuration", None),
    // Other ways to capture a part or to confirm.
    ("amount_to_confirm", None),
    ("confirmation_method", Some("manual")),
    ("hooks", None),
    // Shown on the object, in shapes of their own.
    ("amount_details", None),
    ("payment_details", None),
    // Options that make a card's bank decide differently.
    ("payment_method_options[card][cvc_token]", None),
    ("payment_method_options[card][installments]", None),
    ("payment_method_options[card][mandate_options]", None),
    ("payment_method_options[card][moto]", Some("true")),
    ("payment_method_options[card][request_three_d_secure]", Some("any")),
    ("payment_method_options[card][request_three_d_secure]", Some("challenge")),
    ("payment_method_options[card][three_d_secure]", None),
    // Pix that a payer agrees to in advance.
    ("payment_method_options[pix][amount_includes_iof]", Some("always")),
    ("payment_method_options[pix][mandate_options]", None),
    ("payment_method_options[pix][setup_future_usage]", Some("off_session")),
    // A refund of a customer's balance.
    ("origin", None),
    // Evidence for the programmes of card networks.
    ("evidence[appeal]", None),
    ("evidence[enhanced_evidence]", None),
    ("card[networks]", None),
];

/// Refuses parameters that have another effect at Stripe.
pub fn check(path: &str, given: &ParameterValue) -> Result<(), StripeRefusal> {
    let is = |value: &str| match given {
        ParameterValue::Text(text) => text == value,
        ParameterValue::Boolean(boolean) => boolean.to_string() == value,
        _ => false,
    };
    let refused = UNMODELLED.iter().any(|(found, value)| *found == path && value.is_none_or(is));
    if refused { Err(refusal(path)) } else { Ok(()) }
}

pub fn refusal(path: &str) -> StripeRefusal {
    StripeRefusal::invalid(format!("`{path}` is not modelled by this stand-in.")).with_param(path)
}
