//! The listeners of a commit, in this process or another: waiting requests, workers, the relay and
//! its sweep.
//!
//! A wake-up only saves time: each listener also checks periodically, so a lost wake-up costs time
//! and never work.

mod waiters;

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::side_effects::WakeUp;
use store::{Committed, Listener, Notification};
use tokio::sync::Notify;

pub use waiters::{Waiters, Waiting};

#[derive(Clone, Default)]
pub struct Wake {
    pub waiters: Arc<Waiters>,
    pub jobs: Arc<Notify>,
    pub outbox: Arc<Notify>,
    pub sweep: Arc<Notify>,
}

impl Wake {
    fn wake(&self, wake_ups: &BTreeSet<WakeUp>) {
        for wake_up in wake_ups {
            match wake_up {
                WakeUp::Jobs => self.jobs.notify_one(),
                WakeUp::Messages | WakeUp::Partitions => self.outbox.notify_one(),
                WakeUp::Retries => self.sweep.notify_one(),
                // The process that stores an event processes it at once; the sweep finds events
                // that were left behind.
                WakeUp::Events => {}
            }
        }
    }
}

impl Listener for Wake {
    fn committed(&self, committed: &Committed) {
        self.waiters.committed(committed);
        self.wake(&committed.wake_ups);
    }

    fn notified(&self, notification: &Notification) {
        self.waiters.notified(notification);
        self.wake(&notification.wake_ups);
    }
}
