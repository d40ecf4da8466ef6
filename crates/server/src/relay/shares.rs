//! What relay and sweep work with, and the time that they go by.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::Timestamp;
use domain::consumers::Consumers;
use domain::time::Span;
use store::{Clock, Store};

use super::Settings;
use crate::ports::broker::Broker;

#[derive(Clone)]
pub struct RelayShares {
    pub store: Store,
    pub broker: Arc<dyn Broker>,
    pub clock: Arc<dyn Clock>,
    pub settings: Settings,
    /// Whose receipts a message waits for.
    pub consumers: Consumers,
    /// How far the database's clock is ahead of ours, in microseconds: messages and deliveries are dated by
    /// it. Relay and sweep of one process share what they learned.
    ahead: Arc<AtomicI64>,
}

impl RelayShares {
    pub fn new(
        store: Store,
        broker: Arc<dyn Broker>,
        clock: Arc<dyn Clock>,
        settings: Settings,
        consumers: Consumers,
    ) -> RelayShares {
        RelayShares { store, broker, clock, settings, consumers, ahead: Arc::default() }
    }

    /// The database's time, as well as it is known.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now().plus(Span(self.ahead.load(Ordering::Relaxed)))
    }

    /// What the database's clock said just now.
    pub(super) fn set_database_time(&self, at: Timestamp) {
        self.ahead.store(at.since(self.clock.now()).0, Ordering::Relaxed);
    }
}
