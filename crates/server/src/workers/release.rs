//! Driving what ends an authorisation: a capture takes its money, a void lets it go.
//!
//! Both act on one object by its id, which the provider captures or cancels at most once; so in any
//! doubt the object is fetched, and if it still stands as before, the same call is made again.

use domain::Money;
use domain::lifecycle::attempt::State;
use domain::provider::{Heard, Observation, Source, Status};

use super::driver::{Drive, Gone};

impl Drive<'_> {
    pub(super) async fn capture(&self) -> Result<(), Gone> {
        if let Some(ended) = self.finish_if_settled().await {
            return ended;
        }
        let Some(object) = self.claimed.payment.provider_ref.as_deref() else {
            return self.lost_sight("a capture without an object").await;
        };
        if self.claimed.attempt.state.is(State::Created) {
            self.mark_sent(None).await?;
        } else {
            match self.teller.fetch(object).await {
                Heard::Object(Observation { status: Status::Authorized { .. }, .. }) if self.looks_only() => {
                    return self.lost_sight("it was not captured, and is not captured now").await;
                }
                Heard::Object(Observation { status: Status::Authorized { .. }, .. }) => {}
                other => return self.tell(other, Source::Fetched).await,
            }
        }
        let amount = Money::new(self.claimed.attempt.amount_minor, self.claimed.payment.currency);
        let heard = self.teller.capture(self.claimed.attempt.id, object, amount).await;
        self.tell(heard, Source::Answer).await
    }

    pub(super) async fn void(&self) -> Result<(), Gone> {
        if let Some(ended) = self.finish_if_settled().await {
            return ended;
        }
        let Some(object) = self.claimed.payment.provider_ref.as_deref() else {
            // Its charge has made no object yet, and will not send what was called off.
            return self.not_sent("the charge has no object yet").await;
        };
        if self.claimed.attempt.state.is(State::Created) {
            self.mark_sent(None).await?;
        } else {
            match self.teller.fetch(object).await {
                Heard::Object(seen)
                    if !matches!(seen.status, Status::Cancelled | Status::Captured { .. }) => {}
                other => return self.tell(other, Source::Fetched).await,
            }
        }
        let heard = self.teller.cancel(self.claimed.attempt.id, object).await;
        self.tell(heard, Source::Answer).await
    }

    async fn tell(&self, heard: Heard<Observation>, source: Source) -> Result<(), Gone> {
        match heard {
            Heard::Object(seen) => self.settle(seen, source, None, None).await,
            Heard::Refused { code, object: Some(seen) } => self.settle(seen, source, None, Some(code)).await,
            Heard::Refused { code, object: None } => self.refused(code).await,
            Heard::NotSent { error, .. } => self.not_sent(&error).await,
            Heard::Unknown { error } => self.lost_sight(&error).await,
        }
    }

    /// The call was turned down without a word on the object: fetch it, and let it speak.
    async fn refused(&self, code: String) -> Result<(), Gone> {
        let object = self.claimed.payment.provider_ref.as_deref().unwrap_or_default();
        match self.teller.fetch(object).await.shown() {
            Ok(seen) => self.settle(seen, Source::Fetched, None, Some(code)).await,
            Err(why) => self.lost_sight(&why).await,
        }
    }
}
