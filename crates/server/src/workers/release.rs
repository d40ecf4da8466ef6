//! Driving what ends an authorisation: a capture takes its money, a void releases it.
//!
//! Both act on one object by its id, which the provider captures or cancels at most once. So in any
//! doubt the object is fetched, and if it is unchanged and no person has the case, the same call is
//! made again.

use domain::Money;
use domain::lifecycle::State as _;
use domain::lifecycle::attempt::State;
use domain::provider::{CallOutcome, Observation, ProviderStatus, Source};
use domain::reply::ClaimedJob;
use domain::rows::{AttemptKind, Failure};
use futures_util::future::{BoxFuture, FutureExt as _};
use providers::ObjectCall;

use super::driver::{Drive, Driver, NoOutcome};
use super::handlers::{JobHandler, JobOutcome};
use super::report::DriveEnded;

/// Works on the jobs that capture, and that void.
pub struct ReleaseHandler(pub Driver);

impl JobHandler for ReleaseHandler {
    fn run<'a>(&'a self, claimed: &'a ClaimedJob) -> BoxFuture<'a, JobOutcome> {
        self.0.handle(claimed, |drive| drive.release().boxed()).boxed()
    }
}

impl Drive<'_> {
    /// A capture or a void.
    async fn release(&self) -> Result<(), DriveEnded> {
        if let Some(ended) = self.finish_if_settled().await {
            return ended;
        }
        let attempt = &self.claimed.attempt;
        let Some(object) = self.claimed.payment.provider_ref.as_deref() else {
            // Its charge has made no object yet, and will not send a payment that was called off.
            return self.not_sent("the charge has no object yet").await;
        };
        let key_number = if attempt.state.is(State::Created) {
            match self.mark_sent(None).await? {
                Some(key) => key,
                // Nothing was sent, and the provider's object is not in the expected state.
                None => return self.abandon(Failure::not_sent("provider_contradicts", false)).await,
            }
        } else {
            let seen = match self.provider.fetch(object).await {
                CallOutcome::Object(seen) => seen,
                other => return self.handle_outcome(other, Source::Fetched).await,
            };
            if attempt.state.is_final() || !self.stands(&seen.status) {
                return self.settle(seen, Source::Fetched, None).await;
            }
            match self.mark_sent(None).await? {
                Some(key) => key,
                None => return self.settle(seen, Source::Fetched, None).await,
            }
        };
        let outcome = if attempt.kind == AttemptKind::Capture {
            let amount = Money::new(attempt.amount_minor, self.claimed.payment.currency);
            self.provider.capture(ObjectCall { attempt: attempt.id, key_number, object }, amount).await
        } else {
            self.provider.cancel(self.cancel_action(object)).await
        };
        self.handle_outcome(outcome, Source::Answer).await
    }

    /// Whether the object is still in the state that the call expects.
    fn stands(&self, status: &ProviderStatus) -> bool {
        match self.claimed.attempt.kind {
            AttemptKind::Capture => matches!(status, ProviderStatus::Authorized { .. }),
            // An object that the provider works on cannot be cancelled.
            _ => !matches!(
                status,
                ProviderStatus::Cancelled | ProviderStatus::Captured { .. } | ProviderStatus::Processing
            ),
        }
    }

    async fn handle_outcome(
        &self,
        outcome: CallOutcome<Observation>,
        source: Source,
    ) -> Result<(), DriveEnded> {
        match outcome {
            CallOutcome::Object(seen) => self.settle(seen, source, None).await,
            CallOutcome::Refused { code, cause, object } => {
                self.refused(Failure { code, retryable: false, cause }, object, source).await
            }
            CallOutcome::NotSent { error, .. } => self.not_sent(&error).await,
            CallOutcome::Unknown { error, key_spent } => {
                self.try_later(NoOutcome { key_spent, ..NoOutcome::lost(&error) }).await
            }
        }
    }

    /// If the refusal did not include the object, it is fetched, and its state decides.
    async fn refused(
        &self,
        failure: Failure,
        shown: Option<Observation>,
        source: Source,
    ) -> Result<(), DriveEnded> {
        if let Some(seen) = shown {
            // The object is in transition, and can be called off afterwards.
            let refused = (seen.status != ProviderStatus::Processing).then_some(failure);
            return self.settle(seen, source, refused).await;
        }
        let object = self.claimed.payment.provider_ref.as_deref().unwrap_or_default();
        match self.provider.fetch(object).await.shown() {
            Ok(seen) => self.settle(seen, Source::Fetched, Some(failure)).await,
            Err(why) => self.outcome_unknown(&why).await,
        }
    }
}
