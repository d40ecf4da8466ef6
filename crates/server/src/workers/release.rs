//! Driving what ends an authorisation: a capture takes its money, a void lets it go.
//!
//! Both act on one object by its id, which the provider captures or cancels at most once; so in any
//! doubt the object is fetched, and if it still stands as before and nobody else has the case, the same call
//! is made again.

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
            // Its charge has made no object yet, and will not send what was called off.
            return self.not_sent("the charge has no object yet").await;
        };
        let key_number = if attempt.state.is(State::Created) {
            match self.mark_sent(None).await? {
                Some(key) => key,
                // Nothing was sent, and the provider's object is not as we thought.
                None => return self.abandon(Failure::not_sent("provider_contradicts", false)).await,
            }
        } else {
            let seen = match self.teller.fetch(object).await {
                CallOutcome::Object(seen) => seen,
                other => return self.tell(other, Source::Fetched).await,
            };
            if attempt.state.is_final() || !self.stands(&seen.status) {
                return self.settle(seen, Source::Fetched, None).await;
            }
            match self.mark_sent(None).await? {
                Some(key) => key,
                None => return self.settle(seen, Source::Fetched, None).await,
            }
        };
        let heard = if attempt.kind == AttemptKind::Capture {
            let amount = Money::new(attempt.amount_minor, self.claimed.payment.currency);
            self.teller.capture(ObjectCall { attempt: attempt.id, key_number, object }, amount).await
        } else {
            self.teller.cancel(self.cancel_action(object)).await
        };
        self.tell(heard, Source::Answer).await
    }

    /// Whether the object is still as the call is to find it.
    fn stands(&self, status: &ProviderStatus) -> bool {
        match self.claimed.attempt.kind {
            AttemptKind::Capture => matches!(status, ProviderStatus::Authorized { .. }),
            // What the provider works on cannot be cancelled.
            _ => !matches!(
                status,
                ProviderStatus::Cancelled | ProviderStatus::Captured { .. } | ProviderStatus::Processing
            ),
        }
    }

    async fn tell(&self, heard: CallOutcome<Observation>, source: Source) -> Result<(), DriveEnded> {
        match heard {
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

    /// Where the refusal came without a word on the object, it is fetched, and left to speak.
    async fn refused(
        &self,
        failure: Failure,
        shown: Option<Observation>,
        source: Source,
    ) -> Result<(), DriveEnded> {
        if let Some(seen) = shown {
            // It is under way to somewhere, and may be called off once it is there.
            let refused = (seen.status != ProviderStatus::Processing).then_some(failure);
            return self.settle(seen, source, refused).await;
        }
        let object = self.claimed.payment.provider_ref.as_deref().unwrap_or_default();
        match self.teller.fetch(object).await.shown() {
            Ok(seen) => self.settle(seen, Source::Fetched, Some(failure)).await,
            Err(why) => self.lost_sight(&why).await,
        }
    }
}
