//! `/sandbox/dispute/{pi}` and `/sandbox/disputes/{du}`: a customer disputes, and the bank decides.

use serde::Deserialize;

use super::{Answered, act, answered, refused};
use crate::{
    books::AccountBooks, charge::Charge, dispute::DisputeDecision, refusal::StripeRefusal,
    state::SharedState, stripe,
};

/// Reasons of disputes: <https://docs.stripe.com/api/disputes/object#dispute_object-reason>.
const REASONS: [&str; 15] = [
    "bank_cannot_process",
    "check_returned",
    "credit_not_processed",
    "customer_initiated",
    "debit_not_authorized",
    "duplicate",
    "fraudulent",
    "general",
    "incorrect_account_details",
    "insufficient_funds",
    "noncompliant",
    "product_not_received",
    "product_unacceptable",
    "subscription_canceled",
    "unrecognized",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DisputeRequest {
    amount: Option<i64>,
    reason: Option<String>,
    #[serde(default)]
    inquiry: bool,
    /// Unix seconds.
    due_by: Option<i64>,
}

pub fn open(shared: &SharedState, intent: &str, body: &[u8]) -> Answered {
    let body = if body.is_empty() { b"{}" } else { body };
    let request: DisputeRequest = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => return refused(400, &error.to_string()),
    };
    let reason = request.reason.as_deref().unwrap_or("fraudulent");
    if !REASONS.contains(&reason) {
        return refused(400, &format!("reason must be one of {}", REASONS.join(", ")));
    }
    let opened = act(shared, intent, |draft| {
        let charge = disputable(draft.held, intent)?;
        let left = charge.refundable_minor();
        let amount = request.amount.unwrap_or(left);
        if !(1..=left).contains(&amount) {
            return Err(StripeRefusal::invalid(format!("amount must be from 1 to {left}")));
        }
        let DisputeRequest { inquiry, due_by, .. } = request;
        Ok(stripe::open(draft, charge, &stripe::NewDispute { amount, reason, inquiry, due_by }))
    });
    shown(shared, intent, opened.map(|_| intent))
}

fn disputable<'a>(held: &'a AccountBooks, intent: &str) -> Result<&'a Charge, StripeRefusal> {
    let charge = held.intents.get(intent).and_then(|intent| held.charges.get(intent.latest_charge()?));
    let charge = charge.filter(|charge| charge.captured && charge.refundable_minor() > 0);
    let charge = charge.ok_or_else(|| StripeRefusal::invalid("This PaymentIntent has taken no money."))?;
    if charge.dispute.is_some() {
        return Err(StripeRefusal::invalid("This PaymentIntent is disputed already."));
    }
    Ok(charge)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DecisionRequest {
    outcome: DisputeDecision,
}

pub fn decide(shared: &SharedState, dispute: &str, body: &[u8]) -> Answered {
    let request: DecisionRequest = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => return refused(400, &error.to_string()),
    };
    let decided = act(shared, dispute, |draft| {
        let held = draft.held;
        let missing = || StripeRefusal::missing_object("dispute", dispute, "dispute").with_status(404);
        stripe::conclude(draft, held.disputes.get(dispute).ok_or_else(missing)?, request.outcome)
    });
    shown(shared, dispute, decided.map(|_| dispute))
}

/// The dispute of an intent, or the dispute with this id.
fn shown(shared: &SharedState, object: &str, done: Result<&str, StripeRefusal>) -> Answered {
    if let Err(refusal) = done {
        return refused(refusal.status, &refusal.message);
    }
    let state = shared.state();
    let held = state.books.account_with(object).map(|account| &state.books.accounts[account]);
    let found = held.and_then(|held| {
        let of_intent = || held.disputes.values().find(|dispute| dispute.intent == object);
        held.disputes.get(object).or_else(of_intent)
    });
    let Some(dispute) = found else { return refused(404, "no such dispute") };
    answered(200, dispute.view().to_string().into_bytes())
}
