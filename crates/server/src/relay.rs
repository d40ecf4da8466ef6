//! The relay: brings the outbox's messages to their consumers, in order per subject, and then
//! gives each its place in the tenant's event log.
//!
//! The broker here is embedded: a message counts as relayed only when every consumer's receipt is
//! committed, so the mark itself is the proof. A crash between the two brings it again, and the
//! receipts keep the effect at one. No lock is held while consumers work.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::commands::Relay as Mark;
use domain::limits::RELAYED_PER_COMMAND_MAX;
use domain::rows::Message;
use domain::{MessageId, TenantId};
use futures_util::StreamExt as _;
use futures_util::future::try_join_all;
use futures_util::stream::FuturesUnordered;
use store::Store;
use tokio::sync::{Notify, watch};
use tracing::warn;

use crate::consumers::ledger;

const POLL: Duration = Duration::from_secs(1);

pub struct Relay {
    pub store: Store,
    pub wake: Arc<Notify>,
}

impl Relay {
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            match self.pass().await {
                Ok(relayed) if relayed > 0 => continue,
                Ok(_) => {}
                Err(error) => warn!(error, "the relay will try again"),
            }
            tokio::select! {
                _ = stop.changed() => {}
                () = self.wake.notified() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// One batch; how many messages it relayed.
    async fn pass(&self) -> Result<usize, String> {
        let messages =
            self.store.unrelayed(RELAYED_PER_COMMAND_MAX).await.map_err(|error| error.to_string())?;
        if messages.is_empty() {
            return Ok(0);
        }
        let received = self.deliver(&messages).await;
        let mut by_tenant: BTreeMap<TenantId, Vec<MessageId>> = BTreeMap::new();
        for message in &messages {
            let subject = (message.subject_kind, message.subject);
            // A message that failed holds back the later ones of its subject, and no others.
            let held_back = received.get(&subject).is_some_and(|failed_at| message.seq >= *failed_at);
            if !held_back {
                by_tenant.entry(message.tenant).or_default().push(message.id);
            }
        }
        // One command a tenant, so that no other writer comes between two messages of a subject.
        let marks: Vec<Mark> =
            by_tenant.into_iter().map(|(tenant, messages)| Mark { tenant, messages }).collect();
        let relayed = marks.iter().map(|mark| mark.messages.len()).sum();
        let marked = marks.into_iter().map(|mark| self.store.submit(Box::new(mark)));
        try_join_all(marked).await.map_err(|error| error.to_string())?;
        Ok(relayed)
    }

    /// Brings every message to the consumers; per subject, the first `seq` that failed.
    async fn deliver(&self, messages: &[Message]) -> BTreeMap<(domain::rows::Subject, uuid::Uuid), i64> {
        let mut deliveries: FuturesUnordered<_> = messages
            .iter()
            .map(|message| async move { (message, ledger::receive(&self.store, message).await) })
            .collect();
        let mut failed = BTreeMap::new();
        while let Some((message, outcome)) = deliveries.next().await {
            if let Err(error) = outcome {
                warn!(message = %message.id, %error, "a consumer did not take a message");
                let first = failed.entry((message.subject_kind, message.subject)).or_insert(message.seq);
                *first = message.seq.min(*first);
            }
        }
        failed
    }
}
