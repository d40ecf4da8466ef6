//! The state that all calls share: the books, their journal, and the faults, behind one lock.
//!
//! The lock is held for a decision and its write, some tens of microseconds, and never while
//! waiting.

use std::{
    collections::{HashSet, VecDeque},
    io,
    net::SocketAddr,
    sync::Arc,
};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::{
    books::{Books, DueDelivery},
    faults::Faults,
    journal::{BooksJournal, JournalReader},
    line::JournalRecord,
    random::Random,
    traffic::TrafficRecorder,
};

/// If more deliveries than this are waiting, their lines are read from the file again instead of
/// kept in memory.
pub const REMEMBERED_MAX: usize = 10_000;

/// A new delivery, with its journal line if that is still in memory.
pub struct NewDelivery {
    pub due: DueDelivery,
    pub line: Option<Arc<JournalRecord>>,
}

pub struct SandboxState {
    pub books: Books,
    pub journal: BooksJournal,
    pub faults: Faults,
    /// The random generator of calls.
    pub random: Random,
    /// The random generator of deliveries. It is separate, so that the speed of deliveries does not
    /// shift the faults of calls.
    pub posting: Random,
    /// Keys whose first call is still being executed, by account.
    pub in_flight: HashSet<(Arc<str>, String)>,
    pub outgoing: VecDeque<NewDelivery>,
}

impl SandboxState {
    /// Writes the line, then applies it. On an error nothing has changed.
    pub fn commit(&mut self, line: JournalRecord) -> io::Result<()> {
        let place = self.journal.append(&line)?;
        let dues = self.books.apply(place, &line);
        if dues.is_empty() {
            return Ok(());
        }
        let remembered = (self.outgoing.len() < REMEMBERED_MAX).then(|| Arc::new(line));
        self.outgoing.extend(dues.into_iter().map(|due| NewDelivery { due, line: remembered.clone() }));
        Ok(())
    }
}

pub struct SharedState {
    pub address: SocketAddr,
    pub reader: JournalReader,
    /// [`SandboxState::outgoing`] or the settlements may have new entries.
    pub stirred: Notify,
    pub settling: Notify,
    /// Calls and deliveries are recorded here.
    pub traffic: Option<TrafficRecorder>,
    state: Mutex<SandboxState>,
}

impl SharedState {
    pub fn new(address: SocketAddr, state: SandboxState, traffic: Option<TrafficRecorder>) -> Self {
        let reader = state.journal.reader();
        let (stirred, settling) = (Notify::new(), Notify::new());
        Self { address, reader, stirred, settling, traffic, state: Mutex::new(state) }
    }

    /// A panic under the lock cannot leave the books half changed: they change after the decision,
    /// line by line.
    pub fn state(&self) -> MutexGuard<'_, SandboxState> {
        self.state.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{account::Account, balance::Fees, wire::ProviderWire};

    #[test]
    fn a_change_that_cannot_be_written_is_not_applied() {
        let folder = tempfile::tempdir().unwrap();
        let mut state = SandboxState {
            books: Books::empty(),
            journal: BooksJournal::unwritable(&folder.path().join("journal")),
            faults: Faults::default(),
            random: Random::seeded(0),
            posting: Random::seeded(0),
            in_flight: HashSet::new(),
            outgoing: VecDeque::new(),
        };
        let account = Account {
            id: "acct_1".into(),
            wire: ProviderWire::Stripe,
            secret_key: "sk_1".into(),
            fees: Fees::default(),
            endpoints: Vec::new(),
        };
        let line = JournalRecord { next: 77, configured: Some(account), ..JournalRecord::default() };
        assert!(state.commit(line).is_err());
        assert!(state.books.accounts.is_empty() && state.books.mint.next == 1);
    }
}
