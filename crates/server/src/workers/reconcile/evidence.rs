//! An object that is ahead of our books is fetched, and submitted like any fetched object. A fee is recorded as it is
//! listed.
//!
//! | not submitted | because |
//! |---|---|
//! | the payment was contradicted before | a person has its case, and each submission would open another |
//! | the payment has no object yet, and a call is under way | its driver finds the object under its own key |
//! | a refund of a payment that ended without money in our books | its money is in suspense: the webhook's way books it |

use domain::commands::{ObservedBy, RecordFee, RefundOutcome, Settle, SettleRefund};
use domain::lifecycle::State as _;
use domain::lifecycle::payment::State;
use domain::provider::{
    FeeAtProvider, Observation, PaymentAtProvider, RefundAtProvider, RefundObservation, Source,
};
use domain::rows::Refund;
use domain::working_set::Command;
use domain::{AttemptId, PaymentId, RefundId, Refusal};
use store::CommandResult;
use store::queries::PaymentRows;

use super::pages::{FetchedObject, fetched};
use super::{Halt, RunAtWork};

impl RunAtWork<'_> {
    fn by(&self) -> ObservedBy {
        ObservedBy::LookUp { job: self.job.id, token: self.job.token }
    }

    /// Returns the fetched object if it was submitted.
    pub(super) async fn apply_payment(
        &self,
        rows: &PaymentRows,
        seen: &PaymentAtProvider,
    ) -> Result<Option<Observation>, Halt> {
        let payment = &rows.payment;
        let has_driver = payment.provider_ref.is_none() && rows.is_under_way;
        if payment.contradicted_at.is_some() || has_driver {
            return Ok(None);
        }
        let FetchedObject::Shown(observation) = fetched(self.provider.fetch(&seen.observation.object).await)?
        else {
            return Ok(None);
        };
        let settle = Settle {
            by: self.by(),
            payment: payment.id,
            attempt: AttemptId::from(payment.id),
            observation: observation.clone(),
            source: Source::Fetched,
            refused: None,
            recheck: self.driver.pace.recheck_delays(),
            deadline: self.driver.operation_deadline,
        };
        Ok(self.submitted(settle).await?.then_some(observation))
    }

    /// Returns the fetched refund if it was submitted.
    pub(super) async fn apply_refund(
        &self,
        rows: &PaymentRows,
        refund: Option<&Refund>,
        seen: &RefundAtProvider,
    ) -> Result<Option<RefundObservation>, Halt> {
        let payment = &rows.payment;
        let in_suspense = payment.state.is_final() && !payment.state.is(State::Captured);
        if payment.contradicted_at.is_some() || in_suspense {
            return Ok(None);
        }
        let object = &seen.observation.object;
        let FetchedObject::Shown(observation) =
            fetched(self.provider.fetch_refund(&seen.payment_object, object).await)?
        else {
            return Ok(None);
        };
        let outside = RefundId::at_provider(self.run.account, object);
        let settle = SettleRefund {
            by: self.by(),
            refund: refund.map_or(outside, |refund| refund.id),
            payment: payment.id,
            outcome: RefundOutcome::Seen(observation.clone()),
            mark: if refund.is_none() { seen.reference } else { None },
            may_be_ours: !self.provider.capabilities().refunds_carry_reference,
            recheck: self.driver.pace.recheck_delays(),
        };
        Ok(self.submitted(settle).await?.then_some(observation))
    }

    /// A fee that another run has recorded meanwhile is refused, and that is all right.
    pub(super) async fn record_fee(&self, payment: PaymentId, fee: FeeAtProvider) -> Result<(), Halt> {
        self.submitted(RecordFee { by: self.by(), payment, fee }).await?;
        Ok(())
    }

    /// Whether the command was carried out. A refusal leaves the difference to a person.
    pub(super) async fn submitted(&self, command: impl Command + 'static) -> Result<bool, Halt> {
        match self.driver.store.submit(Box::new(command)).await {
            Ok(CommandResult::Fresh { .. }) => Ok(true),
            Ok(CommandResult::Refused { refusal: Refusal::LeaseLost, .. }) => Err(Halt::Ended),
            Ok(_) => Ok(false),
            Err(unavailable) => Err(Halt::Failed(unavailable.to_string())),
        }
    }
}
