//! Changes that happen without a call, such as a refund that fails later: a task waits for the next
//! one and applies it.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use crate::{
    call_draft::CallDraft,
    clock,
    line::JournalRecord,
    state::{SandboxState, SharedState},
};

/// The pause between two attempts when the journal cannot be written.
const RETRY_MS: u64 = 1_000;

pub async fn run(shared: Arc<SharedState>, mut stop: watch::Receiver<bool>) {
    loop {
        let wait = {
            let mut state = shared.state();
            settle_due(&mut state)
        };
        shared.stirred.notify_one();
        let pause = async {
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = stop.changed() => return,
            () = shared.settling.notified() => {}
            () = pause => {}
        }
    }
}

/// Applies all changes that are due and returns the time until the next one.
fn settle_due(state: &mut SandboxState) -> Option<Duration> {
    loop {
        let (at, account, object) = state.books.settlements.first()?.clone();
        let now = clock::now_ms();
        if at > now {
            return Some(Duration::from_millis((at - now) as u64));
        }
        let held = state.books.accounts.get(&account).expect("accounts are never removed");
        let mut draft = CallDraft::new(held, state.books.mint.clone(), now, "");
        held.account.wire.settle(&mut draft, &object);
        let line = JournalRecord {
            at: now,
            next: draft.mint.next,
            account: Some(account.to_string()),
            snapshots: draft.snapshots,
            events: draft.events,
            ..JournalRecord::default()
        };
        if let Err(error) = state.commit(line) {
            tracing::warn!(%error, "an object could not be settled yet");
            return Some(Duration::from_millis(RETRY_MS));
        }
    }
}
