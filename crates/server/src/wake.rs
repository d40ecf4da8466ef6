//! Who is woken by a commit, of this process or another: waiting requests, workers, the relay and its sweep.
//!
//! A wake-up saves waiting and nothing else: each of them also looks by itself now and then, so one
//! that is lost costs time and never work.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::side_effects::WakeUp;
use store::{Committed, Listener, Notification};
use tokio::sync::Notify;

use crate::http::Waiters;

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
                // Whoever stores an event reads it at once; the sweep finds what was left behind.
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

    fn notified(&self, heard: &Notification) {
        self.waiters.notified(heard);
        self.wake(&heard.wake_ups);
    }
}
