//! One attempt to pay an intent: the bank asks the payer back, declines, or authorises.
//!
//! | the card           | the intent                            | events                                   |
//! |--------------------|---------------------------------------|------------------------------------------|
//! | pays               | `succeeded`, or `requires_capture`    | `charge.succeeded` and the intent's own  |
//! | declines           | `requires_payment_method`, error 402  | `charge.failed`, `…payment_failed`       |
//! | wants the payer    | `requires_action`                     | `…requires_action`                       |

use crate::{
    answer::Answer,
    card::{self, Behaviour, Card, CardRef, Decline},
    charge::Charge,
    desk::Desk,
    event::Kind,
    intent::{Failure, Intent, NextAction, Status},
    parameters::Parameters,
    refusal::Refusal,
    snapshot::Snapshot,
};

pub fn card_named(id: &str) -> Result<CardRef, Refusal> {
    let missing = || Refusal::missing_object("PaymentMethod", id, "payment_method").kept();
    card::find(id).map(CardRef).ok_or_else(missing)
}

/// `expand[]=latest_charge` is honoured; other expansions show the plain object.
pub fn wants_latest_charge(parameters: &mut Parameters) -> bool {
    parameters.list("expand").iter().any(|path| path == "latest_charge" || path == "data.latest_charge")
}

/// The caller has made sure that the intent may be confirmed.
pub fn confirm(
    desk: &mut Desk,
    mut intent: Intent,
    card: &'static Card,
    return_url: Option<String>,
    expand: bool,
) -> Result<Answer, Refusal> {
    intent.failure = None;
    intent.next_action = None;
    intent.card = Some(CardRef(card));
    match card.behaviour {
        Behaviour::Authenticates | Behaviour::AuthenticatesThenDeclines(_) => {
            intent.status = Status::RequiresAction;
            let page = format!("{}/sandbox/authenticate/{}", desk.base, intent.id);
            intent.next_action = Some(NextAction { page, return_url });
            let snapshot = desk.show(Snapshot::Intent(intent));
            desk.tell(Kind::IntentRequiresAction, snapshot);
            Ok(Answer::Shown { snapshot, latest: None })
        }
        Behaviour::Declines(decline) => Err(declined(desk, intent, card, decline)),
        _ if desk.declined => Err(declined(desk, intent, card, Decline::Generic)),
        Behaviour::Pays | Behaviour::RefundFails | Behaviour::RefundPends => {
            let (snapshot, charge) = authorised(desk, intent, card);
            Ok(Answer::Shown { snapshot, latest: expand.then_some(charge) })
        }
    }
}

/// The payer came back from the bank. Returns where to send them on, if that was asked for.
pub fn authenticate(desk: &mut Desk, id: &str, approved: bool) -> Result<Option<String>, Refusal> {
    let missing = || Refusal::missing_object("payment_intent", id, "intent").with_status(404);
    let mut intent = desk.held.intents.get(id).ok_or_else(missing)?.clone();
    let (Status::RequiresAction, Some(next), Some(card)) =
        (intent.status, intent.next_action.take(), intent.card)
    else {
        let message =
            format!("This PaymentIntent waits for no authentication: it is {}.", intent.status.name());
        return Err(Refusal::invalid(message).with_code("payment_intent_unexpected_state"));
    };
    match card.0.behaviour {
        _ if !approved => {
            intent.status = Status::RequiresPaymentMethod;
            intent.card = None;
            let decline = Decline::AuthenticationFailed;
            intent.failure = Some(Failure { decline, card, charge: None });
            let snapshot = desk.show(Snapshot::Intent(intent));
            desk.tell(Kind::IntentFailed, snapshot);
        }
        Behaviour::AuthenticatesThenDeclines(decline) => drop(declined(desk, intent, card.0, decline)),
        _ => drop(authorised(desk, intent, card.0)),
    }
    Ok(next.return_url)
}

/// The hold of an uncaptured intent runs out, as it does by itself after seven days.
pub fn expire(desk: &mut Desk, id: &str) -> Result<(), Refusal> {
    let missing = || Refusal::missing_object("payment_intent", id, "intent").with_status(404);
    let mut intent = desk.held.intents.get(id).ok_or_else(missing)?.clone();
    if intent.status != Status::RequiresCapture {
        let message = format!("This PaymentIntent holds nothing: it is {}.", intent.status.name());
        return Err(Refusal::invalid(message).with_code("payment_intent_unexpected_state"));
    }
    release(desk, &intent, Kind::ChargeExpired);
    intent.status = Status::Canceled;
    intent.amount_capturable = 0;
    intent.canceled_at = Some(desk.now());
    intent.cancellation_reason = Some("automatic".to_owned());
    let snapshot = desk.show(Snapshot::Intent(intent));
    desk.tell(Kind::IntentCanceled, snapshot);
    Ok(())
}

/// Gives back the hold of an intent that waits to be captured.
pub fn release(desk: &mut Desk, intent: &Intent, kind: Kind) {
    let held = desk.held;
    if let Some(charge) = intent.latest_charge().and_then(|id| held.charges.get(id)) {
        let snapshot = desk.show(Snapshot::Charge(Charge { voided: true, ..charge.clone() }));
        desk.tell(kind, snapshot);
    }
}

/// The money is held, and taken unless it is to be captured by hand. Returns the positions of the
/// intent and its charge.
fn authorised(desk: &mut Desk, mut intent: Intent, card: &'static Card) -> (usize, usize) {
    let mut charge = charge(desk, &intent, card);
    intent.charges.push(charge.id.clone());
    let by_hand = intent.captured_by_hand();
    if by_hand {
        intent.status = Status::RequiresCapture;
        intent.amount_capturable = intent.amount;
    } else {
        intent.status = Status::Succeeded;
        intent.amount_received = intent.amount;
        charge.captured = true;
        charge.captured_minor = charge.amount;
    }
    let charge = desk.show(Snapshot::Charge(charge));
    let snapshot = desk.show(Snapshot::Intent(intent));
    desk.tell(Kind::ChargeSucceeded, charge);
    desk.tell(if by_hand { Kind::IntentCapturable } else { Kind::IntentSucceeded }, snapshot);
    (snapshot, charge)
}

fn declined(desk: &mut Desk, mut intent: Intent, card: &'static Card, decline: Decline) -> Refusal {
    let charge = Charge { decline: Some(decline), ..charge(desk, &intent, card) };
    let id = charge.id.clone();
    intent.status = Status::RequiresPaymentMethod;
    intent.card = None;
    intent.charges.push(id.clone());
    intent.failure = Some(Failure { decline, card: CardRef(card), charge: Some(id.clone()) });
    let charge = desk.show(Snapshot::Charge(charge));
    let snapshot = desk.show(Snapshot::Intent(intent));
    desk.tell(Kind::ChargeFailed, charge);
    desk.tell(Kind::IntentFailed, snapshot);
    let mut refusal = Refusal::card(decline.code(), decline.message());
    refusal.decline_code = decline.decline_code().map(Into::into);
    refusal.charge = Some(id);
    refusal.intent = Some(snapshot);
    refusal
}

fn charge(desk: &mut Desk, intent: &Intent, card: &'static Card) -> Charge {
    Charge {
        id: desk.mint.id("ch"),
        created: desk.now(),
        intent: intent.id.clone(),
        amount: intent.amount,
        currency: intent.currency.clone(),
        card: CardRef(card),
        decline: None,
        captured: false,
        voided: false,
        captured_minor: 0,
        refunded_minor: 0,
        refunds: Vec::new(),
        metadata: intent.metadata.clone(),
        customer: intent.customer.clone(),
        description: intent.description.clone(),
        receipt_email: intent.receipt_email.clone(),
        statement_descriptor: intent.statement_descriptor.clone(),
        statement_descriptor_suffix: intent.statement_descriptor_suffix.clone(),
        transfer_group: intent.transfer_group.clone(),
    }
}
