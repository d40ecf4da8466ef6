//! Timers: what becomes due by itself.

use std::sync::Arc;
use std::time::Duration;

use domain::commands::{
    CheckAuthorizations, DueRelease, ExpireHolds, LapsedHold, PruneAudit, PruneDeliveries, PruneMessages,
    PruneReplies, PruneWork, ReleaseFunds,
};
use domain::limits::IDS_PER_COMMAND_MAX;
use domain::time::Span;
use domain::working_set::Command;
use domain::{AuditId, EventId, InboxId, JobId, KeyId, MessageId, PaymentId, Reply, Timestamp};
use store::queries::OldRows;
use store::{Clock, CommandResult, Store};
use tokio::sync::watch;
use tracing::warn;
use uuid::Uuid;

const SWEEP: Duration = Duration::from_secs(1);
/// Holds per sweep. Many of them may wait for the end of their payments, so it is not small.
const SWEEP_MAX: usize = 2_048;

/// Expires the holds that are over. A reserve that needs their seats does not wait for this.
pub async fn expire_holds(store: Store, clock: Arc<dyn Clock>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        match store.lapsed_holds(clock.now(), SWEEP_MAX).await {
            Ok(holds) => {
                for chunk in holds.chunks(IDS_PER_COMMAND_MAX) {
                    let command = |holds: &[LapsedHold]| ExpireHolds { holds: holds.to_vec() };
                    if let Err(error) = store.submit_about(chunk, command).await {
                        warn!(%error, "lapsed holds were not expired; trying again soon");
                    }
                }
            }
            Err(error) => warn!(%error, "lapsed holds could not be read"),
        }
        rest(SWEEP, &mut stop).await;
    }
}

/// Authorisations per sweep. Each is due only a few times.
const AUTHORIZATIONS_MAX: usize = 1_024;

/// Checks the authorisations that are due: warns of their end, or has them looked up.
pub async fn check_authorizations(
    store: Store,
    clock: Arc<dyn Clock>,
    warned_before: Span,
    mut stop: watch::Receiver<bool>,
) {
    while !*stop.borrow() {
        match store.due_authorizations(clock.now(), AUTHORIZATIONS_MAX).await {
            Ok(due) => {
                for chunk in due.chunks(IDS_PER_COMMAND_MAX) {
                    let command =
                        |due: &[PaymentId]| CheckAuthorizations { payments: due.to_vec(), warned_before };
                    if let Err(error) = store.submit_about(chunk, command).await {
                        warn!(%error, "authorisations were not checked; trying again soon");
                    }
                }
            }
            Err(error) => warn!(%error, "due authorisations could not be read"),
        }
        rest(SWEEP, &mut stop).await;
    }
}

const RELEASE: Duration = Duration::from_secs(1);
/// Releases per sweep.
const RELEASE_MAX: usize = 512;

/// Releases the funds that are due. Servers that find the same ones release them once: the command
/// decides again under the locks.
pub async fn release_funds(store: Store, clock: Arc<dyn Clock>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        match store.due_releases(clock.now(), RELEASE_MAX).await {
            Ok(due) => {
                for chunk in due.chunks(IDS_PER_COMMAND_MAX) {
                    let amounts = providers::AMOUNTS;
                    let command = |due: &[DueRelease]| ReleaseFunds { due: due.to_vec(), amounts };
                    if let Err(error) = store.submit_about(chunk, command).await {
                        warn!(%error, "due funds were not released; trying again soon");
                    }
                }
            }
            Err(error) => warn!(%error, "due releases could not be read"),
        }
        rest(RELEASE, &mut stop).await;
    }
}

/// How often old replies are pruned. Each run takes them page by page, until none is left.
const PRUNE_EVERY: Duration = Duration::from_hours(24);
/// After the database was not available.
const PRUNE_AGAIN: Duration = Duration::from_mins(1);
const PRUNE_MAX: usize = 4_096;

/// Deletes stored replies after the time for which they must be kept. The keys stay.
pub async fn prune_replies(store: Store, clock: Arc<dyn Clock>, kept: Span, mut stop: watch::Receiver<bool>) {
    let pruning = Pruning { store, clock, stop: stop.clone() };
    while !*stop.borrow() {
        let outcome = pruning.replies(kept).await;
        rest(until_next("old replies", outcome), &mut stop).await;
    }
}

/// Deletes events and jobs a long time after their end.
pub async fn prune_work(store: Store, clock: Arc<dyn Clock>, kept: Span, mut stop: watch::Receiver<bool>) {
    let pruning = Pruning { store, clock, stop: stop.clone() };
    while !*stop.borrow() {
        let outcome = pruning.work(kept).await;
        rest(until_next("old events and jobs", outcome), &mut stop).await;
    }
}

/// Deletes rows of the audit that are older than they must be kept and concern what is over.
pub async fn prune_audit(store: Store, clock: Arc<dyn Clock>, kept: Span, mut stop: watch::Receiver<bool>) {
    let pruning = Pruning { store, clock, stop: stop.clone() };
    while !*stop.borrow() {
        let outcome = pruning.audit(kept).await;
        rest(until_next("old rows of the audit", outcome), &mut stop).await;
    }
}

/// Deletes messages a long time after they were received, and their receipts after twice that time.
pub async fn prune_messages(
    store: Store,
    clock: Arc<dyn Clock>,
    kept: Span,
    mut stop: watch::Receiver<bool>,
) {
    let pruning = Pruning { store, clock, stop: stop.clone() };
    while !*stop.borrow() {
        let outcome = pruning.messages(kept).await;
        rest(until_next("old messages", outcome), &mut stop).await;
    }
}

fn until_next(what: &str, outcome: Result<(), String>) -> Duration {
    match outcome {
        Ok(()) => PRUNE_EVERY,
        // If the database does not take one page, it will not take the next one either.
        Err(error) => {
            warn!(error, "{what} were not deleted; trying again soon");
            PRUNE_AGAIN
        }
    }
}

/// Waits for the pause, or until `stop`.
pub(crate) async fn rest(pause: Duration, stop: &mut watch::Receiver<bool>) {
    tokio::select! {
        _ = stop.changed() => {}
        () = tokio::time::sleep(pause) => {}
    }
}

/// Works page by page, until none is left or `stop`. Our clock selects what to check; the command
/// decides by the clock that stamped the row.
struct Pruning {
    store: Store,
    clock: Arc<dyn Clock>,
    stop: watch::Receiver<bool>,
}

impl Pruning {
    async fn replies(&self, kept: Span) -> Result<(), String> {
        let before = self.before(kept);
        let find = |behind| self.store.old_replies(before, behind, PRUNE_MAX);
        self.walk(find, |keys: &[KeyId]| PruneReplies { keys: keys.to_vec(), kept }).await
    }

    async fn work(&self, kept: Span) -> Result<(), String> {
        let before = self.before(kept);
        let find = |behind| self.store.old_events(before, behind, PRUNE_MAX);
        let prune = |events: &[EventId]| PruneWork { events: events.to_vec(), jobs: Vec::new(), kept };
        self.walk(find, prune).await?;
        let find = |behind| self.store.old_jobs(before, behind, PRUNE_MAX);
        self.walk(find, |jobs: &[JobId]| PruneWork { events: Vec::new(), jobs: jobs.to_vec(), kept }).await
    }

    async fn audit(&self, kept: Span) -> Result<(), String> {
        let before = self.before(kept);
        let find = |behind| self.store.old_audit(before, behind, PRUNE_MAX);
        self.walk(find, |rows: &[AuditId]| PruneAudit { rows: rows.to_vec(), kept }).await
    }

    /// Reads a whole table by its primary key.
    async fn walk<Id, Found, C>(
        &self,
        find: impl Fn(Id) -> Found,
        command: impl Fn(&[Id]) -> C,
    ) -> Result<(), String>
    where
        Id: Copy + From<Uuid>,
        Found: Future<Output = Result<OldRows<Id>, store::Error>>,
        C: Command + 'static,
    {
        let mut after = Some(Id::from(Uuid::nil()));
        while let Some(behind) = after.filter(|_| !*self.stop.borrow()) {
            let old = find(behind).await.map_err(describe)?;
            self.submit(&old.ids, &command).await?;
            after = old.next;
        }
        Ok(())
    }

    async fn messages(&self, kept: Span) -> Result<(), String> {
        loop {
            let found = self.store.prunable_messages(self.before(kept), PRUNE_MAX).await.map_err(describe)?;
            let command = |messages: &[MessageId]| PruneMessages { messages: messages.to_vec(), kept };
            if !self.submit(&found, command).await? {
                break;
            }
        }
        let early = fault_injection::is(fault_injection::InjectedFault::ReceiptsPrunedEarly);
        let kept = if early { Span(0) } else { Span(kept.0 * 2) };
        loop {
            let found =
                self.store.prunable_deliveries(self.before(kept), PRUNE_MAX).await.map_err(describe)?;
            let command = |deliveries: &[InboxId]| PruneDeliveries { deliveries: deliveries.to_vec(), kept };
            if !self.submit(&found, command).await? {
                return Ok(());
            }
        }
    }

    /// Submits one chunk after another, the lowest of a subject first. Returns whether there may be
    /// more: only if something was deleted, because rows that only our clock considers old are
    /// found again.
    async fn submit<Id, C: Command + 'static>(
        &self,
        found: &[Id],
        command: impl Fn(&[Id]) -> C,
    ) -> Result<bool, String> {
        let mut pruned = 0;
        for chunk in found.chunks(IDS_PER_COMMAND_MAX) {
            if *self.stop.borrow() {
                return Ok(false);
            }
            for answer in self.store.submit_about(chunk, &command).await.map_err(describe)? {
                if let CommandResult::Fresh { reply: Reply::Swept(count), .. } = answer {
                    pruned += count;
                }
            }
        }
        Ok(found.len() == PRUNE_MAX && pruned > 0)
    }

    fn before(&self, kept: Span) -> Timestamp {
        self.clock.now().minus(kept)
    }
}

fn describe(error: impl ToString) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::commands::{CloseEvent, RecordEvent};
    use domain::{AccountId, TenantId};
    use store::{Location, Options};

    use super::*;
    use crate::ids::UuidV7;
    use crate::ports::clock::SystemClock;
    use crate::wire::Wire;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn events_that_ended_are_let_go_after_their_time() {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::Sqlite { path: directory.path().join("books.db") };
        Store::migrate(&location).await.unwrap();
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(UuidV7::default()));
        let store = Store::open(Options::new(location, clock.clone(), ids, Arc::new(Wire))).await.unwrap();
        let mut events = Vec::new();
        for name in ["evt_1", "evt_2", "evt_3"] {
            let (tenant, account) = (TenantId(Uuid::nil()), AccountId::of("stripe", "acct"));
            let (name, kind, body) = (name.to_owned(), "refund.created".to_owned(), b"{}".to_vec());
            let record = RecordEvent { tenant, account, name, kind, body };
            events.push(record.id());
            store.submit(Box::new(record)).await.unwrap();
        }
        for event in &events[..2] {
            let close = CloseEvent { event: *event, why: "none of ours".to_owned(), dead: false };
            store.submit(Box::new(close)).await.unwrap();
        }
        let (_sender, stop) = watch::channel(false);
        let pruning = Pruning { store: store.clone(), clock, stop };
        pruning.work(Span::seconds(3_600)).await.unwrap();
        assert_eq!(store.known_events(&events).await.unwrap().len(), 3, "it is not time");
        // As seen from a moment later.
        pruning.work(Span::seconds(-1)).await.unwrap();
        assert_eq!(store.known_events(&events).await.unwrap(), events[2..], "one is not processed yet");
    }
}
