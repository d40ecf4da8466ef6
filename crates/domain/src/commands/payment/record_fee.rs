//! Record a fee that the provider kept for a payment, or gave back, as its list shows it.

use super::movements;
use super::settle::ObservedBy;
use crate::commands::draft::Draft;
use crate::ids::{MovementId, PaymentId, TenantId};
use crate::provider::FeeAtProvider;
use crate::refusal::Refusal;
use crate::rows::{Facts, Needs};
use crate::working_set::{Command, Context, DecisionResult};

/// A fee has one movement, whose id is hashed from what the provider lists it by. So it counts once, however often
/// and in whatever order it is shown. The payment's state does not matter: the provider has the money already.
#[derive(Clone, Debug)]
pub struct RecordFee {
    pub by: ObservedBy,
    pub payment: PaymentId,
    pub fee: FeeAtProvider,
}

impl RecordFee {
    fn movement(&self) -> MovementId {
        MovementId::of(self.payment, self.fee.kind().name(), &self.fee.object)
    }
}

impl Command for RecordFee {
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    fn background(&self) -> bool {
        true
    }

    fn needs(&self, rows: &mut Needs<'_>) -> Option<()> {
        self.by.needs(rows);
        rows.movement(self.movement());
        rows.payment(self.payment)?;
        Some(())
    }

    fn decide(&self, facts: &Facts, context: &Context<'_>) -> DecisionResult {
        let payment = facts.payments.get(self.payment).ok_or(Refusal::PaymentNotFound)?;
        let source = self.by.check(facts, payment)?;
        if facts.movements.get(self.movement()).is_some() || self.fee.amount.minor == 0 {
            return Err(Refusal::NothingToDo);
        }
        // Nothing can fail from here on.

        let origin = self.by.origin();
        let mut draft = Draft::new(context, &origin);
        let mut payment = payment.clone();
        movements::record_fee(&mut draft, &mut payment, &self.fee);
        payment.updated_at = context.now;
        draft.put(payment);
        source.close(&mut draft, crate::commands::events::Closing::processed(None));
        Ok(draft.done())
    }
}
