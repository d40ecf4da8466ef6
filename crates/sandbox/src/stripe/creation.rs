//! `POST /v1/payment_intents`.

use std::collections::BTreeMap;

use super::{attempt, confirmation::Options, customers, details, payment_methods, version::Version};
use crate::{
    answer::StripeAnswer,
    call_draft::CallDraft,
    event::Kind,
    intent::{Automatic, ChosenMethod, Intent, IntentStatus},
    parameters::{Parameters, StripeMetadata},
    refusal::StripeRefusal,
};

/// From this version on, the account's settings decide which payment methods an intent accepts,
/// unless it says otherwise: <https://docs.stripe.com/upgrades#2023-08-16>.
const AUTOMATIC_SINCE: &str = "2023-08-16";

pub fn create(draft: &mut CallDraft, mut parameters: Parameters) -> Result<StripeAnswer, StripeRefusal> {
    let confirms = parameters.boolean("confirm").unwrap_or(false);
    refuse_without_confirm(confirms, &parameters)?;
    let mut intent = blank(draft, draft.version, &parameters);
    intent.customer = customers::named(draft.held, &mut parameters)?;
    details::apply_amount(&mut intent, &mut parameters)?;
    details::apply(&mut intent, &mut parameters)?;
    let described = parameters.hash("payment_method_data");
    let options = Options::read(&mut parameters)?;
    let method = match (described, &options.payment_method) {
        (Some(described), _) => Some(payment_methods::described(draft, described)?),
        (None, Some(id)) => Some(payment_methods::choose(draft, id)?),
        (None, None) => None,
    };
    if method.is_none() && confirms {
        let message = "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method or ConfirmationToken.";
        return Err(StripeRefusal::invalid(message)
            .with_code("parameter_missing")
            .with_param("payment_method"));
    }
    if let Some(method) = &method {
        customers::check_owner(method, intent.customer.as_deref())?;
        intent.status = IntentStatus::RequiresConfirmation;
        intent.payment_method = Some(ChosenMethod { id: method.id.clone(), card: method.card });
    }
    intent.id = draft.mint.id("pi");
    let created = draft.add_snapshot(intent.clone());
    draft.add_event(Kind::IntentCreated, created);
    match method.filter(|_| confirms) {
        Some(method) => attempt::confirm(draft, intent, method, options),
        None => Ok(StripeAnswer::shown(created)),
    }
}

fn refuse_without_confirm(confirms: bool, parameters: &Parameters) -> Result<(), StripeRefusal> {
    let names = ["return_url", "off_session", "error_on_requires_action", "mandate_data"];
    let Some(name) = names.into_iter().find(|name| !confirms && parameters.has(name)) else { return Ok(()) };
    let message = format!(
        "The parameter `{name}` cannot be passed when creating a PaymentIntent unless `confirm` is set to true."
    );
    Err(StripeRefusal::invalid(message).with_param(name))
}

fn blank(draft: &CallDraft, version: Version, parameters: &Parameters) -> Intent {
    let names = ["allowed_payment_method_types", "payment_method_types"];
    let settings_decide =
        version.is_from(AUTOMATIC_SINCE) && !names.into_iter().any(|name| parameters.has(name));
    let automatic = Automatic { enabled: true, allow_redirects: "always".to_owned() };
    Intent {
        id: String::new(),
        created: draft.now(),
        amount: 0,
        currency: String::new(),
        capture_method: "automatic_async".to_owned(),
        status: IntentStatus::RequiresPaymentMethod,
        amount_capturable: 0,
        amount_received: 0,
        payment_method_types: Vec::new(),
        allowed_payment_method_types: None,
        automatic_payment_methods: settings_decide.then_some(automatic),
        excluded_payment_method_types: None,
        card_options: BTreeMap::new(),
        pix_options: BTreeMap::new(),
        metadata: StripeMetadata::new(),
        key: draft.key.map(str::to_owned),
        payment_method: None,
        charges: Vec::new(),
        failure: None,
        next_action: None,
        settlement: None,
        canceled_at: None,
        cancellation_reason: None,
        customer: None,
        description: None,
        receipt_email: None,
        setup_future_usage: None,
        shipping: None,
        statement_descriptor: None,
        statement_descriptor_suffix: None,
        transfer_group: None,
    }
}
