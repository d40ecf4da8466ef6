//! Driving a charge: make the object unconfirmed, commit its id, confirm it by id.
//!
//! | what is known | next |
//! |---|---|
//! | nothing was sent | create (moves no money), commit the object's id as *sent*, confirm |
//! | sent, the answer lost | fetch the object |
//! | the object is unconfirmed | confirm again: by id, so at most once |
//! | declined | cancel the object, so that it cannot succeed later; then it has failed |
//! | waits for the customer | tell the client; look again; cancel when called off or too late |
//! | authorised, captured, cancelled | settle |

use domain::lifecycle::attempt::State;
use domain::provider::{Heard, Observation, Source, Status};
use domain::rows::Failure;
use domain::{AttemptId, Money};
use planted::Bug;
use providers::Order;

use super::driver::{Drive, Gone};

impl Drive<'_> {
    pub(super) async fn charge(&self) -> Result<(), Gone> {
        if let Some(ended) = self.finish_if_settled().await {
            return ended;
        }
        let order = self.order();
        match (*self.claimed.attempt.state, &self.claimed.payment.provider_ref) {
            (State::Created, known) => match self.object(&order, known.clone()).await? {
                Some(object) => self.send(&order, object).await,
                None => Ok(()),
            },
            (_, Some(object)) => self.resume(&order, object).await,
            (_, None) => self.lost_sight("sent without an object").await,
        }
    }

    fn order(&self) -> Order {
        let payment = &self.claimed.payment;
        Order {
            attempt: AttemptId::from(payment.id),
            operation: payment.id,
            booking: payment.booking,
            tenant: payment.tenant,
            amount: payment.amount(),
            capture: payment.capture,
            payment_method: payment.payment_method.clone(),
            return_url: payment.return_url.clone(),
            metadata: payment.metadata.0.clone(),
            reference: payment.reference.clone(),
        }
    }

    /// The id of the provider's object, made now if there is none. `None`: there is none, and what
    /// that means was told.
    async fn object(&self, order: &Order, known: Option<String>) -> Result<Option<String>, Gone> {
        if known.is_some() {
            return Ok(known);
        }
        match self.teller.create(order).await {
            Heard::Object(seen) => return Ok(Some(seen.object)),
            Heard::Refused { code, .. } => self.abandon(code).await?,
            Heard::NotSent { error, .. } => self.not_sent(&error).await?,
            // No money can move by a create: it is simply made again, under the same key.
            Heard::Unknown { error } => self.not_sent(&error).await?,
        }
        Ok(None)
    }

    async fn send(&self, order: &Order, object: String) -> Result<(), Gone> {
        if self.mark_sent(Some(object.clone())).await? {
            self.confirm(order, &object).await
        } else {
            self.cancel_object(&object, Source::Answer, None).await
        }
    }

    async fn confirm(&self, order: &Order, object: &str) -> Result<(), Gone> {
        match self.teller.confirm(order, object).await {
            Heard::Object(seen) => self.conclude(seen, Source::Answer).await,
            Heard::Refused { object: Some(seen), .. } if seen.status != Status::Unconfirmed => {
                self.conclude(seen, Source::Answer).await
            }
            // Turned down as it stands, and it would be again: nothing moved, end it.
            Heard::Refused { code, .. } => {
                let failure = Failure { code, retryable: false };
                self.cancel_object(object, Source::Answer, Some(failure)).await
            }
            Heard::NotSent { error, .. } => self.not_sent(&error).await,
            Heard::Unknown { error } if planted::is(Bug::UnknownTakenForFailed) => {
                let failure = Failure { code: error, retryable: true };
                let Money { minor: amount_minor, currency } = order.amount;
                let object = object.to_owned();
                let given_up = Observation { object, status: Status::Cancelled, amount_minor, currency };
                self.settle(given_up, Source::Answer, Some(failure), None).await
            }
            Heard::Unknown { error } => self.lost_sight(&error).await,
        }
    }

    /// After a crash or a lost answer: what is the object now?
    async fn resume(&self, order: &Order, object: &str) -> Result<(), Gone> {
        match self.teller.fetch(object).await.shown() {
            Ok(seen) if seen.status == Status::Unconfirmed && !self.must_end() => {
                if self.looks_only() {
                    return self.lost_sight("it was never confirmed, and is not confirmed now").await;
                }
                self.confirm(order, object).await
            }
            Ok(seen) => self.conclude(seen, Source::Fetched).await,
            Err(why) => self.lost_sight(&why).await,
        }
    }

    async fn conclude(&self, seen: Observation, source: Source) -> Result<(), Gone> {
        match &seen.status {
            Status::Declined(failure) => {
                self.cancel_object(&seen.object, source, Some(failure.clone())).await
            }
            Status::NeedsAction(_) | Status::Unconfirmed if self.must_end() => {
                self.cancel_object(&seen.object, source, None).await
            }
            _ => self.settle(seen, source, None, None).await,
        }
    }

    /// Ends the object at the provider. Only a successful cancel proves that no money moved.
    pub(super) async fn cancel_object(
        &self,
        object: &str,
        source: Source,
        failure: Option<Failure>,
    ) -> Result<(), Gone> {
        match self.teller.cancel(self.claimed.attempt.id, object).await {
            Heard::Object(seen) => self.settle(seen, source, failure, None).await,
            // It moved on meanwhile; the object says where to.
            Heard::Refused { object: Some(seen), .. } if !matches!(seen.status, Status::Declined(_)) => {
                self.settle(seen, source, failure, None).await
            }
            Heard::Refused { code: error, .. } | Heard::NotSent { error, .. } | Heard::Unknown { error } => {
                self.lost_sight(&error).await
            }
        }
    }
}
