//! The work of clients, as the scenario that injects faults sees it.
//!
//! An incident in an idle deployment shows nothing. So a client whose planned work is done goes on
//! with more of the same until the last incident has passed, and before an incident the scenario
//! can check whether any work is under way. The number of incidents limits the extra work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

/// Clones share the same work.
#[derive(Clone)]
pub struct PendingWork {
    tally: Arc<watch::Sender<Tally>>,
    /// The planned work is enough.
    enough: Arc<AtomicBool>,
}

#[derive(Clone, Copy, Default)]
struct Tally {
    begun: usize,
    finished: usize,
}

/// One piece of work. It is under way until this is dropped.
pub struct Piece(PendingWork);

impl Drop for Piece {
    fn drop(&mut self) {
        self.0.tally.send_modify(|tally| tally.finished += 1);
    }
}

impl PendingWork {
    /// The planned work only.
    pub fn as_planned() -> PendingWork {
        PendingWork::new(true)
    }

    /// The planned work, and more until [`PendingWork::is_enough`].
    pub fn until_enough() -> PendingWork {
        PendingWork::new(false)
    }

    fn new(enough: bool) -> PendingWork {
        let tally = watch::Sender::new(Tally::default());
        PendingWork { tally: Arc::new(tally), enough: Arc::new(AtomicBool::new(enough)) }
    }

    pub fn begins(&self) -> Piece {
        self.tally.send_modify(|tally| tally.begun += 1);
        Piece(self.clone())
    }

    pub fn is_under_way(&self) -> bool {
        let tally = *self.tally.borrow();
        tally.begun > tally.finished
    }

    pub fn finished(&self) -> usize {
        self.tally.borrow().finished
    }

    /// Waits until this many pieces are finished.
    pub async fn until_finished(&self, at_least: usize) {
        let mut watched = self.tally.subscribe();
        // We own the sender, so the channel stays open.
        let _finished = watched.wait_for(|tally| tally.finished >= at_least).await;
    }

    /// No more incidents come: the work under way is finished, and no further work begins.
    pub fn is_enough(&self) {
        self.enough.store(true, Ordering::Relaxed);
    }

    pub fn needs_more(&self) -> bool {
        !self.enough.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_under_way_from_its_beginning_to_its_end() {
        let work = PendingWork::until_enough();
        assert!(!work.is_under_way() && work.needs_more());
        let (one, other) = (work.begins(), work.begins());
        drop(one);
        assert!(work.is_under_way());
        work.until_finished(1).await;
        drop(other);
        assert!(!work.is_under_way());
        assert_eq!(work.finished(), 2);
        work.is_enough();
        assert!(!work.needs_more() && !PendingWork::as_planned().needs_more());
    }
}
