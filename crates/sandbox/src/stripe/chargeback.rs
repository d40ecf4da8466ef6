//! A dispute of a charge: how it begins and ends, and which money it moves.
//!
//! | step                     | status                     | money             | events                                     |
//! |--------------------------|----------------------------|-------------------|--------------------------------------------|
//! | the charge is disputed   | `needs_response`           | withdrawn         | `…dispute.created`, `…funds_withdrawn`     |
//! | the bank only inquires   | `warning_needs_response`   |                   | `…dispute.created`                         |
//! | evidence is submitted    | `under_review`, `warning_under_review` |       | `…dispute.updated`                         |
//! | an inquiry is escalated  | `needs_response`           | withdrawn         | `…dispute.updated`, `…funds_withdrawn`     |
//! | an inquiry is won, or its charge refunded | `warning_closed` |        | `…dispute.closed`                          |
//! | the account wins         | `won`                      | reinstated        | `…funds_reinstated`, `…dispute.closed`     |
//! | it loses, or accepts     | `lost`                     | stays withdrawn   | `…dispute.closed`                          |
//! | the network settles it with the cardholder | `prevented` | stays withdrawn   | `…dispute.closed`                          |
//!
//! See <https://docs.stripe.com/disputes/how-disputes-work>. A charge is disputed once here.

use crate::{
    call_draft::CallDraft,
    card::{Behaviour, DisputeKind},
    charge::Charge,
    dispute::{Dispute, DisputeDecision, DisputeMovement, StripeDisputeStatus},
    event::Kind,
    parameters::StripeMetadata,
    refusal::StripeRefusal,
};

/// What a new dispute is about.
pub struct NewDispute<'a> {
    pub amount: i64,
    pub reason: &'a str,
    /// The bank inquires before it takes anything.
    pub inquiry: bool,
    /// When the bank takes no more evidence, in Unix seconds, if it is not the usual time.
    pub due_by: Option<i64>,
}

/// Some test cards dispute a charge as soon as its money is captured.
pub fn open_for_card(draft: &mut CallDraft, charge: &Charge) {
    let Behaviour::Disputes(kind) = charge.card.0.behaviour else { return };
    if charge.captured {
        let inquiry = kind == DisputeKind::Inquiry;
        let (amount, reason) = (charge.captured_minor, kind.reason());
        open(draft, charge, &NewDispute { amount, reason, inquiry, due_by: None });
    }
}

/// Returns the position of the dispute.
pub fn open(draft: &mut CallDraft, charge: &Charge, terms: &NewDispute) -> usize {
    let mut dispute = Dispute {
        id: draft.mint.id("du"),
        created: draft.now(),
        charge: charge.id.clone(),
        intent: charge.intent.clone(),
        amount: terms.amount,
        currency: charge.currency.clone(),
        card: charge.card,
        reason: terms.reason.to_owned(),
        status: if terms.inquiry {
            StripeDisputeStatus::WarningNeedsResponse
        } else {
            StripeDisputeStatus::NeedsResponse
        },
        movements: Vec::new(),
        evidence: Default::default(),
        submissions: 0,
        submission_method: None,
        settlement: None,
        due_by: terms.due_by,
        metadata: StripeMetadata::new(),
    };
    if !terms.inquiry {
        withdraw(draft, &mut dispute);
    }
    let disputed_minor = dispute.withdrawn_minor();
    let charge = Charge { dispute: Some(dispute.id.clone()), disputed_minor, ..charge.clone() };
    draft.add_snapshot(charge);
    let snapshot = draft.add_snapshot(dispute);
    draft.add_event(Kind::DisputeCreated, snapshot);
    if !terms.inquiry {
        draft.add_event(Kind::DisputeFundsWithdrawn, snapshot);
    }
    snapshot
}

fn withdraw(draft: &mut CallDraft, dispute: &mut Dispute) {
    let movement = movement(draft, -dispute.amount);
    dispute.movements.push(movement);
}

fn movement(draft: &mut CallDraft, amount: i64) -> DisputeMovement {
    let fee = draft.held.account.fees.of_dispute(amount);
    DisputeMovement { id: draft.mint.id("txn"), created: draft.now(), amount, fee }
}

/// Returns the position of the dispute in its new state.
pub fn conclude(
    draft: &mut CallDraft,
    dispute: &Dispute,
    decision: DisputeDecision,
) -> Result<usize, StripeRefusal> {
    let mut dispute = Dispute { settlement: None, ..dispute.clone() };
    if dispute.status.is_closed() {
        return Err(StripeRefusal::invalid("This dispute is already closed"));
    }
    let kinds: &[Kind] = match (decision, dispute.status.is_inquiry()) {
        (DisputeDecision::Won, true) => {
            dispute.status = StripeDisputeStatus::WarningClosed;
            &[Kind::DisputeClosed]
        }
        (DisputeDecision::Won, false) => {
            dispute.status = StripeDisputeStatus::Won;
            let movement = movement(draft, dispute.amount);
            dispute.movements.push(movement);
            &[Kind::DisputeFundsReinstated, Kind::DisputeClosed]
        }
        (DisputeDecision::Lost, false) => {
            dispute.status = StripeDisputeStatus::Lost;
            &[Kind::DisputeClosed]
        }
        (DisputeDecision::Prevented, false) => {
            dispute.status = StripeDisputeStatus::Prevented;
            &[Kind::DisputeClosed]
        }
        (DisputeDecision::Escalated, true) => {
            let left = draft.held.charges.get(&dispute.charge).map_or(0, Charge::refundable_minor);
            if left < 1 {
                return Err(StripeRefusal::invalid(
                    "The charge of this inquiry has no money left to withdraw.",
                ));
            }
            dispute.status = StripeDisputeStatus::NeedsResponse;
            dispute.amount = dispute.amount.min(left);
            withdraw(draft, &mut dispute);
            &[Kind::DisputeUpdated, Kind::DisputeFundsWithdrawn]
        }
        (DisputeDecision::Lost | DisputeDecision::Prevented, true) => {
            return Err(StripeRefusal::invalid(
                "An inquiry is not lost: it is won, or escalated to a chargeback.",
            ));
        }
        (DisputeDecision::Escalated, false) => {
            return Err(StripeRefusal::invalid("This dispute is a chargeback already."));
        }
    };
    if let Some(charge) = draft.held.charges.get(&dispute.charge) {
        let charge = Charge { disputed_minor: dispute.withdrawn_minor(), ..charge.clone() };
        draft.add_snapshot(charge);
    }
    let snapshot = draft.add_snapshot(dispute);
    for kind in kinds {
        draft.add_event(*kind, snapshot);
    }
    Ok(snapshot)
}

/// A full refund closes an inquiry. `charge` is the charge after the refund.
pub fn close_refunded_inquiry(draft: &mut CallDraft, charge: &Charge) {
    let held = draft.held;
    let dispute = charge.dispute.as_ref().and_then(|id| held.disputes.get(id));
    let inquiry = dispute.filter(|found| found.status.is_inquiry() && !found.status.is_closed());
    if let Some(inquiry) = inquiry.filter(|_| charge.refundable_minor() == 0) {
        let closed =
            Dispute { status: StripeDisputeStatus::WarningClosed, settlement: None, ..inquiry.clone() };
        let snapshot = draft.add_snapshot(closed);
        draft.add_event(Kind::DisputeClosed, snapshot);
    }
}

/// The bank has decided on the evidence.
pub fn settle(draft: &mut CallDraft, id: &str) {
    let Some(dispute) = draft.held.disputes.get(id) else { return };
    let Some(settlement) = dispute.settlement else { return };
    if conclude(draft, dispute, settlement.decision).is_err() {
        // The dispute cannot change any more.
        draft.add_snapshot(Dispute { settlement: None, ..dispute.clone() });
    }
}
