//! Changes that no call caused: by a payer on a page, or by a person at the provider or a bank.

use std::{io, sync::Arc};

use crate::{books::Books, call_draft::CallDraft, clock, line::JournalRecord, state::SharedState};

pub enum ChangeError<E> {
    /// No account has the object.
    Missing,
    Refused(E),
    Unwritten(io::Error),
}

/// Decides in the account that `find` returns, and writes the changes as one line.
pub fn apply<T, E>(
    shared: &SharedState,
    find: impl FnOnce(&Books) -> Option<&Arc<str>>,
    decide: impl FnOnce(&mut CallDraft) -> Result<T, E>,
) -> Result<T, ChangeError<E>> {
    let mut guard = shared.state();
    let state = &mut *guard;
    let account = find(&state.books).ok_or(ChangeError::Missing)?.clone();
    let at = clock::now_ms();
    let base = format!("http://{}", shared.address);
    let mut draft = CallDraft::new(&state.books.accounts[&account], state.books.mint.clone(), at, &base);
    let decided = decide(&mut draft).map_err(ChangeError::Refused)?;
    let line = JournalRecord {
        at,
        next: draft.mint.next,
        account: Some(account.to_string()),
        snapshots: draft.snapshots,
        events: draft.events,
        ..JournalRecord::default()
    };
    state.commit(line).map_err(ChangeError::Unwritten)?;
    drop(guard);
    shared.stirred.notify_one();
    shared.settling.notify_one();
    Ok(decided)
}
