//! `/v1/refunds`: refunds of captured money, in full or in parts.
//!
//! A refund of authorised money is refused: the intent must be cancelled instead. A refund of money
//! that a dispute has withdrawn is refused as well.

use super::{
    chargeback,
    page::{Listed, StripePage, json, render},
    unmodelled,
};
use crate::{
    answer::StripeAnswer,
    books::AccountBooks,
    call_draft::CallDraft,
    card::Behaviour,
    charge::Charge,
    currency::Currency,
    event::Kind,
    parameters::{Parameters, StripeMetadata},
    refund::{Refund, Settlement, StripeRefundStatus},
    refusal::StripeRefusal,
};

/// How long after its creation a refund on one of the special test cards changes its status.
const SETTLES_AFTER_MS: i64 = 500;

impl Listed for Refund {
    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}

pub fn create(draft: &mut CallDraft, mut parameters: Parameters) -> Result<StripeAnswer, StripeRefusal> {
    if let Some(name) = ["customer", "currency"].into_iter().find(|name| parameters.has(name)) {
        return Err(unmodelled::refusal(name));
    }
    let mut metadata = StripeMetadata::new();
    parameters.merge_metadata(&mut metadata)?;
    let charge = charged(draft.held, parameters.text("payment_intent"), parameters.text("charge"))?;
    let amount = refundable(charge, parameters.integer("amount"))?;
    let (status, settlement) = match charge.card.0.behaviour {
        Behaviour::RefundFails => (StripeRefundStatus::Succeeded, Some(StripeRefundStatus::Failed)),
        Behaviour::RefundPends => (StripeRefundStatus::Pending, Some(StripeRefundStatus::Succeeded)),
        _ => (StripeRefundStatus::Succeeded, None),
    };
    let refund = Refund {
        id: draft.mint.id("re"),
        created: draft.now(),
        charge: charge.id.clone(),
        intent: charge.intent.clone(),
        payment_method: charge.payment_method.clone(),
        amount,
        currency: charge.currency.clone(),
        status,
        settlement: settlement.map(|status| Settlement { at_ms: draft.at + SETTLES_AFTER_MS, status }),
        reason: parameters.text("reason"),
        metadata,
        key: draft.key.map(str::to_owned),
    };
    let mut charge = charge.clone();
    charge.refunded_minor += amount;
    charge.refunds.push(refund.id.clone());
    let snapshot = draft.add_snapshot(refund);
    let shown = draft.add_snapshot(charge.clone());
    draft.add_event(Kind::RefundCreated, snapshot);
    draft.add_event(Kind::ChargeRefunded, shown);
    chargeback::close_refunded_inquiry(draft, &charge);
    Ok(StripeAnswer::shown(snapshot))
}

fn charged(
    held: &AccountBooks,
    intent: Option<String>,
    charge: Option<String>,
) -> Result<&Charge, StripeRefusal> {
    let missing = |what: &str, id: &str| StripeRefusal::missing_object(what, id, "id").with_status(404);
    let of_intent = |id: &String| {
        let intent = held.intents.get(id).ok_or_else(|| missing("payment_intent", id))?;
        let latest = intent.latest_charge().and_then(|id| held.charges.get(id));
        latest.filter(|charge| charge.decline.is_none()).ok_or_else(|| without_charge(id))
    };
    match (intent, charge) {
        (None, None) => Err(StripeRefusal::invalid(
            "One of the following params should be provided for this request: payment_intent or charge.",
        )),
        (Some(id), None) => of_intent(&id),
        (intent, Some(id)) => {
            let charge = held.charges.get(&id).ok_or_else(|| missing("charge", &id))?;
            match intent {
                Some(intent) if intent != charge.intent => Err(StripeRefusal::invalid(format!(
                    "Charge {id} does not belong to PaymentIntent {intent}."
                ))),
                _ if charge.decline.is_some() => Err(without_charge(&charge.intent)),
                _ => Ok(charge),
            }
        }
    }
}

fn without_charge(intent: &str) -> StripeRefusal {
    StripeRefusal::invalid(format!(
        "This PaymentIntent ({intent}) does not have a successful charge to refund."
    ))
}

fn refundable(charge: &Charge, asked: Option<i64>) -> Result<i64, StripeRefusal> {
    let id = &charge.id;
    if !charge.captured {
        let message = format!(
            "This uncaptured Charge was created by a PaymentIntent ({}). You must cancel the PaymentIntent to reverse the authorization instead of refunding the Charge directly. For more information, see https://stripe.com/docs/payments/place-a-hold-on-a-payment-method",
            charge.intent
        );
        return Err(StripeRefusal::invalid(message).with_code("charge_not_refundable"));
    }
    if charge.refunded_minor == charge.captured_minor {
        let message = format!("Charge {id} has already been refunded.");
        return Err(StripeRefusal::invalid(message).with_code("charge_already_refunded"));
    }
    let left = charge.refundable_minor();
    if left <= 0 {
        let message = format!("Charge {id} has been charged back; cannot issue a refund.");
        return Err(StripeRefusal::invalid(message).with_code("charge_disputed"));
    }
    let currency = Currency::read(&charge.currency)?;
    let refused = |message: String| StripeRefusal::invalid(message).with_param("amount");
    match asked.unwrap_or(left) {
        ..=0 => Err(refused("This value must be greater than or equal to 1.".to_owned())
            .with_code("parameter_invalid_integer")),
        amount if amount > left => Err(refused(format!(
            "Refund amount ({}) is greater than unrefunded amount on charge ({})",
            currency.written(amount),
            currency.written(left)
        ))
        .with_books_code("amount_too_large")),
        amount => currency.check_step(amount, "amount").map(|()| amount),
    }
}

/// The bank's second response about a refund. The money of a failed refund is back on the charge.
pub fn settle(draft: &mut CallDraft, id: &str) {
    let held = draft.held;
    let Some(refund) = held.refunds.get(id) else { return };
    let (Some(settlement), Some(charge)) = (refund.settlement, held.charges.get(&refund.charge)) else {
        return;
    };
    let refund = Refund { status: settlement.status, settlement: None, ..refund.clone() };
    let (amount, failed) = (refund.amount, settlement.status == StripeRefundStatus::Failed);
    let snapshot = draft.add_snapshot(refund);
    if failed {
        let charge = Charge { refunded_minor: charge.refunded_minor - amount, ..charge.clone() };
        draft.add_snapshot(charge);
        draft.add_event(Kind::RefundFailed, snapshot);
    }
    draft.add_event(Kind::RefundUpdated, snapshot);
    draft.add_event(Kind::ChargeRefundUpdated, snapshot);
}

pub fn retrieve(held: &AccountBooks, id: &str) -> Result<Vec<u8>, StripeRefusal> {
    let missing = || StripeRefusal::missing_object("refund", id, "id").with_status(404);
    Ok(json(&held.refunds.get(id).ok_or_else(missing)?.view()))
}

pub fn list(held: &AccountBooks, mut parameters: Parameters) -> Result<Vec<u8>, StripeRefusal> {
    let page = StripePage::read(&mut parameters, "refund", |id| held.refunds.contains_key(id))?;
    let intent = parameters.text("payment_intent");
    let charge = parameters.text("charge");
    let missing = |what: &str, id: &str| StripeRefusal::missing_object(what, id, what);
    if let Some(id) = intent.as_ref().filter(|id| !held.intents.contains_key(*id)) {
        return Err(missing("payment_intent", id));
    }
    if let Some(id) = charge.as_ref().filter(|id| !held.charges.contains_key(*id)) {
        return Err(missing("charge", id));
    }
    let (refunds, has_more) = match (&intent, &charge) {
        (None, None) => page.of_map(&held.refunds),
        // Searched through the charges, so that one payment's refunds are found without reading
        // all.
        (Some(intent), _) => page.select(refunds_of(held, &held.intents[intent].charges, charge.as_deref())),
        (None, Some(id)) => page.select(refunds_of(held, std::slice::from_ref(id), None)),
    };
    Ok(render("/v1/refunds", refunds.into_iter().map(Refund::view).collect(), has_more))
}

/// Newest first; only those of `only`, if it is given.
fn refunds_of<'a>(
    held: &'a AccountBooks,
    charges: &'a [String],
    only: Option<&'a str>,
) -> impl Iterator<Item = &'a Refund> {
    let charges = charges.iter().rev().filter(move |id| only.is_none_or(|only| only == *id));
    let charges = charges.filter_map(|id| held.charges.get(id));
    charges.flat_map(|charge| charge.refunds.iter().rev()).filter_map(|id| held.refunds.get(id))
}
