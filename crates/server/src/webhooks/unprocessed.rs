//! Events that were left behind: stored, and not processed to their end. One of them may kill the
//! process that handles it. So each attempt is counted before it begins, and an event that was
//! begun before is processed alone: if the process dies, no other event is blamed.

use parking_lot::Mutex;
use std::collections::HashSet;
use std::sync::Arc;

use domain::commands::{PutOffEvent, StartEvent};
use domain::rows::InboundEvent;
use domain::working_set::Command;
use domain::{EventId, Reply};
use store::{CommandResult, Store};
use tracing::warn;

#[derive(Clone)]
pub struct UnprocessedEvents {
    store: Store,
    /// Events that this process handles now. The sweep finds them too, and must not count them
    /// again.
    in_progress: Arc<Mutex<HashSet<EventId>>>,
    alone: Arc<tokio::sync::Mutex<()>>,
}

/// An event in progress. Dropping this allows it to be taken again.
pub struct EventInProgress {
    event: EventId,
    of: Arc<Mutex<HashSet<EventId>>>,
}

impl Drop for EventInProgress {
    fn drop(&mut self) {
        self.of.lock().remove(&self.event);
    }
}

impl UnprocessedEvents {
    pub fn new(store: Store) -> UnprocessedEvents {
        UnprocessedEvents { store, in_progress: Arc::default(), alone: Arc::default() }
    }

    /// `None`: this process handles it already.
    pub fn take(&self, event: EventId) -> Option<EventInProgress> {
        let taken = self.in_progress.lock().insert(event);
        taken.then(|| EventInProgress { event, of: self.in_progress.clone() })
    }

    /// Counts the event, then processes it. `processing` returns whether the event ended, even
    /// badly; a failure that is not the event's fault is not counted.
    pub async fn process(&self, event: &InboundEvent, processing: impl Future<Output = bool>) {
        let _alone = if event.attempts > 0 { Some(self.alone.lock().await) } else { None };
        match self.submit(StartEvent { event: event.id }).await {
            Ok(Some(Reply::Proceed(true))) => {}
            Ok(_) => return,
            Err(error) => {
                warn!(event = %event.id, error, "an event waits for the store");
                return;
            }
        }
        if !processing.await {
            // If this fails too, one attempt too many is counted.
            let _not_counted = self.submit(PutOffEvent { event: event.id }).await;
        }
    }

    /// `None`: nothing is left to do, because another process handled it.
    async fn submit(&self, command: impl Command + 'static) -> Result<Option<Reply>, String> {
        match self.store.submit(Box::new(command)).await {
            Ok(CommandResult::Fresh { reply, .. }) => Ok(Some(reply)),
            Ok(_) => Ok(None),
            Err(unavailable) => Err(unavailable.to_string()),
        }
    }
}
