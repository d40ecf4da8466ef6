//! One attempt to pay an intent: the bank asks the payer back, declines, or authorises.
//!
//! | the card                            | the intent                            | events                                  |
//! |-------------------------------------|---------------------------------------|-----------------------------------------|
//! | pays                                | `succeeded`, or `requires_capture`    | `charge.succeeded` and the intent's own |
//! | declines                            | `requires_payment_method`, error 402  | `charge.failed`, `…payment_failed`      |
//! | requires authentication             | `requires_action`                     | `…requires_action`                      |
//! | requires it off session, or from a caller that cannot | `requires_payment_method`, error 402 | `…payment_failed`, no charge |
//! | is stuck (a fault)                  | `processing`, then as the card decides | `…processing`                          |

use super::{chargeback, confirmation::Options, details};
use crate::{
    answer::StripeAnswer,
    call_draft::CallDraft,
    card::{Behaviour, Decline},
    charge::Charge,
    event::Kind,
    intent::{ChosenMethod, Intent, IntentStatus, NextAction, PaymentError, Settlement},
    payment_method::PaymentMethod,
    refusal::StripeRefusal,
};

/// The caller has made sure that the intent may be confirmed.
pub fn confirm(
    desk: &mut CallDraft,
    mut intent: Intent,
    method: PaymentMethod,
    options: Options,
) -> Result<StripeAnswer, StripeRefusal> {
    refuse_unconfirmable(&intent, &method, &options)?;
    intent.failure = None;
    intent.next_action = None;
    intent.payment_method = Some(ChosenMethod { id: method.id.clone(), card: method.card });
    let asks =
        matches!(method.card.0.behaviour, Behaviour::Authenticates | Behaviour::AuthenticatesThenDeclines(_));
    if asks && options.off_session {
        return Err(declined(desk, intent, method, Decline::AuthenticationRequired, None));
    }
    if asks && options.error_on_requires_action {
        return Err(declined(desk, intent, method, Decline::AuthenticationNotHandled, None));
    }
    if asks {
        let page = format!("{}/sandbox/authenticate/{}", desk.base, intent.id);
        let return_url = options.return_url.filter(|_| !options.use_stripe_sdk);
        intent.status = IntentStatus::RequiresAction;
        intent.next_action = Some(NextAction { page, return_url });
        return Ok(show_with_event(desk, intent, Kind::IntentRequiresAction));
    }
    let confirmation = desk.confirmation;
    if let Some(delay_ms) = confirmation.processing_ms {
        intent.status = IntentStatus::Processing;
        let at_ms = desk.at + delay_ms as i64;
        intent.settlement = Some(Settlement { at_ms, declined: confirmation.declined });
        return Ok(show_with_event(desk, intent, Kind::IntentProcessing));
    }
    conclude(desk, intent, method, confirmation.declined)
}

fn refuse_unconfirmable(
    intent: &Intent,
    method: &PaymentMethod,
    options: &Options,
) -> Result<(), StripeRefusal> {
    if method.used {
        let message = "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared with a connected account without Customer attachment, or was detached from a Customer. It may not be used again. To use a PaymentMethod multiple times, you must attach it to a Customer first.";
        return Err(StripeRefusal::invalid(message));
    }
    details::refuse_descriptor(intent)?;
    let redirects = intent.automatic_payment_methods.as_ref();
    let redirects = redirects.is_some_and(|found| found.enabled && found.allow_redirects != "never");
    if redirects && options.return_url.is_none() && !options.use_stripe_sdk {
        let message = "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of these payment methods might redirect your customer off of your page, you must provide a `return_url`. If you don't want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to `true` and `automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment Intents.";
        return Err(StripeRefusal::invalid(message));
    }
    Ok(())
}

fn show_with_event(desk: &mut CallDraft, intent: Intent, kind: Kind) -> StripeAnswer {
    let snapshot = desk.show(intent);
    desk.tell(kind, snapshot);
    StripeAnswer::shown(snapshot)
}

/// The bank decides. `declined_by_fault` makes it decline a card that would pay.
fn conclude(
    desk: &mut CallDraft,
    intent: Intent,
    method: PaymentMethod,
    declined_by_fault: bool,
) -> Result<StripeAnswer, StripeRefusal> {
    let decline = match method.card.0.behaviour {
        Behaviour::Declines(decline) | Behaviour::AuthenticatesThenDeclines(decline) => Some(decline),
        _ => declined_by_fault.then_some(Decline::Generic),
    };
    let Some(decline) = decline else { return Ok(authorised(desk, intent, method)) };
    let charge = Charge { decline: Some(decline), ..charge(desk, &intent, &method) };
    Err(declined(desk, intent, method, decline, Some(charge)))
}

/// An intent that was stuck becomes what its card makes of it.
pub fn settle(desk: &mut CallDraft, id: &str) {
    let held = desk.held;
    let Some(intent) = held.intents.get(id) else { return };
    let (Some(settlement), Some(chosen)) = (intent.settlement, &intent.payment_method) else { return };
    let Some(method) = held.payment_methods.get(&chosen.id) else { return };
    let intent = Intent { settlement: None, ..intent.clone() };
    // A decline is told by its event: nobody waits for an answer.
    drop(conclude(desk, intent, method.clone(), settlement.declined));
}

/// The payer came back from the bank. Returns where to send them on, if that was asked for.
pub fn authenticate(desk: &mut CallDraft, id: &str, approved: bool) -> Result<Option<String>, StripeRefusal> {
    let held = desk.held;
    let missing = || StripeRefusal::missing_object("payment_intent", id, "intent").with_status(404);
    let mut intent = held.intents.get(id).ok_or_else(missing)?.clone();
    let method = intent.payment_method.as_ref().and_then(|chosen| held.payment_methods.get(&chosen.id));
    let (IntentStatus::RequiresAction, Some(next), Some(method)) =
        (intent.status, intent.next_action.take(), method.cloned())
    else {
        let message =
            format!("This PaymentIntent waits for no authentication: it is {}.", intent.status.name());
        return Err(StripeRefusal::invalid(message).with_code("payment_intent_unexpected_state"));
    };
    if approved {
        drop(conclude(desk, intent, method, false));
    } else {
        drop(declined(desk, intent, method, Decline::AuthenticationFailed, None));
    }
    Ok(next.return_url)
}

/// The hold of an uncaptured intent runs out, as it does by itself after seven days.
pub fn expire(desk: &mut CallDraft, id: &str) -> Result<(), StripeRefusal> {
    let missing = || StripeRefusal::missing_object("payment_intent", id, "intent").with_status(404);
    let mut intent = desk.held.intents.get(id).ok_or_else(missing)?.clone();
    if intent.status != IntentStatus::RequiresCapture {
        let message = format!("This PaymentIntent holds nothing: it is {}.", intent.status.name());
        return Err(StripeRefusal::invalid(message).with_code("payment_intent_unexpected_state"));
    }
    release(desk, &intent, Kind::ChargeExpired);
    intent.status = IntentStatus::Canceled;
    intent.amount_capturable = 0;
    intent.canceled_at = Some(desk.now());
    intent.cancellation_reason = Some("automatic".to_owned());
    show_with_event(desk, intent, Kind::IntentCanceled);
    Ok(())
}

/// Gives back the hold of an intent that waits to be captured.
pub fn release(desk: &mut CallDraft, intent: &Intent, kind: Kind) {
    let held = desk.held;
    if let Some(charge) = intent.latest_charge().and_then(|id| held.charges.get(id)) {
        let snapshot = desk.show(Charge { voided: true, ..charge.clone() });
        desk.tell(kind, snapshot);
    }
}

/// The money is held, and taken unless it is to be captured by hand.
fn authorised(desk: &mut CallDraft, mut intent: Intent, method: PaymentMethod) -> StripeAnswer {
    let mut charge = charge(desk, &intent, &method);
    intent.charges.push(charge.id.clone());
    let by_hand = intent.captured_by_hand();
    if by_hand {
        intent.status = IntentStatus::RequiresCapture;
        intent.amount_capturable = intent.amount;
    } else {
        intent.status = IntentStatus::Succeeded;
        intent.amount_received = intent.amount;
        charge.captured = true;
        charge.captured_minor = charge.amount;
    }
    desk.show(PaymentMethod { used: true, ..method });
    let shown = desk.show(charge.clone());
    desk.tell(Kind::ChargeSucceeded, shown);
    chargeback::open_for_card(desk, &charge);
    show_with_event(desk, intent, if by_hand { Kind::IntentCapturable } else { Kind::IntentSucceeded })
}

/// `charge` is the attempt at the bank, if there was one.
fn declined(
    desk: &mut CallDraft,
    mut intent: Intent,
    method: PaymentMethod,
    decline: Decline,
    charge: Option<Charge>,
) -> StripeRefusal {
    let id = charge.as_ref().map(|charge| charge.id.clone());
    intent.status = IntentStatus::RequiresPaymentMethod;
    intent.payment_method = None;
    intent.charges.extend(id.clone());
    intent.failure = Some(Box::new(PaymentError { decline, method: method.clone(), charge: id.clone() }));
    if let Some(charge) = charge {
        let charge = desk.show(charge);
        desk.tell(Kind::ChargeFailed, charge);
    }
    let snapshot = desk.show(intent);
    desk.tell(Kind::IntentFailed, snapshot);
    let mut refusal = StripeRefusal::card(decline.code(), decline.message());
    refusal.decline_code = decline.decline_code().map(Into::into);
    refusal.charge = id;
    refusal.intent = Some(snapshot);
    refusal.method = Some(desk.show(method));
    refusal
}

fn charge(desk: &mut CallDraft, intent: &Intent, method: &PaymentMethod) -> Charge {
    Charge {
        id: desk.mint.id("ch"),
        created: desk.now(),
        intent: intent.id.clone(),
        payment_method: method.id.clone(),
        amount: intent.amount,
        currency: intent.currency.clone(),
        card: method.card,
        decline: None,
        captured: false,
        voided: false,
        captured_minor: 0,
        refunded_minor: 0,
        refunds: Vec::new(),
        dispute: None,
        disputed_minor: 0,
        billing: method.billing.clone(),
        metadata: intent.metadata.clone(),
        description: intent.description.clone(),
        receipt_email: intent.receipt_email.clone(),
        shipping: intent.shipping.clone(),
        statement_descriptor: intent.statement_descriptor.clone(),
        statement_descriptor_suffix: intent.statement_descriptor_suffix.clone(),
        transfer_group: intent.transfer_group.clone(),
    }
}
