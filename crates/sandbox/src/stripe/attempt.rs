//! One attempt to pay an intent: the bank requires authentication, declines, or authorises.
//!
//! | the card                            | the intent                            | events                                  |
//! |-------------------------------------|---------------------------------------|-----------------------------------------|
//! | pays                                | `succeeded`, or `requires_capture`    | `charge.succeeded` and the intent's own |
//! | declines                            | `requires_payment_method`, error 402  | `charge.failed`, `…payment_failed`      |
//! | requires authentication             | `requires_action`                     | `…requires_action`                      |
//! | requires it off session, or the caller cannot do it | `requires_payment_method`, error 402 | `…payment_failed`, no charge |
//! | is Pix, or a boleto                 | `requires_action` with a code or voucher; unpaid in time `requires_payment_method` | `…requires_action`, then `…payment_failed` |
//! | is stuck (a fault)                  | `processing`, then as the card decides | `…processing`                          |

use super::{chargeback, confirmation::Options, customers, details, payment_methods};
use crate::{
    answer::StripeAnswer,
    call_draft::CallDraft,
    card::{Behaviour, Decline},
    charge::Charge,
    event::Kind,
    intent::{
        BOLETO_DAYS, ChosenMethod, Intent, IntentStatus, NextAction, PaymentError, PixCode, Settlement,
        Voucher,
    },
    mercado_pago::pix_code,
    payment_method::PaymentMethod,
    refusal::StripeRefusal,
};

const BOLETO_NUMBER: &str = "23790.00009 00000.000000 00000.000000 1 00000000000000";
/// Seconds that a code can be paid, if nobody says.
const PIX_SECONDS_DEFAULT: i64 = 14_400;

/// The caller has checked that the intent may be confirmed.
pub fn confirm(
    draft: &mut CallDraft,
    mut intent: Intent,
    method: PaymentMethod,
    options: Options,
) -> Result<StripeAnswer, StripeRefusal> {
    refuse_unconfirmable(&intent, &method, &options)?;
    intent.failure = None;
    intent.next_action = None;
    intent.settlement = None;
    intent.payment_method = Some(ChosenMethod { id: method.id.clone(), card: method.card });
    if method.card.0.is_paid_elsewhere() {
        return Ok(show_code(draft, intent, method.card.0.is_pix()));
    }
    let asks = match method.card.0.behaviour {
        Behaviour::Authenticates | Behaviour::AuthenticatesThenDeclines(_) => true,
        Behaviour::AuthenticatesUnlessSetUp => !(options.off_session && method.is_set_up),
        Behaviour::AuthenticatesOnSession => !options.off_session,
        _ => false,
    };
    if asks && options.off_session {
        return Err(declined(draft, intent, method, Decline::AuthenticationRequired, None));
    }
    if asks && options.error_on_requires_action {
        return Err(declined(draft, intent, method, Decline::AuthenticationNotHandled, None));
    }
    if asks {
        let page = format!("{}/sandbox/authenticate/{}", draft.base, intent.id);
        let return_url = options.return_url.filter(|_| !options.use_stripe_sdk);
        intent.status = IntentStatus::RequiresAction;
        intent.next_action = Some(NextAction { page, return_url, pix: None, voucher: None });
        return Ok(show_with_event(draft, intent, Kind::IntentRequiresAction));
    }
    let confirmation = draft.confirmation;
    if let Some(delay_ms) = confirmation.processing_ms {
        intent.status = IntentStatus::Processing;
        let at_ms = draft.at + delay_ms as i64;
        intent.settlement = Some(Settlement { at_ms, declined: confirmation.declined });
        return Ok(show_with_event(draft, intent, Kind::IntentProcessing));
    }
    conclude(draft, intent, method, confirmation.declined)
}

/// The payer pays the code in the application of a bank, or the voucher at a bank, or the attempt expires.
fn show_code(draft: &mut CallDraft, mut intent: Intent, is_pix: bool) -> StripeAnswer {
    let page = format!("{}/sandbox/pay/{}", draft.base, intent.id);
    let mut next = NextAction { page, return_url: None, pix: None, voucher: None };
    let expires_at = if is_pix {
        let code = pix_code_of(draft, &intent, &next.page);
        next.pix.insert(code).expires_at
    } else {
        let expires_at = draft.now() + BOLETO_DAYS * 24 * 60 * 60;
        next.voucher.insert(Voucher { number: BOLETO_NUMBER.to_owned(), expires_at }).expires_at
    };
    intent.status = IntentStatus::RequiresAction;
    intent.next_action = Some(next);
    intent.settlement = Some(Settlement { at_ms: expires_at * 1000, declined: true });
    show_with_event(draft, intent, Kind::IntentRequiresAction)
}

fn pix_code_of(draft: &CallDraft, intent: &Intent, page: &str) -> PixCode {
    let given = |name| intent.pix_options.get(name).copied();
    let expires_at = given("expires_at")
        .unwrap_or_else(|| draft.now() + given("expires_after_seconds").unwrap_or(PIX_SECONDS_DEFAULT));
    let data = pix_code(page.split_once("://").map_or(page, |(_, rest)| rest));
    PixCode { data, expires_at }
}

fn refuse_unconfirmable(
    intent: &Intent,
    method: &PaymentMethod,
    options: &Options,
) -> Result<(), StripeRefusal> {
    customers::check_owner(method, intent.customer.as_deref())?;
    payment_methods::refuse_used(method)?;
    details::refuse_descriptor(intent)?;
    let kind = method.card.0.kind();
    if !intent.payment_method_types.iter().any(|found| found == kind) {
        let message = format!(
            "The PaymentMethod provided ({kind}) is not allowed for this PaymentIntent. Please attach a PaymentMethod of one of the following types: {}.",
            intent.payment_method_types.join(", ")
        );
        return Err(StripeRefusal::invalid(message).with_code("payment_intent_incompatible_payment_method"));
    }
    if method.card.0.is_paid_elsewhere() && intent.captured_by_hand() {
        let message = format!("The payment method type {kind} does not support manual capture.");
        return Err(StripeRefusal::invalid(message).with_param("capture_method"));
    }
    let redirects = intent.automatic_payment_methods.as_ref();
    let redirects = redirects.is_some_and(|found| found.enabled && found.allow_redirects != "never");
    if redirects && options.return_url.is_none() && !options.use_stripe_sdk {
        let message = "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of these payment methods might redirect your customer off of your page, you must provide a `return_url`. If you don't want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to `true` and `automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment Intents.";
        return Err(StripeRefusal::invalid(message));
    }
    Ok(())
}

fn show_with_event(draft: &mut CallDraft, intent: Intent, kind: Kind) -> StripeAnswer {
    let snapshot = draft.add_snapshot(intent);
    draft.add_event(kind, snapshot);
    StripeAnswer::shown(snapshot)
}

/// The bank decides. `declined_by_fault` makes it decline a card that would pay.
fn conclude(
    draft: &mut CallDraft,
    intent: Intent,
    method: PaymentMethod,
    declined_by_fault: bool,
) -> Result<StripeAnswer, StripeRefusal> {
    let decline = match method.card.0.behaviour {
        Behaviour::Declines(decline) | Behaviour::AuthenticatesThenDeclines(decline) => Some(decline),
        _ => declined_by_fault.then_some(Decline::Generic),
    };
    let Some(decline) = decline else { return Ok(authorised(draft, intent, method)) };
    let charge = Charge { decline: Some(decline), ..charge(draft, &intent, &method) };
    Err(declined(draft, intent, method, decline, Some(charge)))
}

/// Ends the `processing` of an intent with its card's result.
pub fn settle(draft: &mut CallDraft, id: &str) {
    let held = draft.held;
    let Some(intent) = held.intents.get(id) else { return };
    let (Some(settlement), Some(chosen)) = (intent.settlement, &intent.payment_method) else { return };
    let Some(method) = held.payment_methods.get(&chosen.id) else { return };
    let intent = Intent { settlement: None, next_action: None, ..intent.clone() };
    if method.card.0.is_paid_elsewhere() {
        drop(declined(draft, intent, method.clone(), Decline::AttemptExpired, None));
        return;
    }
    // A decline is reported by its event: no caller waits for a reply.
    drop(conclude(draft, intent, method.clone(), settlement.declined));
}

/// The payer pays the code of Pix, or the voucher.
pub fn pay_code(draft: &mut CallDraft, id: &str) -> Result<(), StripeRefusal> {
    let (mut intent, method) = waiting(draft, id)?;
    if !method.card.0.is_paid_elsewhere() {
        return Err(unexpected(&intent, "no code"));
    }
    (intent.next_action, intent.settlement) = (None, None);
    drop(conclude(draft, intent, method, false));
    Ok(())
}

/// The payer enters a test card into the form of the page, or chooses a boleto there, which confirms the intent. A decline is shown
/// there, and the payer may try again.
pub fn fill_form(draft: &mut CallDraft, id: &str, card: &str) -> Result<(), StripeRefusal> {
    let missing = || StripeRefusal::missing_object("payment_intent", id, "intent").with_status(404);
    let intent = draft.held.intents.get(id).ok_or_else(missing)?.clone();
    if !matches!(intent.status, IntentStatus::RequiresPaymentMethod | IntentStatus::RequiresConfirmation) {
        return Err(unexpected(&intent, "no payment method"));
    }
    let method = payment_methods::entered(draft, card)?;
    drop(confirm(draft, intent, method, Options::of_browser()));
    Ok(())
}

fn unexpected(intent: &Intent, waits_for: &str) -> StripeRefusal {
    let message = format!("This PaymentIntent waits for {waits_for}: it is {}.", intent.status.name());
    StripeRefusal::invalid(message).with_code("payment_intent_unexpected_state")
}

/// An intent that waits for its payer, with its payment method.
fn waiting(draft: &CallDraft, id: &str) -> Result<(Intent, PaymentMethod), StripeRefusal> {
    let held = draft.held;
    let missing = || StripeRefusal::missing_object("payment_intent", id, "intent").with_status(404);
    let intent = held.intents.get(id).ok_or_else(missing)?.clone();
    let method = intent.payment_method.as_ref().and_then(|chosen| held.payment_methods.get(&chosen.id));
    match (intent.status, method.cloned()) {
        (IntentStatus::RequiresAction, Some(method)) => Ok((intent, method)),
        _ => Err(unexpected(&intent, "no authentication")),
    }
}

/// The payer returned from the bank. Returns the page to redirect to, if one was given.
pub fn authenticate(
    draft: &mut CallDraft,
    id: &str,
    approved: bool,
) -> Result<Option<String>, StripeRefusal> {
    let (mut intent, method) = waiting(draft, id)?;
    let Some(next) = intent.next_action.take().filter(NextAction::is_authentication) else {
        return Err(unexpected(&intent, "no authentication"));
    };
    if approved {
        drop(conclude(draft, intent, method, false));
    } else {
        drop(declined(draft, intent, method, Decline::AuthenticationFailed, None));
    }
    Ok(next.return_url)
}

/// The authorisation of an uncaptured intent expires, as it does after seven days; or a code of Pix.
pub fn expire(draft: &mut CallDraft, id: &str) -> Result<(), StripeRefusal> {
    let missing = || StripeRefusal::missing_object("payment_intent", id, "intent").with_status(404);
    let mut intent = draft.held.intents.get(id).ok_or_else(missing)?.clone();
    if intent.status == IntentStatus::RequiresAction && intent.settlement.is_some() {
        settle(draft, id);
        return Ok(());
    }
    if intent.status != IntentStatus::RequiresCapture {
        let message = format!("This PaymentIntent holds nothing: it is {}.", intent.status.name());
        return Err(StripeRefusal::invalid(message).with_code("payment_intent_unexpected_state"));
    }
    release(draft, &intent, Kind::ChargeExpired);
    intent.status = IntentStatus::Canceled;
    intent.amount_capturable = 0;
    intent.canceled_at = Some(draft.now());
    intent.cancellation_reason = Some("automatic".to_owned());
    show_with_event(draft, intent, Kind::IntentCanceled);
    Ok(())
}

/// Releases the authorisation of an intent that waits to be captured.
pub fn release(draft: &mut CallDraft, intent: &Intent, kind: Kind) {
    let held = draft.held;
    if let Some(charge) = intent.latest_charge().and_then(|id| held.charges.get(id)) {
        let snapshot = draft.add_snapshot(Charge { voided: true, ..charge.clone() });
        draft.add_event(kind, snapshot);
    }
}

/// Authorises the money, and captures it unless it is captured manually.
fn authorised(draft: &mut CallDraft, mut intent: Intent, method: PaymentMethod) -> StripeAnswer {
    let mut charge = charge(draft, &intent, &method);
    intent.charges.push(charge.id.clone());
    let by_hand = intent.captured_by_hand();
    if by_hand {
        intent.status = IntentStatus::RequiresCapture;
        intent.amount_capturable = intent.amount;
    } else {
        intent.status = IntentStatus::Succeeded;
        intent.amount_received = intent.amount;
        let amount = charge.amount;
        charge.take(draft, amount);
    }
    keep(draft, &intent, method);
    let shown = draft.add_snapshot(charge.clone());
    draft.add_event(Kind::ChargeSucceeded, shown);
    chargeback::open_for_card(draft, &charge);
    show_with_event(draft, intent, if by_hand { Kind::IntentCapturable } else { Kind::IntentSucceeded })
}

/// The payment method has paid. With `setup_future_usage` it is attached to the intent's customer.
fn keep(draft: &mut CallDraft, intent: &Intent, method: PaymentMethod) {
    let was_attached = method.customer.is_some();
    let mut method = PaymentMethod { used: true, ..method };
    if intent.setup_future_usage.is_some() && intent.customer.is_some() {
        method.customer.clone_from(&intent.customer);
        method.is_set_up |= intent.setup_future_usage.as_deref() == Some("off_session");
    }
    let is_new = !was_attached && method.customer.is_some();
    let snapshot = draft.add_snapshot(method);
    if is_new {
        draft.add_event(Kind::MethodAttached, snapshot);
    }
}

/// `charge` is the attempt at the bank, if there was one.
fn declined(
    draft: &mut CallDraft,
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
        let charge = draft.add_snapshot(charge);
        draft.add_event(Kind::ChargeFailed, charge);
    }
    let snapshot = draft.add_snapshot(intent);
    draft.add_event(Kind::IntentFailed, snapshot);
    let mut refusal = StripeRefusal::card(decline.code(), decline.message());
    refusal.decline_code = decline.decline_code().map(Into::into);
    refusal.charge = id;
    refusal.intent = Some(snapshot);
    refusal.method = Some(draft.add_snapshot(method));
    refusal
}

fn charge(draft: &mut CallDraft, intent: &Intent, method: &PaymentMethod) -> Charge {
    Charge {
        id: draft.mint.id("ch"),
        created: draft.now(),
        intent: intent.id.clone(),
        payment_method: method.id.clone(),
        amount: intent.amount,
        currency: intent.currency.clone(),
        card: method.card,
        decline: None,
        captured: false,
        voided: false,
        captured_minor: 0,
        capture: None,
        refunded_minor: 0,
        refunds: Vec::new(),
        dispute: None,
        disputed_minor: 0,
        billing: method.billing.clone(),
        metadata: intent.metadata.clone(),
        customer: intent.customer.clone(),
        description: intent.description.clone(),
        receipt_email: intent.receipt_email.clone(),
        shipping: intent.shipping.clone(),
        statement_descriptor: intent.statement_descriptor.clone(),
        statement_descriptor_suffix: intent.statement_descriptor_suffix.clone(),
        transfer_group: intent.transfer_group.clone(),
    }
}
