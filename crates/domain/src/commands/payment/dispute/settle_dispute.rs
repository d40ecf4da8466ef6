//! Settle a dispute: a webhook reports that the customer's bank asks about captured money, takes it back, gives
//! it back, or has decided.

use super::DisputeKey;
use super::observe::observe;
use crate::commands::draft::Draft;
use crate::commands::events::Closing;
use crate::commands::payment::settle::ObservedBy;
use crate::ids::{AccountId, EventId, PaymentId, TenantId};
use crate::provider::DisputeObservation;
use crate::refusal::Refusal;
use crate::rows::{Facts, Needs};
use crate::working_set::{Command, Context, DecisionResult};

#[derive(Clone, Debug)]
pub struct SettleDispute {
    pub event: EventId,
    pub account: AccountId,
    pub payment: PaymentId,
    pub observation: DisputeObservation,
}

impl SettleDispute {
    fn key(&self) -> DisputeKey {
        let object = self.observation.object.clone();
        DisputeKey { account: self.account, payment: self.payment, object }
    }
}

impl Command for SettleDispute {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        rows.inbound_event(self.event);
        self.key().needs(rows);
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
        if let Some(dispute) = observe(&mut draft, facts, &mut payment, &self.key(), &self.observation) {
            draft.put(dispute);
        }
        if payment != *before {
            payment.updated_at = context.now;
            draft.put(payment);
        }
        source.close(&mut draft, Closing::processed(None));
        Ok(draft.done())
    }
}
