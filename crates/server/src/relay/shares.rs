//! The parts that relay and sweep work with, and the time that they use.

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
    /// The consumers whose receipts a message needs.
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

    /// The database's time, as far as it is known.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now().plus(Span(self.ahead.load(Ordering::Relaxed)))
    }

    /// Records a time that was read from the database's clock.
    pub(super) fn set_database_time(&self, at: Timestamp) {
        self.ahead.store(at.since(self.clock.now()).0, Ordering::Relaxed);
    }
}
