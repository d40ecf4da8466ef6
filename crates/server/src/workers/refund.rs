//! Driving a refund: one step only at the provider, so its key and our reference guard it.
//!
//! | what is known | next |
//! |---|---|
//! | nothing was sent | commit *sent*, refund |
//! | sent, the answer lost | look for it by our reference; not found disproves nothing, so |
//! | ... inside the key's retention | the same bytes again under the same key |
//! | ... past it | look again, never resend; at the deadline a person |
//! | the provider works on it | fetch it until it ends |

use domain::commands::{RefundOutcome, SettleRefund};
use domain::lifecycle::State as _;
use domain::lifecycle::attempt::State;
use domain::provider::{Heard, RefundObservation};
use domain::{Money, RefundId};
use providers::RefundOrder;

use super::driver::{Drive, Gone};

impl Drive<'_> {
    pub(super) async fn refund(&self) -> Result<(), Gone> {
        let Some(refund) = &self.claimed.refund else {
            return self.lost_sight("a refund's attempt without its refund").await;
        };
        let order = RefundOrder {
            attempt: self.claimed.attempt.id,
            refund: refund.id,
            payment: self.claimed.payment.id,
            object: self.claimed.payment.provider_ref.clone().unwrap_or_default(),
            amount: Money::new(refund.amount_minor, refund.currency),
            reason: refund.reason.clone(),
        };
        if self.claimed.attempt.state.is(State::Created) {
            self.mark_sent(None).await?;
            return self.call(&order).await;
        }
        if let Some(object) = &refund.provider_ref {
            return match self.teller.fetch_refund(object).await.shown() {
                Ok(seen) => self.seen(refund.id, seen).await,
                Err(why) => self.lost_sight(&why).await,
            };
        }
        if planted::is(planted::Bug::KeySentPastRetention) {
            return self.call(&order).await;
        }
        match self.teller.find_refund(&order).await.shown() {
            Ok(Some(seen)) => self.seen(refund.id, seen).await,
            Ok(None) if self.looks_only() => self.lost_sight("not found, and not sent again").await,
            Ok(None) if self.key_still_protects() => self.call(&order).await,
            Ok(None) => self.lost_sight("not found, and too old to be sent again").await,
            Err(why) => self.lost_sight(&why).await,
        }
    }

    fn key_still_protects(&self) -> bool {
        let attempt = &self.claimed.attempt;
        let first_sent = attempt.sent_at.unwrap_or(attempt.created_at);
        !attempt.state.is_final() && self.driver.clock.now() < first_sent.plus(self.teller.key_retention())
    }

    async fn call(&self, order: &RefundOrder) -> Result<(), Gone> {
        match self.teller.refund(order).await {
            Heard::Object(seen) | Heard::Refused { object: Some(seen), .. } => {
                self.seen(order.refund, seen).await
            }
            // Turned down; but an earlier call of ours, whose answer was lost, may be why.
            Heard::Refused { code, object: None } => match self.teller.find_refund(order).await.shown() {
                Ok(Some(seen)) => self.seen(order.refund, seen).await,
                Ok(None) => self.outcome(order.refund, RefundOutcome::Refused { code }).await,
                Err(why) => self.lost_sight(&why).await,
            },
            Heard::NotSent { error, .. } => self.not_sent(&error).await,
            Heard::Unknown { error } => self.lost_sight(&error).await,
        }
    }

    async fn seen(&self, refund: RefundId, seen: RefundObservation) -> Result<(), Gone> {
        self.outcome(refund, RefundOutcome::Seen(seen)).await
    }

    async fn outcome(&self, refund: RefundId, outcome: RefundOutcome) -> Result<(), Gone> {
        let settle = SettleRefund {
            by: self.by(),
            refund,
            payment: self.claimed.payment.id,
            outcome,
            look_again: self.driver.pace.look_again(self.claimed.job.attempts),
        };
        self.driver.submit(settle).await.map(|_| ())
    }
}
