//! The parameters that an intent accepts when it is created, updated and confirmed.

use super::method_types;
use crate::{
    currency::Currency,
    intent::Intent,
    parameters::{ParameterValue, Parameters},
    refusal::StripeRefusal,
    shipping::Shipping,
};

/// Stripe's limit, <https://docs.stripe.com/get-started/account/statement-descriptors>.
const DESCRIPTOR_SIGNS_MAX: usize = 22;
/// Seconds that a code of Pix can be paid.
pub const PIX_SECONDS: std::ops::RangeInclusive<i64> = 60..=1_209_600;

/// Applies all given parameters.
pub fn apply(intent: &mut Intent, parameters: &mut Parameters) -> Result<(), StripeRefusal> {
    method_types::apply(intent, parameters)?;
    if let Some(method) = parameters.text("capture_method") {
        intent.capture_method = method;
    }
    parameters.change("description", &mut intent.description);
    parameters.change("receipt_email", &mut intent.receipt_email);
    parameters.change("setup_future_usage", &mut intent.setup_future_usage);
    parameters.change("statement_descriptor", &mut intent.statement_descriptor);
    parameters.change("statement_descriptor_suffix", &mut intent.statement_descriptor_suffix);
    parameters.change("transfer_group", &mut intent.transfer_group);
    if parameters.has("shipping") {
        intent.shipping = parameters.hash("shipping").map(Shipping::read).map(Box::new);
    }
    let mut options = parameters.hash("payment_method_options").unwrap_or_default();
    apply_pix(intent, options.hash("pix"))?;
    if let Some(card) = options.hash("card") {
        for (name, given) in card {
            match given {
                ParameterValue::Text(text) => drop(intent.card_options.insert(name, text)),
                ParameterValue::Unset => drop(intent.card_options.remove(&name)),
                // Flags are not shown on the object.
                _ => {}
            }
        }
    }
    parameters.merge_metadata(&mut intent.metadata)?;
    check(intent)
}

/// How long a code can be paid, <https://docs.stripe.com/api/payment_intents/create>.
fn apply_pix(intent: &mut Intent, given: Option<Parameters>) -> Result<(), StripeRefusal> {
    let Some(mut given) = given else { return Ok(()) };
    let names = ["expires_after_seconds", "expires_at"];
    if names.into_iter().all(|name| given.has(name)) {
        let message = "You may only specify one of these parameters: expires_after_seconds, expires_at.";
        return Err(StripeRefusal::invalid(message).with_code("parameters_exclusive"));
    }
    for name in names {
        let Some(value) = given.integer(name) else { continue };
        if name == "expires_after_seconds" && !PIX_SECONDS.contains(&value) {
            let message =
                format!("This value must be from {} to {}.", PIX_SECONDS.start(), PIX_SECONDS.end());
            let path = format!("payment_method_options[pix][{name}]");
            return Err(StripeRefusal::invalid(message).with_param(&path));
        }
        intent.pix_options = [(name.to_owned(), value)].into();
    }
    Ok(())
}

fn check(intent: &Intent) -> Result<(), StripeRefusal> {
    if let Some(email) = intent.receipt_email.as_deref().filter(|email| !is_email(email)) {
        return Err(StripeRefusal::invalid(format!("Invalid email address: {email}"))
            .with_code("email_invalid")
            .with_param("receipt_email"));
    }
    let descriptors = [
        ("statement_descriptor", &intent.statement_descriptor),
        ("statement_descriptor_suffix", &intent.statement_descriptor_suffix),
    ];
    for (name, descriptor) in descriptors {
        if descriptor.as_ref().is_some_and(|text| text.chars().count() > DESCRIPTOR_SIGNS_MAX) {
            let message = format!("Invalid string: must be at most {DESCRIPTOR_SIGNS_MAX} characters");
            return Err(StripeRefusal::invalid(message).with_param(name));
        }
    }
    Ok(())
}

/// Cards have no descriptor of their own, only a suffix to that of the account.
pub fn refuse_descriptor(intent: &Intent) -> Result<(), StripeRefusal> {
    if intent.statement_descriptor.is_none() {
        return Ok(());
    }
    let message = "The `statement_descriptor` parameter is not supported for card charges. Use `statement_descriptor_suffix` instead.";
    Err(StripeRefusal::invalid(message).with_param("statement_descriptor"))
}

fn is_email(text: &str) -> bool {
    let Some((name, domain)) = text.rsplit_once('@') else { return false };
    !name.is_empty() && !domain.starts_with('.') && domain.contains('.') && !domain.ends_with('.')
}

/// The amount and its currency; an update may give only one of them.
pub fn apply_amount(intent: &mut Intent, parameters: &mut Parameters) -> Result<(), StripeRefusal> {
    if let Some(code) = parameters.text("currency") {
        Currency::read(&code)?.code().clone_into(&mut intent.currency);
    }
    if let Some(amount) = parameters.integer("amount") {
        intent.amount = amount;
    }
    Currency::read(&intent.currency)?.check_charge(intent.amount)
}

/// An address to return to: of a page or of an application.
pub fn return_url(parameters: &mut Parameters) -> Result<Option<String>, StripeRefusal> {
    let url = parameters.text("return_url");
    let has_scheme = |url: &String| {
        url.split_once("://").is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty())
    };
    if url.as_ref().is_none_or(has_scheme) {
        return Ok(url);
    }
    let message = "Invalid URL: An explicit scheme (such as https) must be provided.";
    Err(StripeRefusal::invalid(message).with_code("url_invalid").with_param("return_url"))
}
