//! `/v1/disputes`: charges that cardholders dispute, and the account's response.
//!
//! As in Stripe's test mode (<https://docs.stripe.com/testing#evidence>), the evidence decides the
//! result: `winning_evidence`, `losing_evidence` and `escalate_inquiry_evidence` in
//! `uncategorized_text`, a moment after they are submitted. With any other evidence the dispute
//! stays under review.

use super::{
    chargeback,
    page::{Listed, StripePage, json, render},
};
use crate::{
    answer::StripeAnswer,
    books::AccountBooks,
    call_draft::CallDraft,
    dispute::{Dispute, DisputeDecision, Settlement, StripeDisputeStatus},
    event::Kind,
    parameters::{ParameterValue, Parameters},
    refusal::StripeRefusal,
};

/// How long the bank takes to decide.
const SETTLES_AFTER_MS: i64 = 500;
/// Evidence that is a file, uploaded through an API that the sandbox does not have.
const FILES: [&str; 9] = [
    "cancellation_policy",
    "customer_communication",
    "customer_signature",
    "duplicate_charge_documentation",
    "receipt",
    "refund_policy",
    "service_documentation",
    "shipping_documentation",
    "uncategorized_file",
];

impl Listed for Dispute {
    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}

pub fn retrieve(held: &AccountBooks, id: &str) -> Result<Vec<u8>, StripeRefusal> {
    Ok(json(&find(held, id)?.view()))
}

pub fn list(held: &AccountBooks, mut parameters: Parameters) -> Result<Vec<u8>, StripeRefusal> {
    let page = StripePage::read(&mut parameters, "dispute", |id| held.disputes.contains_key(id))?;
    let intent = parameters.text("payment_intent");
    let charge = parameters.text("charge");
    let fits = |dispute: &&Dispute| {
        intent.as_ref().is_none_or(|id| *id == dispute.intent)
            && charge.as_ref().is_none_or(|id| *id == dispute.charge)
    };
    let (disputes, has_more) = page.select(held.disputes.values().rev().filter(fits));
    Ok(render("/v1/disputes", disputes.into_iter().map(Dispute::view).collect(), has_more))
}

pub fn update(
    draft: &mut CallDraft,
    id: &str,
    mut parameters: Parameters,
) -> Result<StripeAnswer, StripeRefusal> {
    let mut dispute = find(draft.held, id)?.clone();
    if dispute.status.is_closed() {
        return Err(StripeRefusal::invalid("This dispute is already closed"));
    }
    if dispute.due_by() < draft.now() {
        return Err(StripeRefusal::invalid("The due date for submitting evidence has passed"));
    }
    let evidence = parameters.hash("evidence");
    let submits = parameters.boolean("submit").unwrap_or(evidence.is_some());
    add_evidence(&mut dispute, evidence.unwrap_or_default())?;
    parameters.merge_metadata(&mut dispute.metadata)?;
    parameters.change("intended_submission_method", &mut dispute.submission_method);
    if submits {
        let inquiry = dispute.status.is_inquiry();
        dispute.status =
            if inquiry { StripeDisputeStatus::WarningUnderReview } else { StripeDisputeStatus::UnderReview };
        dispute.submissions += 1;
        let decision =
            decision_of_evidence(dispute.evidence.get("uncategorized_text").map(String::as_str), inquiry);
        dispute.settlement =
            decision.map(|decision| Settlement { at_ms: draft.at + SETTLES_AFTER_MS, decision });
    }
    let snapshot = draft.add_snapshot(dispute);
    draft.add_event(Kind::DisputeUpdated, snapshot);
    Ok(StripeAnswer::shown(snapshot))
}

fn add_evidence(dispute: &mut Dispute, evidence: Parameters) -> Result<(), StripeRefusal> {
    for (name, given) in evidence {
        match given {
            ParameterValue::Text(id) if FILES.contains(&&*name) => {
                let place = format!("evidence[{name}]");
                return Err(StripeRefusal::missing_object("file upload", &id, &place));
            }
            ParameterValue::Text(text) => drop(dispute.evidence.insert(name, text)),
            _ => drop(dispute.evidence.remove(&name)),
        }
    }
    Ok(())
}

fn decision_of_evidence(text: Option<&str>, inquiry: bool) -> Option<DisputeDecision> {
    match (text?, inquiry) {
        ("winning_evidence", _) => Some(DisputeDecision::Won),
        ("losing_evidence", false) => Some(DisputeDecision::Lost),
        ("escalate_inquiry_evidence", true) => Some(DisputeDecision::Escalated),
        _ => None,
    }
}

/// The account accepts the dispute.
pub fn close(draft: &mut CallDraft, id: &str) -> Result<StripeAnswer, StripeRefusal> {
    let dispute = find(draft.held, id)?;
    let decision = if dispute.status.is_inquiry() { DisputeDecision::Won } else { DisputeDecision::Lost };
    chargeback::conclude(draft, dispute, decision).map(StripeAnswer::shown)
}

fn find<'a>(held: &'a AccountBooks, id: &str) -> Result<&'a Dispute, StripeRefusal> {
    let missing = || StripeRefusal::missing_object("dispute", id, "dispute").with_status(404);
    held.disputes.get(id).ok_or_else(missing)
}
