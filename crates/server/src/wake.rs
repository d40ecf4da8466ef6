//! Who is woken by a commit, of this process or another: waiting requests, workers, the relay and its sweep.
//!
//! A wake-up saves waiting and nothing else: each of them also looks by itself now and then, so one
//! that is lost costs time and never work.

mod waiters;

use std::sync::Arc;

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

impl Listener for Wake {
    fn committed(&self, committed: &Committed) {
        self.waiters.committed(committed);
        if committed.jobs > 0 {
            self.jobs.notify_one();
        }
        if committed.messages > 0 || committed.partitions > 0 {
            self.outbox.notify_one();
        }
        if committed.retries > 0 {
            self.sweep.notify_one();
        }
    }

    fn notified(&self, heard: &Notification) {
        self.waiters.notified(heard);
        if heard.jobs {
            self.jobs.notify_one();
        }
        if heard.messages || heard.partitions {
            self.outbox.notify_one();
        }
        if heard.retries {
            self.sweep.notify_one();
        }
    }
}
