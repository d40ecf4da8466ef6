//! A dispute of a charge: how it begins, how it ends, and what money it moves.
//!
//! | step                     | status                     | money             | events                                     |
//! |--------------------------|----------------------------|-------------------|--------------------------------------------|
//! | the charge is disputed   | `needs_response`           | withdrawn         | `…dispute.created`, `…funds_withdrawn`     |
//! | the bank asks first      | `warning_needs_response`   |                   | `…dispute.created`                         |
//! | evidence is submitted    | `under_review`, `warning_under_review` |       | `…dispute.updated`                         |
//! | an inquiry is escalated  | `needs_response`           | withdrawn         | `…dispute.updated`, `…funds_withdrawn`     |
//! | an inquiry is won, or its charge refunded | `warning_closed` |        | `…dispute.closed`                          |
//! | the account wins         | `won`                      | reinstated        | `…funds_reinstated`, `…dispute.closed`     |
//! | it loses, or gives up    | `lost`                     | stays withdrawn   | `…dispute.closed`                          |
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
pub struct Terms<'a> {
    pub amount: i64,
    pub reason: &'a str,
    /// The bank asks before it takes anything.
    pub inquiry: bool,
}

/// Some test cards dispute a charge as soon as its money is taken.
pub fn open_for_card(desk: &mut CallDraft, charge: &Charge) {
    let Behaviour::Disputes(kind) = charge.card.0.behaviour else { return };
    if charge.captured {
        let inquiry = kind == DisputeKind::Inquiry;
        open(desk, charge, &Terms { amount: charge.captured_minor, reason: kind.reason(), inquiry });
    }
}

/// Returns the position of the dispute.
pub fn open(desk: &mut CallDraft, charge: &Charge, terms: &Terms) -> usize {
    let mut dispute = Dispute {
        id: desk.mint.id("du"),
        created: desk.now(),
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
        metadata: StripeMetadata::new(),
    };
    if !terms.inquiry {
        withdraw(desk, &mut dispute);
    }
    let disputed_minor = dispute.withdrawn_minor();
    let charge = Charge { dispute: Some(dispute.id.clone()), disputed_minor, ..charge.clone() };
    desk.show(charge);
    let snapshot = desk.show(dispute);
    desk.tell(Kind::DisputeCreated, snapshot);
    if !terms.inquiry {
        desk.tell(Kind::DisputeFundsWithdrawn, snapshot);
    }
    snapshot
}

fn withdraw(desk: &mut CallDraft, dispute: &mut Dispute) {
    let moved = DisputeMovement { id: desk.mint.id("txn"), created: desk.now(), amount: -dispute.amount };
    dispute.movements.push(moved);
}

/// Returns the position of the dispute as it is then.
pub fn conclude(
    desk: &mut CallDraft,
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
            let moved =
                DisputeMovement { id: desk.mint.id("txn"), created: desk.now(), amount: dispute.amount };
            dispute.movements.push(moved);
            &[Kind::DisputeFundsReinstated, Kind::DisputeClosed]
        }
        (DisputeDecision::Lost, false) => {
            dispute.status = StripeDisputeStatus::Lost;
            &[Kind::DisputeClosed]
        }
        (DisputeDecision::Escalated, true) => {
            let left = desk.held.charges.get(&dispute.charge).map_or(0, Charge::refundable_minor);
            if left < 1 {
                return Err(StripeRefusal::invalid(
                    "The charge of this inquiry has no money left to withdraw.",
                ));
            }
            dispute.status = StripeDisputeStatus::NeedsResponse;
            dispute.amount = dispute.amount.min(left);
            withdraw(desk, &mut dispute);
            &[Kind::DisputeUpdated, Kind::DisputeFundsWithdrawn]
        }
        (DisputeDecision::Lost, true) => {
            return Err(StripeRefusal::invalid(
                "An inquiry is not lost: it is won, or escalated to a chargeback.",
            ));
        }
        (DisputeDecision::Escalated, false) => {
            return Err(StripeRefusal::invalid("This dispute is a chargeback already."));
        }
    };
    if let Some(charge) = desk.held.charges.get(&dispute.charge) {
        let charge = Charge { disputed_minor: dispute.withdrawn_minor(), ..charge.clone() };
        desk.show(charge);
    }
    let snapshot = desk.show(dispute);
    for kind in kinds {
        desk.tell(*kind, snapshot);
    }
    Ok(snapshot)
}

/// A full refund closes an inquiry. `charge` is as the refund leaves it.
pub fn close_refunded_inquiry(desk: &mut CallDraft, charge: &Charge) {
    let held = desk.held;
    let dispute = charge.dispute.as_ref().and_then(|id| held.disputes.get(id));
    let inquiry = dispute.filter(|found| found.status.is_inquiry() && !found.status.is_closed());
    if let Some(inquiry) = inquiry.filter(|_| charge.refundable_minor() == 0) {
        let closed =
            Dispute { status: StripeDisputeStatus::WarningClosed, settlement: None, ..inquiry.clone() };
        let snapshot = desk.show(closed);
        desk.tell(Kind::DisputeClosed, snapshot);
    }
}

/// The bank has looked at the evidence.
pub fn settle(desk: &mut CallDraft, id: &str) {
    let Some(dispute) = desk.held.disputes.get(id) else { return };
    let Some(settlement) = dispute.settlement else { return };
    if conclude(desk, dispute, settlement.decision).is_err() {
        // Nothing can become of it any more.
        desk.show(Dispute { settlement: None, ..dispute.clone() });
    }
}
