//! Which payment methods an intent accepts, and how its caller selected them.
//!
//! | selected by                              | accepted methods                                             |
//! |------------------------------------------|--------------------------------------------------------------|
//! | nothing, or `automatic_payment_methods`  | all that the account has activated                           |
//! | `excluded_payment_method_types`          | all except these                                             |
//! | `allowed_payment_method_types`           | the activated ones among these; the others are left out      |
//! | `payment_method_types`, on old versions  | exactly these; one that is not activated is refused          |
//!
//! See <https://docs.stripe.com/changelog/dahlia/2026-07-29/allowed-payment-method-types-parameter> and
//! <https://docs.stripe.com/changelog/endive/2026-09-30/removes-the-payment-method-types-parameter-from-payment-intents-and-setup-intents>.

use crate::{
    intent::{Automatic, Intent},
    parameters::Parameters,
    refusal::StripeRefusal,
};

/// The methods that each account has activated.
const ACTIVATED: [&str; 3] = ["card", "pix", "boleto"];
/// The only currency of all but cards.
const BRAZILIAN: &str = "brl";

pub fn apply(intent: &mut Intent, parameters: &mut Parameters) -> Result<(), StripeRefusal> {
    let allowed = parameters.list("allowed_payment_method_types");
    let excluded = parameters.list("excluded_payment_method_types");
    let exact = parameters.list("payment_method_types");
    let automatic = parameters.hash("automatic_payment_methods").map(automatic);
    let given = [
        ("allowed_payment_method_types", allowed.is_some()),
        ("payment_method_types", exact.is_some()),
        ("automatic_payment_methods", automatic.as_ref().is_some_and(|automatic| automatic.enabled)),
        ("excluded_payment_method_types", excluded.as_ref().is_some_and(|excluded| !excluded.is_empty())),
    ];
    refuse_both(given[0], given[1])?;
    refuse_both(given[0], given[2])?;
    refuse_both(given[0], given[3])?;
    refuse_both(given[2], given[1])?;
    refuse_both(given[3], given[1])?;
    if let Some(exact) = exact {
        intent.payment_method_types = activated(exact, &intent.currency)?;
        intent.automatic_payment_methods = automatic;
        intent.allowed_payment_method_types = None;
        intent.excluded_payment_method_types = None;
        return Ok(());
    }
    if let Some(allowed) = allowed {
        intent.allowed_payment_method_types = Some(allowed);
        intent.automatic_payment_methods = automatic;
        intent.excluded_payment_method_types = None;
    } else if automatic.is_some() {
        intent.automatic_payment_methods = automatic;
    }
    if let Some(excluded) = excluded {
        intent.excluded_payment_method_types = Some(excluded).filter(|excluded| !excluded.is_empty());
    }
    intent.payment_method_types = compatible(intent)?;
    Ok(())
}

fn automatic(mut given: Parameters) -> Automatic {
    let enabled = given.boolean("enabled").unwrap_or(false);
    let allow_redirects = given.text("allow_redirects");
    Automatic { enabled, allow_redirects: allow_redirects.unwrap_or_else(|| "always".to_owned()) }
}

fn refuse_both(one: (&str, bool), other: (&str, bool)) -> Result<(), StripeRefusal> {
    if !(one.1 && other.1) {
        return Ok(());
    }
    let message = format!("You may only specify one of these parameters: {}, {}.", one.0, other.0);
    Err(StripeRefusal::invalid(message).with_code("parameters_exclusive").with_param(one.0))
}

/// Whether the account takes this method in this currency.
fn takes(name: &str, currency: &str) -> bool {
    ACTIVATED.contains(&name) && (name == "card" || currency == BRAZILIAN)
}

fn activated(exact: Vec<String>, currency: &str) -> Result<Vec<String>, StripeRefusal> {
    let Some(other) = exact.iter().find(|name| !takes(name, currency)) else { return Ok(exact) };
    let message = format!(
        "The payment method type \"{other}\" is invalid. Please ensure the provided type is activated in your dashboard (https://dashboard.stripe.com/account/payments/settings) and your account is enabled for any preview features that you are trying to use. See https://stripe.com/docs/payments/payment-methods/integration-options for supported payment method, currency, country combinations."
    );
    Err(StripeRefusal::invalid(message)
        .with_code("payment_intent_invalid_parameter")
        .with_param("payment_method_types"))
}

fn compatible(intent: &Intent) -> Result<Vec<String>, StripeRefusal> {
    let has = |names: &Option<Vec<String>>, name: &str| {
        names.as_ref().map(|names| names.iter().any(|found| found == name))
    };
    let wanted = |name: &&str| {
        takes(name, &intent.currency)
            && has(&intent.allowed_payment_method_types, name).unwrap_or(true)
            && !has(&intent.excluded_payment_method_types, name).unwrap_or(false)
    };
    let found: Vec<String> = ACTIVATED.into_iter().filter(wanted).map(str::to_owned).collect();
    if found.is_empty() {
        let message = "No valid payment method types for this Payment Intent. Please ensure that you have activated payment methods compatible with your chosen currency in your dashboard (https://dashboard.stripe.com/settings/payment_methods).";
        return Err(StripeRefusal::invalid(message));
    }
    Ok(found)
}
