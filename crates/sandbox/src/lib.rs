//! A stand-in for payment providers. It speaks Stripe's wire, accurate enough for Stripe's own SDKs,
//! that of Mercado Pago's payments, and that of a bank with the central bank's API of Pix.
//!
//! It shares no code with the program under test. It records the money that moves in its own books
//! ([`ledger`] has their format), in its own process and in a file ([`journal`]) that survives
//! `kill -9`. It can be told to fail as networks and providers do ([`faults`]).
//!
//! Reading order: a request arrives in `connection` and becomes a `call`; the endpoints in `stripe`
//! `mercado_pago` or `pix` decide it on a `call_draft`; the decision is one `line` of the [`journal`], which the `books`
//! apply; `delivery` delivers the events that it caused.
//!
//! What must never be here: another crate of this workspace, TLS, or calls to other addresses than
//! the configured ones.

mod account;
mod answer;
mod authorization;
mod balance;
mod books;
mod call;
mod call_counts;
mod call_draft;
mod card;
mod change;
mod charge;
mod clock;
mod connection;
pub mod control;
mod currency;
mod customer;
mod delivery;
mod dispute;
mod event;
pub mod faults;
mod form;
mod ids;
mod intent;
pub mod journal;
pub mod ledger;
mod line;
mod mercado_pago;
mod nesting;
mod parameters;
mod payment_entries;
mod payment_method;
mod pix;
mod plant;
mod random;
mod record;
mod refund;
mod refusal;
mod reply;
mod settlement;
mod shipping;
mod signature;
mod snapshot;
mod state;
mod stripe;
pub mod traffic;
mod transfer;
mod wire;

use std::{
    collections::{BTreeSet, HashSet, VecDeque},
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
};

use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::{
    books::Books,
    delivery::WebhookSender,
    faults::Faults,
    ids::IdGenerator,
    journal::BooksJournal,
    line::{JournalRecord, Settled},
    random::Random,
    state::{NewDelivery, SandboxState, SharedState},
    traffic::TrafficRecorder,
};

/// Where to listen (port 0 for any free port), which file stores the books, and which one the traffic, if
/// it is recorded.
#[derive(Clone, Debug)]
pub struct Options {
    pub listen: SocketAddr,
    pub journal: PathBuf,
    pub record: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Journal(#[from] journal::Error),
    #[error("cannot listen on {address}: {cause}")]
    Listen { address: SocketAddr, cause: io::Error },
    #[error("the traffic cannot be recorded in {path}: {cause}")]
    Record { path: PathBuf, cause: io::Error },
}

/// A running sandbox. Dropping it stops it at once, without waiting for replies in progress.
pub struct RunningSandbox {
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl RunningSandbox {
    /// Finishes the calls in progress, accepts no more, and closes the journal.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            // A task that panicked has reported it already.
            let _ = task.await;
        }
    }
}

/// Replays the journal and starts to serve. Refuses a journal that another process holds.
pub async fn start(options: Options) -> Result<RunningSandbox, Error> {
    let (books, journal, owed) = open(&options.journal)?;
    let traffic = options.record.as_deref().map(open_traffic).transpose()?;
    let failed = |cause| Error::Listen { address: options.listen, cause };
    let listener = TcpListener::bind(options.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let faults = Faults::default();
    let state = SandboxState {
        books,
        journal,
        random: Random::seeded(faults.seed),
        posting: Random::seeded(!faults.seed),
        faults,
        in_flight: HashSet::new(),
        outgoing: owed,
    };
    let shared = Arc::new(SharedState::new(address, state, traffic));
    let (stop, stopped) = watch::channel(false);
    let tasks = vec![
        tokio::spawn(connection::listen(shared.clone(), listener, stopped.clone())),
        tokio::spawn(WebhookSender::new(shared.clone()).run(stopped.clone())),
        tokio::spawn(settlement::run(shared, stopped)),
    ];
    Ok(RunningSandbox { address, stop, tasks })
}

fn open_traffic(path: &std::path::Path) -> Result<TrafficRecorder, Error> {
    TrafficRecorder::open(path).map_err(|cause| Error::Record { path: path.to_owned(), cause })
}

/// The books from the journal, and the deliveries that are still owed.
fn open(path: &std::path::Path) -> Result<(Books, BooksJournal, VecDeque<NewDelivery>), Error> {
    let mut books = Books::empty();
    let mut owed = Vec::new();
    let mut settled: BTreeSet<Settled> = BTreeSet::new();
    let mut journal = BooksJournal::open(path, |place, line| {
        owed.extend(books.apply(place, &line));
        settled.extend(line.settled);
        settled.extend(line.undelivered);
    })?;
    owed.retain(|due| !settled.contains(&due.settled()));
    if books.mint.salt.is_empty() {
        let salt = IdGenerator::salt(clock::now_ns() ^ u64::from(std::process::id()));
        let line = JournalRecord {
            at: clock::now_ms(),
            next: books.mint.next,
            salt: Some(salt),
            ..JournalRecord::default()
        };
        let place = journal.append(&line).map_err(journal::Error::from)?;
        books.apply(place, &line);
    }
    Ok((books, journal, owed.into_iter().map(|due| NewDelivery { due, line: None }).collect()))
}
