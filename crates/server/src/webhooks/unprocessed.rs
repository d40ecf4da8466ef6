//! Events that were left behind: stored, and not looked at to their end. One of them may kill the process
//! that looks at it. So each is counted before it is begun, and one that was begun before is looked at
//! alone: who dies with it is not counted for it.

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
    /// Events that this process has in its hands: the sweep finds them, and must not count them again.
    in_hand: Arc<Mutex<HashSet<EventId>>>,
    alone: Arc<tokio::sync::Mutex<()>>,
}

/// An event in hand; dropped, it may be taken again.
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
        UnprocessedEvents { store, in_hand: Arc::default(), alone: Arc::default() }
    }

    /// `None`: this process has it in hand already.
    pub fn take(&self, event: EventId) -> Option<EventInProgress> {
        let taken = self.in_hand.lock().insert(event);
        taken.then(|| EventInProgress { event, of: self.in_hand.clone() })
    }

    /// Counts the event, then looks at it. `look` answers whether it came to an end, be it a bad one;
    /// what failed through no fault of the event is not counted.
    pub async fn look_at(&self, event: &InboundEvent, look: impl Future<Output = bool>) {
        let _alone = if event.attempts > 0 { Some(self.alone.lock().await) } else { None };
        match self.submit(StartEvent { event: event.id }).await {
            Ok(Some(Reply::Proceed(true))) => {}
            Ok(_) => return,
            Err(error) => {
                warn!(event = %event.id, error, "an event waits for the store");
                return;
            }
        }
        if !look.await {
            // Where this fails as well, one attempt too many is counted.
            let _not_counted = self.submit(PutOffEvent { event: event.id }).await;
        }
    }

    /// `None`: there is nothing to do, somebody else looked at it.
    async fn submit(&self, command: impl Command + 'static) -> Result<Option<Reply>, String> {
        match self.store.submit(Box::new(command)).await {
            Ok(CommandResult::Fresh { reply, .. }) => Ok(Some(reply)),
            Ok(_) => Ok(None),
            Err(unavailable) => Err(unavailable.to_string()),
        }
    }
}
