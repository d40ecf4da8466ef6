//! `surehold bench`: how much, how fast, at what cost, and what the plain form of the same work does.
//!
//! Everything is real: the program as it ships in a process of its own, HTTP over loopback, durability on.
//! Load generator, server and database share the machine, so a figure means little beside one from another
//! machine and much beside the others of its table. Commits, round trips and WAL bytes an operation are
//! counted, not timed: noise does not touch them.
//!
//! | load | what it tells |
//! |---|---|
//! | closed loop | each of so many clients sends its next request when the last is answered: throughput |
//! | open loop at half of that | requests are due by the clock; latency counts from when one was due, so that a stall is not hidden by the requests that it kept from being sent |
//!
//! After each run the books are exact, or it is no figure: seats held are the reservations that were
//! answered, the provider captured what was charged, and every promise holds.

mod bench_database;
mod charge;
mod load;
mod meter;
pub mod plain;
mod progress;
mod report;
mod reserve;

use std::path::PathBuf;
use std::time::Duration;

pub use charge::charge;
pub use progress::Progress;
pub use report::{Cost, Figure, Latency, Report};
pub use reserve::reserve;
pub use testkit::Engine;

#[derive(Clone, Debug)]
pub struct Options {
    /// The program itself. It must know `serve`, `sandbox`, `tenant create`, and `bench plain`, which is
    /// [`plain::serve`].
    pub program: PathBuf,
    pub engines: Vec<Engine>,
    /// A PostgreSQL to make databases in, and to drop them again; without it a private one is started.
    pub database_url: Option<String>,
    /// How long each closed loop runs; the open loop takes half as long.
    pub duration: Duration,
    /// Clients at once.
    pub tasks: usize,
    pub slots: usize,
    /// Only the one hot slot.
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
    /// The figures are void.
    #[error("the books are not exact after {after}: {words}")]
    NotExact { after: String, words: String },
    #[error("{0}")]
    Failed(String),
}
