//! `/v1/refunds`: captured money going back, in one piece or in several.
//!
//! A refund of money that is only held is refused: cancel the intent instead.

use super::page::{Listed, Page, json, render};
use crate::{
    answer::Answer,
    books::Held,
    card::Behaviour,
    charge::Charge,
    desk::Desk,
    event::Kind,
    parameters::Parameters,
    refund::{Refund, Settlement, Status},
    refusal::Refusal,
    snapshot::Snapshot,
};

/// How long after its creation a refund on one of the special test cards changes its mind.
const SETTLES_AFTER_MS: i64 = 500;

impl Listed for Refund {
    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}

pub fn create(desk: &mut Desk, mut parameters: Parameters) -> Result<Answer, Refusal> {
    let intent = parameters.text("payment_intent");
    let charge = parameters.text("charge");
    let amount = parameters.integer("amount")?;
    let reasons = ["duplicate", "fraudulent", "requested_by_customer"];
    let reason = parameters.one_of("reason", &reasons)?.map(str::to_owned);
    let metadata = parameters.metadata()?.unwrap_or_default();
    parameters.ignore(&["expand", "instructions_email", "refund_application_fee", "reverse_transfer"]);
    parameters.finish()?;
    let held = desk.held;
    let mut charge = charged(held, intent, charge)?.clone();
    let amount = refundable(&charge, amount)?;
    let (status, settlement) = match charge.card.0.behaviour {
        Behaviour::RefundFails => (Status::Succeeded, Some(Status::Failed)),
        Behaviour::RefundPends => (Status::Pending, Some(Status::Succeeded)),
        _ => (Status::Succeeded, None),
    };
    let refund = Refund {
        id: desk.mint.id("re"),
        created: desk.now(),
        charge: charge.id.clone(),
        intent: charge.intent.clone(),
        amount,
        currency: charge.currency.clone(),
        status,
        settlement: settlement.map(|status| Settlement { at_ms: desk.at + SETTLES_AFTER_MS, status }),
        reason,
        metadata,
        key: desk.key.map(str::to_owned),
    };
    charge.refunded_minor += amount;
    charge.refunds.push(refund.id.clone());
    let snapshot = desk.show(Snapshot::Refund(refund));
    let charge = desk.show(Snapshot::Charge(charge));
    desk.tell(Kind::RefundCreated, snapshot);
    desk.tell(Kind::ChargeRefunded, charge);
    Ok(Answer::Shown { snapshot, latest: None })
}

fn charged(held: &Held, intent: Option<String>, charge: Option<String>) -> Result<&Charge, Refusal> {
    match (intent, charge) {
        (None, None) => Err(Refusal::invalid(
            "One of the following params should be provided for this request: payment_intent or charge.",
        )
        .with_code("parameter_missing")),
        (_, Some(id)) => {
            held.charges.get(&id).ok_or_else(|| Refusal::missing_object("charge", &id, "charge").kept())
        }
        (Some(id), None) => {
            let missing = || Refusal::missing_object("payment_intent", &id, "payment_intent").kept();
            let intent = held.intents.get(&id).ok_or_else(missing)?;
            let latest = intent.latest_charge().and_then(|id| held.charges.get(id));
            latest.filter(|charge| charge.decline.is_none()).ok_or_else(|| {
                let message =
                    format!("This PaymentIntent ({id}) does not have a successful charge to refund.");
                Refusal::invalid(message).kept()
            })
        }
    }
}

fn refundable(charge: &Charge, asked: Option<i64>) -> Result<i64, Refusal> {
    let id = &charge.id;
    let left = charge.refundable_minor();
    if charge.decline.is_some() || !charge.captured {
        let message = format!("Charge {id} has not been captured and cannot be refunded.");
        return Err(Refusal::invalid(message).with_code("charge_not_refundable").kept());
    }
    if left == 0 {
        let message = format!("Charge {id} has already been refunded.");
        return Err(Refusal::invalid(message).with_code("charge_already_refunded").kept());
    }
    match asked.unwrap_or(left) {
        ..=0 => {
            let message = "This value must be greater than or equal to 1.";
            Err(Refusal::invalid(message).with_code("parameter_invalid_integer").with_param("amount"))
        }
        amount if amount > left => {
            let message =
                format!("Refund amount ({amount}) is greater than unrefunded amount on charge ({left})");
            Err(Refusal::invalid(message).with_code("amount_too_large").with_param("amount").kept())
        }
        amount => Ok(amount),
    }
}

/// The bank's second answer about a refund. The money of a failed one is back on the charge.
pub fn settle(desk: &mut Desk, id: &str) {
    let held = desk.held;
    let Some(refund) = held.refunds.get(id) else { return };
    let (Some(settlement), Some(charge)) = (refund.settlement, held.charges.get(&refund.charge)) else {
        return;
    };
    let refund = Refund { status: settlement.status, settlement: None, ..refund.clone() };
    let (amount, failed) = (refund.amount, settlement.status == Status::Failed);
    let snapshot = desk.show(Snapshot::Refund(refund));
    if failed {
        let charge = Charge { refunded_minor: charge.refunded_minor - amount, ..charge.clone() };
        desk.show(Snapshot::Charge(charge));
        desk.tell(Kind::RefundFailed, snapshot);
    }
    desk.tell(Kind::RefundUpdated, snapshot);
    desk.tell(Kind::ChargeRefundUpdated, snapshot);
}

pub fn retrieve(held: &Held, id: &str, mut parameters: Parameters) -> Result<Vec<u8>, Refusal> {
    parameters.ignore(&["expand"]);
    parameters.finish()?;
    let missing = || Refusal::missing_object("refund", id, "id").with_status(404);
    Ok(json(&held.refunds.get(id).ok_or_else(missing)?.view()))
}

pub fn list(held: &Held, mut parameters: Parameters) -> Result<Vec<u8>, Refusal> {
    let page = Page::read(&mut parameters)?;
    let intent = parameters.text("payment_intent");
    let charge = parameters.text("charge");
    parameters.finish()?;
    let charges: Vec<&String> = match (intent, &charge) {
        (None, None) => {
            let (refunds, has_more) = page.of_map(&held.refunds);
            return Ok(render("/v1/refunds", refunds.into_iter().map(Refund::view).collect(), has_more));
        }
        (_, Some(id)) => vec![id],
        (Some(id), None) => {
            let missing = || Refusal::missing_object("payment_intent", &id, "payment_intent");
            held.intents.get(&id).ok_or_else(missing)?.charges.iter().rev().collect()
        }
    };
    let found = charges.into_iter().filter_map(|id| held.charges.get(id));
    let refunds = found.flat_map(|charge| charge.refunds.iter().rev()).filter_map(|id| held.refunds.get(id));
    let (refunds, has_more) = page.select(refunds);
    Ok(render("/v1/refunds", refunds.into_iter().map(Refund::view).collect(), has_more))
}
