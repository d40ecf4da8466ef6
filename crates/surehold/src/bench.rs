//! `surehold bench`: measurements, each beside the plain form of the same work in the same run.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bench::plain;
use bench::{Engine, Options, Progress};
use clap::{Subcommand, ValueEnum};
use domain::TenantId;
use store::Location;
use uuid::Uuid;

use crate::failed;
use crate::signals::Signals;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    work: Work,
}

#[derive(Subcommand)]
enum Work {
    /// Reservations, over many slots and over one hot slot
    Reserve(Load),
    /// Charges, from the request to the definite outcome
    Charge(Load),
    /// Pages of lists, in a database of ten thousand rows and in a large one
    History(History),
    /// Serve the plain form; the benchmark starts this itself
    #[command(hide = true)]
    Plain(Plain),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Engines {
    Sqlite,
    Postgres,
    Both,
}

#[derive(clap::Args)]
struct Load {
    #[arg(long, value_enum, default_value = "both")]
    engine: Engines,
    // Never from the environment: SUREHOLD_DATABASE_URL names the database of `serve`.
    /// A PostgreSQL server to create databases on; without it a private one is started
    #[arg(long)]
    database_url: Option<String>,
    /// Seconds of each run
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Concurrent clients
    #[arg(long, default_value_t = 64)]
    tasks: usize,
    #[arg(long, default_value_t = 1_000)]
    slots: usize,
    /// Only the hot slot
    #[arg(long)]
    hot: bool,
    /// Write the measurements to this file as JSON
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(clap::Args)]
struct History {
    #[arg(long, value_enum, default_value = "both")]
    engine: Engines,
    /// A PostgreSQL server to create databases on; without it a private one is started
    #[arg(long)]
    database_url: Option<String>,
    /// Payments in the large database, and half as many bookings; ten million take some 15 GB per engine
    #[arg(long, default_value_t = 100_000)]
    rows: u64,
    /// Write the measurements to this file as JSON
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Plain {
    #[arg(long)]
    listen: SocketAddr,
    #[arg(long)]
    database_url: String,
    #[arg(long)]
    tenant: Uuid,
    #[arg(long)]
    api_key: String,
    #[arg(long)]
    ready_file: PathBuf,
}

impl Engines {
    fn list(self) -> Vec<Engine> {
        match self {
            Engines::Sqlite => vec![Engine::Sqlite],
            Engines::Postgres => vec![Engine::Postgres],
            Engines::Both => vec![Engine::Sqlite, Engine::Postgres],
        }
    }
}

impl Load {
    fn options(&self) -> Result<Options, crate::Failed> {
        for (name, value, most) in [
            ("--seconds", usize::try_from(self.seconds).unwrap_or(usize::MAX), 3_600),
            ("--tasks", self.tasks, 4_096),
            ("--slots", self.slots, 100_000),
        ] {
            if value == 0 || value > most {
                return Err(failed(format!("{name} must be from 1 to {most}")));
            }
        }
        Ok(Options {
            engines: self.engine.list(),
            database_url: self.database_url.clone(),
            duration: Duration::from_secs(self.seconds),
            tasks: self.tasks,
            slots: self.slots,
            hot_only: self.hot,
            ..Options::new(std::env::current_exe()?)
        })
    }
}

async fn history(history: History) -> crate::Exit {
    if !(10_000..=100_000_000).contains(&history.rows) {
        return Err(failed("--rows must be from 10000 to 100000000"));
    }
    let (engines, database_url) = (history.engine.list(), history.database_url);
    let options = Options { engines, database_url, ..Options::new(std::env::current_exe()?) };
    let report = bench::history(&options, history.rows, &Progress::shown()).await?;
    print!("{report}");
    if let Some(out) = history.out {
        crate::serve::write_whole(&out, &serde_json::to_string_pretty(&report)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

pub async fn run(arguments: Arguments) -> crate::Exit {
    let (load, report) = match arguments.work {
        Work::Plain(plain) => return serve_plain(plain).await,
        Work::History(wanted) => return history(wanted).await,
        Work::Reserve(load) => {
            let report = bench::reserve(&load.options()?, &Progress::shown()).await?;
            (load, report)
        }
        Work::Charge(load) => {
            let report = bench::charge(&load.options()?, &Progress::shown()).await?;
            (load, report)
        }
    };
    print!("{report}");
    if let Some(out) = load.out {
        crate::serve::write_whole(&out, &serde_json::to_string_pretty(&report)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn serve_plain(plain: Plain) -> crate::Exit {
    let options = plain::Options {
        location: Location::parse(&plain.database_url)?,
        listen: plain.listen,
        tenant: TenantId(plain.tenant),
        api_key: plain.api_key,
        ready_file: plain.ready_file,
    };
    let mut signals = Signals::listen()?;
    tokio::select! {
        served = plain::serve(options) => served?,
        () = signals.stop_requested() => {}
    }
    Ok(ExitCode::SUCCESS)
}
