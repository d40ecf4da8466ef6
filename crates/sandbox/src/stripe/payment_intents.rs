//! `/v1/payment_intents/{id}` and what can be done to it.

use super::{
    attempt::{self, card_named, wants_latest_charge},
    creation::amount,
    page::{Listed, Page, json, render},
};
use crate::{
    answer::Answer,
    books::Held,
    charge::Charge,
    desk::Desk,
    event::Kind,
    intent::{Intent, Status},
    parameters::Parameters,
    refusal::Refusal,
    snapshot::Snapshot,
};

impl Listed for Intent {
    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}

pub fn retrieve(held: &Held, id: &str, mut parameters: Parameters) -> Result<Vec<u8>, Refusal> {
    let expand = wants_latest_charge(&mut parameters);
    parameters.ignore(&["client_secret"]);
    parameters.finish()?;
    let intent = find(held, id)?;
    Ok(json(&intent.view(latest(held, intent).filter(|_| expand))))
}

pub fn list(held: &Held, mut parameters: Parameters) -> Result<Vec<u8>, Refusal> {
    let page = Page::read(&mut parameters)?;
    let customer = parameters.text("customer");
    let expand = wants_latest_charge(&mut parameters);
    parameters.finish()?;
    let (intents, has_more) = match customer {
        None => page.of_map(&held.intents),
        Some(customer) => {
            let theirs = |intent: &&Intent| intent.customer.as_ref() == Some(&customer);
            page.select(held.intents.values().rev().filter(theirs))
        }
    };
    let shown = intents.into_iter().map(|intent| intent.view(latest(held, intent).filter(|_| expand)));
    Ok(render("/v1/payment_intents", shown.collect(), has_more))
}

pub fn update(desk: &mut Desk, id: &str, mut parameters: Parameters) -> Result<Answer, Refusal> {
    let amount = amount(&mut parameters)?;
    let metadata = parameters.metadata()?;
    let description = parameters.text("description");
    let customer = parameters.text("customer");
    let receipt_email = parameters.text("receipt_email");
    let transfer_group = parameters.text("transfer_group");
    let card = parameters.text("payment_method").map(|id| card_named(&id)).transpose()?;
    parameters.ignore(&["expand"]);
    parameters.finish()?;
    let mut intent = find(desk.held, id)?.clone();
    let open = matches!(
        intent.status,
        Status::RequiresPaymentMethod | Status::RequiresConfirmation | Status::RequiresAction
    );
    if (amount.is_some() || card.is_some()) && !open {
        return Err(unexpected(desk, intent, "updated"));
    }
    intent.amount = amount.unwrap_or(intent.amount);
    // Stripe merges: a value replaces, an empty one removes, and an empty set removes all.
    if let Some(metadata) = metadata {
        if metadata.is_empty() {
            intent.metadata.clear();
        }
        intent.metadata.extend(metadata);
        intent.metadata.retain(|_, value| !value.is_empty());
    }
    intent.description = description.or(intent.description);
    intent.customer = customer.or(intent.customer);
    intent.receipt_email = receipt_email.or(intent.receipt_email);
    intent.transfer_group = transfer_group.or(intent.transfer_group);
    if let Some(card) = card {
        intent.card = Some(card);
        intent.next_action = None;
        intent.status = Status::RequiresConfirmation;
    }
    Ok(Answer::Shown { snapshot: desk.show(Snapshot::Intent(intent)), latest: None })
}

pub fn confirm(desk: &mut Desk, id: &str, mut parameters: Parameters) -> Result<Answer, Refusal> {
    let card = parameters.text("payment_method").map(|id| card_named(&id)).transpose()?;
    let return_url = parameters.text("return_url");
    let receipt_email = parameters.text("receipt_email");
    let expand = wants_latest_charge(&mut parameters);
    parameters.ignore(&[
        "error_on_requires_action",
        "mandate_data",
        "off_session",
        "payment_method_options",
        "radar_options",
        "setup_future_usage",
        "shipping",
        "use_stripe_sdk",
    ]);
    parameters.finish()?;
    let mut intent = find(desk.held, id)?.clone();
    if !matches!(
        intent.status,
        Status::RequiresPaymentMethod | Status::RequiresConfirmation | Status::RequiresAction
    ) {
        return Err(unexpected(desk, intent, "confirmed"));
    }
    let Some(card) = card.or(intent.card) else {
        let message = "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method or ConfirmationToken.";
        return Err(refused(desk, intent, message));
    };
    intent.receipt_email = receipt_email.or(intent.receipt_email);
    attempt::confirm(desk, intent, card.0, return_url, expand)
}

pub fn capture(desk: &mut Desk, id: &str, mut parameters: Parameters) -> Result<Answer, Refusal> {
    let asked = parameters.integer("amount_to_capture")?;
    let metadata = parameters.metadata()?;
    let expand = wants_latest_charge(&mut parameters);
    let last = parameters.boolean("final_capture")?.unwrap_or(true);
    parameters.ignore(&["statement_descriptor", "statement_descriptor_suffix"]);
    parameters.finish()?;
    if !last {
        let message = "This account is not eligible for the requested card features.";
        return Err(Refusal::invalid(message).with_param("final_capture"));
    }
    let mut intent = find(desk.held, id)?.clone();
    let held = desk.held;
    let (Status::RequiresCapture, Some(charge)) = (intent.status, latest(held, &intent)) else {
        return Err(unexpected(desk, intent, "captured"));
    };
    let captured = asked.unwrap_or(intent.amount_capturable);
    if !(1..=intent.amount_capturable).contains(&captured) {
        let message = if captured < 1 {
            "This value must be greater than or equal to 1."
        } else {
            "The remaining amount on this PaymentIntent is less than the amount to be captured."
        };
        let code = if captured < 1 { "parameter_invalid_integer" } else { "amount_too_large" };
        return Err(Refusal::invalid(message).with_code(code).with_param("amount_to_capture").kept());
    }
    let charge = Charge { captured: true, captured_minor: captured, ..charge.clone() };
    intent.metadata.extend(metadata.unwrap_or_default());
    intent.status = Status::Succeeded;
    intent.amount_received = captured;
    intent.amount_capturable = 0;
    let charge = desk.show(Snapshot::Charge(charge));
    let snapshot = desk.show(Snapshot::Intent(intent));
    desk.tell(Kind::ChargeCaptured, charge);
    desk.tell(Kind::IntentSucceeded, snapshot);
    Ok(Answer::Shown { snapshot, latest: expand.then_some(charge) })
}

pub fn cancel(desk: &mut Desk, id: &str, mut parameters: Parameters) -> Result<Answer, Refusal> {
    let reasons = ["duplicate", "fraudulent", "requested_by_customer", "abandoned"];
    let reason = parameters.one_of("cancellation_reason", &reasons)?;
    parameters.ignore(&["expand"]);
    parameters.finish()?;
    let mut intent = find(desk.held, id)?.clone();
    if matches!(intent.status, Status::Succeeded | Status::Canceled | Status::Processing) {
        return Err(unexpected(desk, intent, "canceled"));
    }
    if intent.status == Status::RequiresCapture {
        attempt::release(desk, &intent, Kind::ChargeRefunded);
    }
    intent.status = Status::Canceled;
    intent.amount_capturable = 0;
    intent.next_action = None;
    intent.canceled_at = Some(desk.now());
    intent.cancellation_reason = reason.map(str::to_owned);
    let snapshot = desk.show(Snapshot::Intent(intent));
    desk.tell(Kind::IntentCanceled, snapshot);
    Ok(Answer::Shown { snapshot, latest: None })
}

fn find<'a>(held: &'a Held, id: &str) -> Result<&'a Intent, Refusal> {
    let missing = || Refusal::missing_object("payment_intent", id, "intent").with_status(404).kept();
    held.intents.get(id).ok_or_else(missing)
}

fn latest<'a>(held: &'a Held, intent: &Intent) -> Option<&'a Charge> {
    intent.latest_charge().and_then(|id| held.charges.get(id))
}

fn unexpected(desk: &mut Desk, intent: Intent, verb: &str) -> Refusal {
    let message = format!(
        "This PaymentIntent could not be {verb} because it has a status of {}.",
        intent.status.name()
    );
    refused(desk, intent, &message)
}

/// The intent is shown inside the error as it is; the books do not change.
fn refused(desk: &mut Desk, intent: Intent, message: &str) -> Refusal {
    let mut refusal = Refusal::invalid(message).with_code("payment_intent_unexpected_state").kept();
    refusal.intent = Some(desk.show(Snapshot::Intent(intent)));
    refusal
}
