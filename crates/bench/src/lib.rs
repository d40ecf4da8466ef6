//! `surehold bench`: throughput, latency and cost, beside the plain form of the same work.
//!
//! Everything is real: the program as it ships in a process of its own, HTTP over loopback,
//! durability on. The load generator, the server and the database share the machine, so a figure
//! can be compared with the others of its table, and hardly with a figure from another machine.
//! Commits, round trips and WAL bytes of an operation are counted, not timed, so noise does not
//! change them.
//!
//! | load | what it measures |
//! |---|---|
//! | closed loop | each client sends its next request when the last is answered: throughput |
//! | open loop at half of that | requests are due by the clock; latency counts from the due time, so that a stall also counts for the requests that it delayed |
//!
//! `surehold bench history` ([`history()`]) has no load: it reads pages of lists in a small and in a large database.
//!
//! After each run of a load the books must be exact, or there is no figure: the held seats are the answered
//! reservations, the provider captured what was charged, and every promise holds.

mod bench_database;
mod charge;
mod history;
mod load;
mod meter;
pub mod plain;
mod progress;
mod report;
mod reserve;

use std::path::PathBuf;
use std::time::Duration;

pub use charge::charge;
pub use history::{HistoryReport, history};
pub use progress::Progress;
pub use report::{Cost, Figure, Latency, Report};
pub use reserve::reserve;
pub use testkit::Engine;

#[derive(Clone, Debug)]
pub struct Options {
    /// The program. It must have the commands `serve`, `sandbox`, `tenant create`, and `bench
    /// plain`, which calls [`plain::serve`].
    pub program: PathBuf,
    pub engines: Vec<Engine>,
    /// A PostgreSQL server for the databases of the bench; without it a private one is started.
    pub database_url: Option<String>,
    /// How long each closed loop runs; the open loop takes half as long.
    pub duration: Duration,
    /// The number of clients.
    pub tasks: usize,
    pub slots: usize,
    /// Measures the one hot slot only.
    pub hot_only: bool,
}

impl Options {
    pub fn new(program: PathBuf) -> Options {
        Options {
            program,
            engines: vec![Engine::Sqlite, Engine::Postgres],
            database_url: None,
            duration: Duration::from_secs(10),
            tasks: 64,
            slots: 1_000,
            hot_only: false,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Program(#[from] testkit::program::Error),
    #[error(transparent)]
    Http(#[from] outbound::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Oracle(#[from] check::Error),
    #[error(transparent)]
    Databases(#[from] testkit::databases::Error),
    #[error("PostgreSQL: {0}")]
    Postgres(#[from] tokio_postgres::Error),
    #[error(transparent)]
    File(#[from] std::io::Error),
    #[error("{0}")]
    Failed(String),
}
