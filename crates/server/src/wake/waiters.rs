//! Requests that wait for a worker's outcome, and how they are woken.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use domain::KeyId;
use store::{Committed, Listener, Notification, Rendered};
use tokio::sync::{Notify, oneshot};

/// The request that waits for each key. It is registered before the command is submitted, so that
/// an immediate outcome is not missed. Only one request waits for a key: another one with the same
/// key gets `request_in_progress`, and must not replace the first. The poll finds every outcome
/// that a wake-up missed.
#[derive(Debug, Default)]
pub struct Waiters {
    waiting: Mutex<HashMap<KeyId, Waker>>,
}

#[derive(Debug)]
struct Waker {
    reply: oneshot::Sender<Rendered>,
    recheck: Arc<Notify>,
}

/// A registration. Dropping it removes it from the list.
#[derive(Debug)]
pub struct Waiting {
    waiters: Arc<Waiters>,
    key: KeyId,
    /// `None` if another request is registered for the key.
    reply: Option<oneshot::Receiver<Rendered>>,
    /// Notified when another process has stored the reply, so that it is read.
    pub recheck: Arc<Notify>,
}

impl Waiters {
    pub fn register(self: &Arc<Waiters>, key: KeyId) -> Waiting {
        let recheck = Arc::new(Notify::new());
        let reply = match self.lock().entry(key) {
            Entry::Occupied(_) => None,
            Entry::Vacant(entry) => {
                let (waker, reply) = oneshot::channel();
                entry.insert(Waker { reply: waker, recheck: recheck.clone() });
                Some(reply)
            }
        };
        Waiting { waiters: self.clone(), key, reply, recheck }
    }

    pub fn wake(&self, key: KeyId, rendered: &Rendered) {
        let waker = self.lock().remove(&key);
        if let Some(waker) = waker {
            // A request that is gone will be repeated with its key.
            let _gone = waker.reply.send(rendered.clone());
        }
    }

    pub fn len(&self) -> usize {
        self.lock().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> parking_lot::MutexGuard<'_, HashMap<KeyId, Waker>> {
        self.waiting.lock()
    }
}

impl Listener for Waiters {
    fn committed(&self, committed: &Committed) {
        for (key, rendered) in &committed.answered {
            self.wake(*key, rendered);
        }
    }

    fn notified(&self, notification: &Notification) {
        let waiting = self.lock();
        for waker in notification.answered.iter().filter_map(|key| waiting.get(key)) {
            waker.recheck.notify_one();
        }
    }
}

impl Waiting {
    /// The reply, once a wake-up brings it. Never returns if none will.
    pub async fn reply(&mut self) -> Rendered {
        if let Some(reply) = &mut self.reply {
            let woken = reply.await;
            self.reply = None;
            if let Ok(rendered) = woken {
                return rendered;
            }
        }
        std::future::pending().await
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.reply.is_some() {
            self.waiters.lock().remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn key(number: u128) -> KeyId {
        KeyId(uuid::Uuid::from_u128(number))
    }

    fn rendered() -> Rendered {
        Rendered { status: 201, body: "{}".to_owned(), location: None }
    }

    #[tokio::test]
    async fn an_outcome_before_the_wait_is_not_missed() {
        let waiters = Arc::new(Waiters::default());
        let mut waiting = waiters.register(key(1));
        waiters.committed(&Committed { answered: vec![(key(1), rendered())], ..Committed::default() });
        assert_eq!(waiting.reply().await, rendered());
    }

    #[tokio::test]
    async fn a_second_request_with_the_key_does_not_replace_the_first() {
        let waiters = Arc::new(Waiters::default());
        let mut first = waiters.register(key(1));
        let mut second = waiters.register(key(1));
        assert!(second.reply().now_or_never().is_none());
        drop(second);
        waiters.wake(key(1), &rendered());
        assert_eq!(first.reply().now_or_never(), Some(rendered()));
        assert!(first.reply().now_or_never().is_none(), "once");
    }

    #[test]
    fn a_dropped_registration_is_removed() {
        let waiters = Arc::new(Waiters::default());
        drop(waiters.register(key(2)));
        assert!(waiters.is_empty());
    }
}
