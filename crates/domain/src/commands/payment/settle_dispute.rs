//! Settle a dispute: a webhook reports that the customer's bank withdraws or reinstates captured money.
//!
//! | it is | money | the case |
//! |---|---|---|
//! | an inquiry, or opened | none | opened: a person must answer the bank in time |
//! | funds withdrawn | taken back, once | opened |
//! | funds reinstated | given back, once | |
//! | won, or an inquiry that was closed | none | closed |
//! | lost | none: it was withdrawn before | stays open |

use alloc::borrow::ToOwned;
use alloc::format;

use super::movements::{MoneyMoved, record};
use super::settle::ObservedBy;
use super::{about, append_message};
use crate::commands::draft::Draft;
use crate::commands::events::Closing;
use crate::ids::{AccountId, EventId, MovementId, PaymentId, ReviewId, TenantId};
use crate::money::Money;
use crate::provider::{DisputeObservation, DisputeStatus};
use crate::refusal::Refusal;
use crate::rows::{Facts, MovementKind, Needs, Payment, Review};
use crate::working_set::{Command, Context, DecisionResult};

#[derive(Clone, Debug)]
pub struct SettleDispute {
    pub event: EventId,
    pub account: AccountId,
    pub payment: PaymentId,
    pub observation: DisputeObservation,
}

impl SettleDispute {
    fn movement(&self, kind: MovementKind) -> MovementId {
        MovementId::of(self.payment, kind.name(), &self.observation.object)
    }

    fn case(&self) -> ReviewId {
        ReviewId::of_dispute(self.account, &self.observation.object)
    }

    /// Records the movement, unless it is recorded already.
    fn move_once(&self, draft: &mut Draft<'_>, facts: &Facts, payment: &mut Payment, kind: MovementKind) {
        if facts.movements.get(self.movement(kind)).is_some() {
            return;
        }
        let DisputeObservation { object, amount_minor, .. } = &self.observation;
        record(draft, payment, &MoneyMoved { kind, object, refund: None, amount_minor: *amount_minor });
        let message =
            if kind == MovementKind::Dispute { "payment.disputed" } else { "payment.dispute_reversed" };
        let movement = format!("{message}/{}/{object}", payment.id);
        let moved = Money::new(*amount_minor, payment.currency);
        append_message(draft, payment, message, &movement, moved);
    }

    /// The case of this dispute, not opened yet.
    fn new_case(&self, draft: &Draft<'_>, payment: &Payment) -> Review {
        let DisputeObservation { object, amount_minor, currency, .. } = &self.observation;
        let amount = Money::new(*amount_minor, *currency);
        let detail = format!("the customer's bank disputes {amount}: {object}");
        draft.case(self.case(), about(payment), "payment_disputed", detail)
    }

    /// Opens the case once: a closed case stays closed.
    fn open_case(&self, draft: &mut Draft<'_>, facts: &Facts, payment: &Payment) {
        if facts.reviews.get(self.case()).is_none() {
            let case = self.new_case(draft, payment);
            draft.open_review(case);
        }
    }

    /// Closes the case, also if it was never opened: an older event that arrives later must not open it.
    fn close_case(&self, draft: &mut Draft<'_>, facts: &Facts, payment: &Payment) {
        let case = facts.reviews.get(self.case()).cloned();
        let case = case.unwrap_or_else(|| self.new_case(draft, payment));
        draft.resolve_review(&case, "the dispute was won".to_owned());
    }
}

impl Command for SettleDispute {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.inbound_event(self.event);
        rows.review(self.case());
        rows.movement(self.movement(MovementKind::Dispute));
        rows.movement(self.movement(MovementKind::DisputeReversal));
        rows.payment(self.payment);
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let before = facts.payments.get(self.payment).ok_or(Refusal::PaymentNotFound)?;
        let by = ObservedBy::Event(self.event);
        let source = by.check(facts, before)?;
        // Nothing can fail from here on.

        let origin = by.origin();
        let mut draft = Draft::new(context, &origin);
        let mut payment = before.clone();
        match self.observation.status {
            _ if self.observation.currency != payment.currency => {
                let why = format!("a dispute in {}", self.observation.currency);
                draft.review(about(&payment), super::observe::CONTRADICTS, why);
            }
            DisputeStatus::Inquiry | DisputeStatus::Opened | DisputeStatus::Lost => {
                self.open_case(&mut draft, facts, &payment);
            }
            DisputeStatus::FundsWithdrawn => {
                self.move_once(&mut draft, facts, &mut payment, MovementKind::Dispute);
                self.open_case(&mut draft, facts, &payment);
            }
            // Money that was reinstated was withdrawn before, even if that event arrives later.
            DisputeStatus::FundsReinstated => {
                self.move_once(&mut draft, facts, &mut payment, MovementKind::Dispute);
                self.move_once(&mut draft, facts, &mut payment, MovementKind::DisputeReversal);
            }
            DisputeStatus::Won => self.close_case(&mut draft, facts, &payment),
        }
        if payment != *before {
            payment.updated_at = context.now;
            draft.put(payment);
        }
        source.close(&mut draft, Closing::processed(None));
        Ok(draft.done())
    }
}
