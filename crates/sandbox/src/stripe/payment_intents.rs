//! `/v1/payment_intents/{id}` and its actions.

use super::{
    attempt, chargeback,
    confirmation::Options,
    customers, details,
    page::{Listed, StripePage, json, render},
    payment_methods, unmodelled,
};
use crate::{
    answer::StripeAnswer,
    books::AccountBooks,
    call_draft::CallDraft,
    currency::Currency,
    event::Kind,
    intent::{ChosenMethod, Intent, IntentStatus},
    parameters::Parameters,
    refusal::StripeRefusal,
};

impl Listed for Intent {
    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}

pub fn retrieve(held: &AccountBooks, id: &str, mut parameters: Parameters) -> Result<Vec<u8>, StripeRefusal> {
    let secret = parameters.text("client_secret");
    let intent = find(held, id)?;
    if secret.is_some_and(|secret| secret != crate::ids::client_secret(id)) {
        let message = "The client_secret provided does not match any associated PaymentIntent on this account. Ensure the provided client_secret and API key match.";
        return Err(StripeRefusal::invalid(message)
            .with_code("payment_intent_invalid_parameter")
            .with_param("client_secret"));
    }
    Ok(json(&intent.view()))
}

pub fn list(held: &AccountBooks, mut parameters: Parameters) -> Result<Vec<u8>, StripeRefusal> {
    let customer = customers::named(held, &mut parameters)?;
    let page = StripePage::read(&mut parameters, "payment_intent", |id| held.intents.contains_key(id))?;
    let (intents, has_more) = match customer {
        None => page.of_map(&held.intents),
        customer => page.select(held.intents.values().rev().filter(|intent| intent.customer == customer)),
    };
    Ok(render("/v1/payment_intents", intents.into_iter().map(Intent::view).collect(), has_more))
}

pub fn update(
    draft: &mut CallDraft,
    id: &str,
    mut parameters: Parameters,
) -> Result<StripeAnswer, StripeRefusal> {
    let mut intent = find(draft.held, id)?.clone();
    let fixed = ["amount", "currency", "payment_method", "capture_method"];
    let fixed = fixed.into_iter().find(|name| parameters.has(name));
    if let Some(name) = fixed.filter(|_| !is_open(intent.status)) {
        let message = format!(
            "This PaymentIntent's {name} could not be updated because it has a status of {}. You may only update the {name} of a PaymentIntent with one of the following statuses: requires_payment_method, requires_confirmation, requires_action.",
            intent.status.name()
        );
        return Err(refused(draft, intent, &message).with_param(name));
    }
    if parameters.has("payment_method_data") {
        return Err(unmodelled::refusal("payment_method_data"));
    }
    if let Some(customer) = customers::named(draft.held, &mut parameters)? {
        intent.customer = Some(customer);
    }
    if parameters.has("amount") || parameters.has("currency") {
        details::apply_amount(&mut intent, &mut parameters)?;
    }
    details::apply(&mut intent, &mut parameters)?;
    if let Some(name) = parameters.text("payment_method") {
        let method = payment_methods::choose(draft, &name)?;
        customers::check_owner(&method, intent.customer.as_deref())?;
        intent.payment_method = Some(ChosenMethod { id: method.id, card: method.card });
        intent.next_action = None;
        intent.status = IntentStatus::RequiresConfirmation;
    }
    Ok(StripeAnswer::shown(draft.add_snapshot(intent)))
}

pub fn confirm(
    draft: &mut CallDraft,
    id: &str,
    mut parameters: Parameters,
) -> Result<StripeAnswer, StripeRefusal> {
    let mut intent = find(draft.held, id)?.clone();
    match intent.status {
        status if is_open(status) => {}
        IntentStatus::Succeeded => {
            let message = "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed.";
            return Err(refused(draft, intent, message));
        }
        status => {
            let message = format!(
                "You cannot confirm this PaymentIntent because it has a status of {}. Only a PaymentIntent with one of the following statuses may be confirmed: requires_confirmation, requires_payment_method, requires_action.",
                status.name()
            );
            return Err(refused(draft, intent, &message));
        }
    }
    details::apply(&mut intent, &mut parameters)?;
    let described = parameters.hash("payment_method_data");
    let options = Options::read(&mut parameters)?;
    if let Some(described) = described {
        let method = payment_methods::described(draft, described)?;
        return attempt::confirm(draft, intent, method, options);
    }
    let name = options.payment_method.as_ref().or(intent.payment_method.as_ref().map(|chosen| &chosen.id));
    let Some(name) = name else {
        let message = "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method or ConfirmationToken.";
        return Err(refused(draft, intent, message));
    };
    let method = payment_methods::choose(draft, name)?;
    attempt::confirm(draft, intent, method, options)
}

pub fn capture(
    draft: &mut CallDraft,
    id: &str,
    mut parameters: Parameters,
) -> Result<StripeAnswer, StripeRefusal> {
    let mut intent = find(draft.held, id)?.clone();
    if parameters.boolean("final_capture") == Some(false) {
        let message = "This account is not eligible for the requested card features.";
        return Err(StripeRefusal::invalid(message).with_param("final_capture"));
    }
    let charge = intent.latest_charge().and_then(|id| draft.held.charges.get(id));
    let (IntentStatus::RequiresCapture, Some(charge)) = (intent.status, charge) else {
        return Err(uncapturable(draft, intent));
    };
    let captured = parameters.integer("amount_to_capture").unwrap_or(intent.amount_capturable);
    if let Err(mut refusal) = check_capture(&intent, captured) {
        refusal.intent = Some(draft.add_snapshot(intent));
        return Err(refusal);
    }
    details::apply(&mut intent, &mut parameters)?;
    details::refuse_descriptor(&intent)?;
    let mut charge = charge.clone();
    charge.take(draft, captured);
    intent.status = IntentStatus::Succeeded;
    intent.amount_received = captured;
    intent.amount_capturable = 0;
    let shown = draft.add_snapshot(charge.clone());
    draft.add_event(Kind::ChargeCaptured, shown);
    chargeback::open_for_card(draft, &charge);
    let snapshot = draft.add_snapshot(intent);
    draft.add_event(Kind::IntentSucceeded, snapshot);
    Ok(StripeAnswer::shown(snapshot))
}

fn uncapturable(draft: &mut CallDraft, intent: Intent) -> StripeRefusal {
    let message = if intent.status == IntentStatus::Succeeded && intent.captured_by_hand() {
        "The remaining amount on this PaymentIntent could not be captured because the remainder of the authorized amount has been released.".to_owned()
    } else {
        format!(
            "This PaymentIntent could not be captured because it has a status of {}. Only a PaymentIntent with one of the following statuses may be captured: requires_capture.",
            intent.status.name()
        )
    };
    refused(draft, intent, &message)
}

fn check_capture(intent: &Intent, captured: i64) -> Result<(), StripeRefusal> {
    match captured {
        ..0 => Err(StripeRefusal::invalid("Invalid non-negative integer").with_param("amount_to_capture")),
        0 => Err(StripeRefusal::invalid("This value must be greater than or equal to 1.")
            .with_code("parameter_invalid_integer")
            // Stripe names this parameter, and not the one that was sent.
            .with_param("amount")),
        _ if captured > intent.amount_capturable => {
            let message = "The payment could not be captured because the requested capture amount is greater than the amount you can capture for this charge. Contact us via https://support.stripe.com/contact/ for help.";
            Err(StripeRefusal::invalid(message).with_code("amount_too_large"))
        }
        _ => Currency::read(&intent.currency)?.check_step(captured, "amount_to_capture"),
    }
}

/// `processing` can be cancelled at Stripe for some bank debits, and never for a card.
pub fn cancel(
    draft: &mut CallDraft,
    id: &str,
    mut parameters: Parameters,
) -> Result<StripeAnswer, StripeRefusal> {
    let mut intent = find(draft.held, id)?.clone();
    if matches!(intent.status, IntentStatus::Succeeded | IntentStatus::Canceled | IntentStatus::Processing) {
        let message = format!(
            "You cannot cancel this PaymentIntent because it has a status of {}. Only a PaymentIntent with one of the following statuses may be canceled: requires_payment_method, requires_capture, requires_confirmation, requires_action.",
            intent.status.name()
        );
        return Err(refused(draft, intent, &message));
    }
    if intent.status == IntentStatus::RequiresCapture {
        attempt::release(draft, &intent, Kind::ChargeRefunded);
    }
    intent.status = IntentStatus::Canceled;
    intent.amount_capturable = 0;
    intent.next_action = None;
    intent.settlement = None;
    intent.canceled_at = Some(draft.now());
    intent.cancellation_reason = parameters.text("cancellation_reason");
    let snapshot = draft.add_snapshot(intent);
    draft.add_event(Kind::IntentCanceled, snapshot);
    Ok(StripeAnswer::shown(snapshot))
}

fn find<'a>(held: &'a AccountBooks, id: &str) -> Result<&'a Intent, StripeRefusal> {
    let missing = || StripeRefusal::missing_object("payment_intent", id, "intent").with_status(404);
    held.intents.get(id).ok_or_else(missing)
}

fn is_open(status: IntentStatus) -> bool {
    matches!(
        status,
        IntentStatus::RequiresPaymentMethod
            | IntentStatus::RequiresConfirmation
            | IntentStatus::RequiresAction
    )
}

/// The error shows the current intent; the books do not change.
fn refused(draft: &mut CallDraft, intent: Intent, message: &str) -> StripeRefusal {
    let mut refusal = StripeRefusal::invalid(message).with_code("payment_intent_unexpected_state");
    refusal.intent = Some(draft.add_snapshot(intent));
    refusal
}
