//! The teller as a drive sees it: every call is made in its turn, so that none is forgotten when the turn
//! is settled.

use std::sync::Arc;

use domain::provider::{Heard, Observation, RefundObservation};
use domain::time::Span;
use domain::{AttemptId, Money};
use providers::{Order, Provider, RefundOrder};

use super::gate::{Outcome, Turn};

pub struct Teller {
    pub provider: Arc<dyn Provider>,
    pub turn: Turn,
}

impl Teller {
    pub async fn create(&self, order: &Order) -> Heard<Observation> {
        self.turn.call(self.provider.create(order), Outcome::of).await
    }

    pub async fn confirm(&self, order: &Order, object: &str) -> Heard<Observation> {
        self.turn.call(self.provider.confirm(order, object), Outcome::of).await
    }

    pub async fn fetch(&self, object: &str) -> Heard<Observation> {
        self.turn.call(self.provider.fetch(object), Outcome::of).await
    }

    pub async fn capture(&self, attempt: AttemptId, object: &str, amount: Money) -> Heard<Observation> {
        self.turn.call(self.provider.capture(attempt, object, amount), Outcome::of).await
    }

    pub async fn cancel(&self, attempt: AttemptId, object: &str) -> Heard<Observation> {
        self.turn.call(self.provider.cancel(attempt, object), Outcome::of).await
    }

    pub async fn refund(&self, refund: &RefundOrder) -> Heard<RefundObservation> {
        self.turn.call(self.provider.refund(refund), Outcome::of).await
    }

    pub async fn find_refund(&self, refund: &RefundOrder) -> Heard<Option<RefundObservation>> {
        self.turn.call(self.provider.find_refund(refund), Outcome::of).await
    }

    pub async fn fetch_refund(&self, object: &str) -> Heard<RefundObservation> {
        self.turn.call(self.provider.fetch_refund(object), Outcome::of).await
    }

    pub fn key_retention(&self) -> Span {
        self.provider.key_retention()
    }
}
