//! Driving a refund: it has only one step at the provider, so its key and our reference guard it.
//!
//! | what is known | next |
//! |---|---|
//! | nothing was sent | commit *sent*, refund |
//! | sent, the reply lost | search the payment's refunds; a refund that is not found may still have been made, so |
//! | ... within the key's retention | the same bytes again under the same key |
//! | ... the provider keeps an error under the key | after a while and another search, again under another key |
//! | ... past the key's retention | search again, never resend; at the deadline a review case |
//! | the provider works on it | fetch it until it ends |
//! | a person has the case | search; a refund that is found settles it |

use domain::commands::{RefundOutcome, SettleRefund};
use domain::lifecycle::attempt::State;
use domain::provider::{CallOutcome, RefundObservation};
use domain::reply::ClaimedJob;
use domain::rows::{Failure, Refund};
use domain::{Money, RefundId};
use futures_util::future::{BoxFuture, FutureExt as _};
use providers::RefundOrder;

use super::driver::{Drive, Driver, NoOutcome};
use super::handlers::{JobHandler, JobOutcome};
use super::report::DriveEnded;

/// Works on the jobs that refund.
pub struct RefundHandler(pub Driver);

impl JobHandler for RefundHandler {
    fn run<'a>(&'a self, claimed: &'a ClaimedJob) -> BoxFuture<'a, JobOutcome> {
        self.0.handle(claimed, |drive| drive.refund().boxed()).boxed()
    }
}

impl Drive<'_> {
    async fn refund(&self) -> Result<(), DriveEnded> {
        let Some(refund) = &self.claimed.refund else {
            return self.outcome_unknown("a refund's attempt without its refund").await;
        };
        if self.claimed.attempt.state.is(State::Created) {
            return match self.mark_sent(None).await? {
                Some(key) => self.call(refund, key).await,
                None => self.abandon(self.why_not_sent().await).await,
            };
        }
        if let Some(object) = &refund.provider_ref {
            return match self.provider.fetch_refund(self.object(), object).await.shown() {
                Ok(seen) => self.seen(refund.id, seen).await,
                Err(why) => self.outcome_unknown(&why).await,
            };
        }
        if !fault_injection::is(fault_injection::InjectedFault::KeySentPastRetention) {
            match self.own(refund.id).await {
                Ok(Some(own)) => return self.seen(refund.id, own).await,
                Ok(None) => {}
                Err(why) => return self.outcome_unknown(&why).await,
            }
            if !self.key_still_protects() {
                return self.outcome_unknown("not found, and too old to be sent again").await;
            }
        }
        match self.mark_sent(None).await? {
            Some(key) => self.call(refund, key).await,
            None => self.outcome_unknown("not found, and not sent again").await,
        }
    }

    /// The payment was disputed meanwhile, or the provider contradicts our books.
    async fn why_not_sent(&self) -> Failure {
        let payment = &self.claimed.payment;
        let now = self.driver.store.payment(payment.tenant, payment.id).await.ok().flatten();
        let disputed = now.is_some_and(|payment| payment.open_disputes > 0);
        let code = if disputed { "payment_is_disputed" } else { "provider_contradicts" };
        Failure::not_sent(code, disputed)
    }

    /// The refund at the provider, if it can be recognised there by our reference.
    async fn own(&self, refund: RefundId) -> Result<Option<RefundObservation>, String> {
        if !self.provider.capabilities().refunds_carry_reference {
            return Ok(None);
        }
        let listed = self.provider.refunds_of(self.object()).await.shown()?;
        let own = listed.into_iter().find(|listed| listed.refund == Some(refund));
        Ok(own.map(|listed| listed.observation))
    }

    /// The provider's id of the payment's object.
    fn object(&self) -> &str {
        self.claimed.payment.provider_ref.as_deref().unwrap_or_default()
    }

    async fn call(&self, refund: &Refund, key_number: i64) -> Result<(), DriveEnded> {
        let order = RefundOrder {
            attempt: self.claimed.attempt.id,
            key_number,
            refund: refund.id,
            payment: self.claimed.payment.id,
            object: self.object().to_owned(),
            amount: Money::new(refund.amount_minor, refund.currency),
            reason: refund.reason.clone(),
            counted: self.claimed.payment.counted_incoming.clone().map_or_else(Vec::new, |counted| counted.0),
        };
        match self.provider.refund(&order).await {
            CallOutcome::Object(seen) | CallOutcome::Refused { object: Some(seen), .. } => {
                self.seen(refund.id, seen).await
            }
            // Refused; but an earlier call of ours, whose reply was lost, may be the reason.
            CallOutcome::Refused { code, cause, object: None } => match self.own(refund.id).await {
                Ok(Some(own)) => self.seen(refund.id, own).await,
                Ok(None) if self.may_be_made_already() => self.outcome_unknown(&code).await,
                Ok(None) => {
                    let refused = RefundOutcome::Refused(Failure { code, retryable: false, cause });
                    self.outcome(refund.id, refused).await
                }
                Err(why) => self.outcome_unknown(&why).await,
            },
            CallOutcome::NotSent { error, .. } => self.not_sent(&error).await,
            CallOutcome::Unknown { error, key_spent } => {
                self.try_later(NoOutcome { key_spent, ..NoOutcome::lost(&error) }).await
            }
        }
    }

    /// An earlier call of ours may have made it, and it could not be recognised at the provider.
    fn may_be_made_already(&self) -> bool {
        let unrecognisable = !self.provider.capabilities().refunds_carry_reference;
        unrecognisable && !self.claimed.attempt.state.is(State::Created)
    }

    async fn seen(&self, refund: RefundId, seen: RefundObservation) -> Result<(), DriveEnded> {
        self.outcome(refund, RefundOutcome::Seen(seen)).await
    }

    async fn outcome(&self, refund: RefundId, outcome: RefundOutcome) -> Result<(), DriveEnded> {
        let settle = SettleRefund {
            by: self.by(),
            refund,
            payment: self.claimed.payment.id,
            outcome,
            mark: None,
            may_be_ours: false,
            recheck: self.driver.pace.recheck_delays(),
        };
        self.driver.submit(settle).await.map(|_| ())
    }
}
