//! The teller as a drive sees it: every call is made in its turn, so that none is forgotten when the turn
//! is settled.

use std::sync::Arc;

use domain::Money;
use domain::provider::{Heard, Observation, RefundObservation};
use domain::time::Span;
use providers::{Action, Listed, Order, Provider, RefundOrder};

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

    pub async fn capture(&self, action: Action<'_>, amount: Money) -> Heard<Observation> {
        self.turn.call(self.provider.capture(action, amount), Outcome::of).await
    }

    pub async fn cancel(&self, action: Action<'_>) -> Heard<Observation> {
        self.turn.call(self.provider.cancel(action), Outcome::of).await
    }

    pub async fn refund(&self, refund: &RefundOrder) -> Heard<RefundObservation> {
        self.turn.call(self.provider.refund(refund), Outcome::of).await
    }

    pub async fn refunds_of(&self, object: &str) -> Heard<Vec<Listed>> {
        self.turn.call(self.provider.refunds_of(object), Outcome::of).await
    }

    pub async fn fetch_refund(&self, object: &str) -> Heard<RefundObservation> {
        self.turn.call(self.provider.fetch_refund(object), Outcome::of).await
    }

    pub fn key_retention(&self) -> Span {
        self.provider.key_retention()
    }
}
