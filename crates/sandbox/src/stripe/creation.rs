//! `POST /v1/payment_intents`.

use super::attempt::{self, card_named};
use crate::{
    answer::Answer,
    desk::Desk,
    event::Kind,
    intent::{Intent, Status},
    parameters::Parameters,
    refusal::Refusal,
    snapshot::Snapshot,
};

/// Eight digits, Stripe's most for nearly all currencies.
const AMOUNT_MAX: i64 = 99_999_999;

/// Accepted as Stripe accepts them, and without a meaning here.
const IGNORED: [&str; 15] = [
    "allowed_payment_method_types",
    "amount_details",
    "automatic_payment_methods",
    "confirmation_method",
    "error_on_requires_action",
    "excluded_payment_method_types",
    "mandate_data",
    "off_session",
    "payment_details",
    "payment_method_configuration",
    "payment_method_options",
    "radar_options",
    "shipping",
    "use_stripe_sdk",
    "hooks",
];

pub fn create(desk: &mut Desk, mut parameters: Parameters) -> Result<Answer, Refusal> {
    let mut intent = read(desk, &mut parameters)?;
    let confirm = parameters.boolean("confirm")?.unwrap_or(false);
    let return_url = parameters.text("return_url");
    let expand = attempt::wants_latest_charge(&mut parameters);
    parameters.ignore(&IGNORED);
    parameters.finish()?;
    if return_url.is_some() && !confirm {
        let message = "The parameter `return_url` cannot be passed when creating a PaymentIntent unless `confirm` is set to true.";
        return Err(Refusal::invalid(message).with_code("parameter_invalid").with_param("return_url"));
    }
    let card = match intent.card {
        None if confirm => {
            let message = "You cannot confirm this PaymentIntent because it's missing a payment method.";
            return Err(Refusal::invalid(message)
                .with_code("parameter_missing")
                .with_param("payment_method"));
        }
        card => card,
    };
    intent.id = desk.mint.id("pi");
    intent.key = desk.key.map(str::to_owned);
    let created = desk.show(Snapshot::Intent(intent.clone()));
    desk.tell(Kind::IntentCreated, created);
    match card.filter(|_| confirm) {
        Some(card) => attempt::confirm(desk, intent, card.0, return_url, expand),
        None => Ok(Answer::Shown { snapshot: created, latest: None }),
    }
}

fn read(desk: &Desk, parameters: &mut Parameters) -> Result<Intent, Refusal> {
    let amount = amount(parameters)?.ok_or_else(|| Refusal::missing_parameter("amount"))?;
    let currency = parameters.required("currency")?;
    if currency.len() != 3 || !currency.bytes().all(|sign| sign.is_ascii_lowercase()) {
        return Err(Refusal::invalid(format!("Invalid currency: {currency}.")).with_param("currency"));
    }
    let methods = ["automatic", "automatic_async", "manual"];
    let capture_method =
        parameters.one_of("capture_method", &methods)?.unwrap_or("automatic_async").to_owned();
    let card = parameters.text("payment_method").map(|id| card_named(&id)).transpose()?;
    let mut payment_method_types = parameters.list("payment_method_types");
    if payment_method_types.is_empty() {
        payment_method_types.push("card".to_owned());
    }
    let status = if card.is_some() { Status::RequiresConfirmation } else { Status::RequiresPaymentMethod };
    Ok(Intent {
        id: String::new(),
        created: desk.now(),
        amount,
        currency,
        capture_method,
        status,
        amount_capturable: 0,
        amount_received: 0,
        payment_method_types,
        metadata: parameters.metadata()?.unwrap_or_default(),
        key: None,
        card,
        charges: Vec::new(),
        failure: None,
        next_action: None,
        canceled_at: None,
        cancellation_reason: None,
        customer: parameters.text("customer"),
        description: parameters.text("description"),
        receipt_email: parameters.text("receipt_email"),
        setup_future_usage: parameters
            .one_of("setup_future_usage", &["off_session", "on_session"])?
            .map(str::to_owned),
        statement_descriptor: parameters.text("statement_descriptor"),
        statement_descriptor_suffix: parameters.text("statement_descriptor_suffix"),
        transfer_group: parameters.text("transfer_group"),
    })
}

/// An `amount` within Stripe's bounds, if there is one.
pub fn amount(parameters: &mut Parameters) -> Result<Option<i64>, Refusal> {
    let Some(amount) = parameters.integer("amount")? else { return Ok(None) };
    let refused = |message: &str| Refusal::invalid(message).with_param("amount");
    match amount {
        ..=0 => {
            Err(refused("This value must be greater than or equal to 1.")
                .with_code("parameter_invalid_integer"))
        }
        1..=AMOUNT_MAX => Ok(Some(amount)),
        _ => Err(refused("Amount must be no more than 999,999.99").with_code("amount_too_large")),
    }
}
