//! `surehold attack`: tests under faults whether the program does anything twice or loses anything.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use attack::scenarios::SCENARIOS;
use attack::{Fleet, Ground, Options, Progress, Report, Scenario};

use crate::signals::Signals;
use crate::{Failed, failed};

#[derive(clap::Args)]
pub struct Arguments {
    /// A scenario's name or number, or `all`; may be given more than once [default: all]
    #[arg(long, value_name = "NAME")]
    scenario: Vec<String>,
    /// List the scenarios and exit
    #[arg(long)]
    list: bool,
    /// Repeats the choices of an earlier run
    #[arg(long)]
    seed: Option<u64>,
    /// Logical operations per scenario, up to what the scenario can use; the report says how many
    /// ran
    #[arg(long, default_value_t = 1_000)]
    operations: usize,
    /// Scenarios that run at the same time, each on its own deployment: faster, but harder to read
    #[arg(long, default_value_t = 1)]
    at_once: usize,
    /// A PostgreSQL server to create databases on, with a user that may; without it and --postgres
    /// SQLite is used
    #[arg(long, conflicts_with_all = ["postgres", "target"])]
    database_url: Option<String>,
    /// Use a private PostgreSQL, which is started and stopped
    #[arg(long, conflicts_with = "target")]
    postgres: bool,
    /// Use a private Redis in front of PostgreSQL
    #[arg(long, conflicts_with = "target")]
    redis: bool,
    /// Use a private NATS, which carries messages to their consumers
    #[arg(long, conflicts_with = "target")]
    nats: bool,
    /// Processes with the API, on PostgreSQL; without worker processes they do all work [default:
    /// 2]
    #[arg(long, conflicts_with = "target")]
    servers: Option<usize>,
    /// Processes that run jobs, on PostgreSQL [default: 2]
    #[arg(long, conflicts_with = "target")]
    workers: Option<usize>,
    /// Processes that relay messages, on PostgreSQL [default: 1]
    #[arg(long, conflicts_with = "target")]
    relays: Option<usize>,
    /// The address of a running test deployment; scenarios that need their own processes are listed
    /// as left out
    #[arg(long, requires = "api_key")]
    target: Option<String>,
    /// A test key of the target, with the scopes `bookings`, `payments`, `catalogue` and `ledger`
    #[arg(long, env = "SUREHOLD_API_KEY", hide_env_values = true)]
    api_key: Option<String>,
    /// The sandbox of the target's accounts, whose books are compared
    #[arg(long, requires = "target")]
    books: Option<String>,
    /// The directory for report.json, report.html, the clients' journals, and the logs of failures
    #[arg(long, default_value = "./attack-report")]
    out: PathBuf,
}

/// Processes of each kind.
const PROCESSES_MAX: usize = 32;
const OPERATIONS_MAX: usize = 1_000_000;

impl Arguments {
    fn options(&self) -> Result<Options, Failed> {
        if self.operations == 0 || self.operations > OPERATIONS_MAX {
            return Err(failed(format!("--operations must be from 1 to {OPERATIONS_MAX}")));
        }
        let Fleet { servers, workers, relays } = self.fleet();
        for (name, value, least) in [
            ("--servers", servers, 1),
            ("--workers", workers, 0),
            ("--relays", relays, 0),
            ("--at-once", self.at_once, 1),
        ] {
            if value < least || value > PROCESSES_MAX {
                return Err(failed(format!("{name} must be from {least} to {PROCESSES_MAX}")));
            }
        }
        Ok(Options {
            program: std::env::current_exe()?,
            scenarios: self.scenario.clone(),
            seed: self.seed.unwrap_or_else(rand::random),
            operations: self.operations,
            at_once: self.at_once,
            ground: self.ground()?,
            out: self.out.clone(),
        })
    }

    fn ground(&self) -> Result<Ground, Failed> {
        if let (Some(url), Some(api_key)) = (&self.target, &self.api_key) {
            return self.target(url, api_key);
        }
        let wants_postgres = self.postgres || self.database_url.is_some();
        if self.redis && !cfg!(feature = "redis") {
            return Err(failed("this build has no Redis; build with --features redis"));
        }
        if self.nats && !cfg!(feature = "nats") {
            return Err(failed("this build has no NATS; build with --features nats"));
        }
        if !wants_postgres {
            // On SQLite there is one process, which cannot share the database.
            for (flag, given) in [
                ("--redis", self.redis),
                ("--nats", self.nats),
                ("--servers", self.servers.is_some()),
                ("--workers", self.workers.is_some()),
                ("--relays", self.relays.is_some()),
            ] {
                if given {
                    return Err(failed(format!("{flag} needs --postgres or --database-url")));
                }
            }
            return Ok(Ground::Sqlite);
        }
        let url = self.database_url.clone();
        if let Some(url) = &url
            && !url.starts_with("postgres://")
            && !url.starts_with("postgresql://")
        {
            return Err(failed("--database-url is a PostgreSQL; on SQLite, leave it out"));
        }
        Ok(Ground::Postgres { url, fleet: self.fleet(), redis: self.redis, nats: self.nats })
    }

    fn fleet(&self) -> Fleet {
        let Fleet { servers, workers, relays } = Fleet::default();
        Fleet {
            servers: self.servers.unwrap_or(servers),
            workers: self.workers.unwrap_or(workers),
            relays: self.relays.unwrap_or(relays),
        }
    }

    /// An attack moves money as often as it can, so live keys are refused.
    fn target(&self, url: &str, api_key: &str) -> Result<Ground, Failed> {
        if !url.starts_with("http://") {
            return Err(failed("--target is an http:// address"));
        }
        if api_key.starts_with("sh_live_") {
            return Err(failed("--api-key is a live key: an attack moves money. Give it a test key"));
        }
        if !api_key.starts_with("sh_test_") {
            return Err(failed("--api-key is no test key: those begin with sh_test_"));
        }
        let (url, api_key, books) = (url.to_owned(), api_key.to_owned(), self.books.clone());
        Ok(Ground::Target { url, api_key, books })
    }
}

pub async fn run(arguments: Arguments) -> crate::Exit {
    if arguments.list {
        list();
        return Ok(ExitCode::SUCCESS);
    }
    let options = arguments.options()?;
    // Also if the run is interrupted.
    println!("seed {}", options.seed);
    let mut signals = Signals::listen()?;
    let report = attack::run(&options, &Progress::shown(), signals.stop_requested()).await?;
    let out = options.out.display();
    report.write(&options.out).map_err(|error| failed(format!("--out: {out}: {error}")))?;
    println!("{}; {out}/report.html", summary(&report));
    Ok(if report.held() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn summary(report: &Report) -> String {
    let totals = &report.totals;
    let coverage = report.coverage();
    let coverage = if coverage.is_empty() { coverage } else { format!("{coverage}\n") };
    format!(
        "{coverage}{}: {} of {} scenarios ran, {} operations, {} effects, {} duplicates; seed {}",
        report.verdict.text(),
        report.ran(),
        report.scenarios.len(),
        totals.operations,
        totals.effects,
        totals.duplicates,
        report.run.seed
    )
}

fn list() {
    let mut out = std::io::stdout();
    for Scenario { number, name, promise, needs, .. } in SCENARIOS {
        let needs: Vec<&str> = needs.iter().map(|need| need.summary()).collect();
        let needs = if needs.is_empty() { String::new() } else { format!(" Needs {}.", needs.join(", ")) };
        // A reader that has closed the pipe (`| head`) is no failure.
        let _gone = writeln!(out, "{number:>2}  {name:<16} {promise}{needs}");
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Tried {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn options_without_an_effect_are_refused() {
        let check = |text: &str, expected: Result<(), &str>| {
            let tried = Tried::try_parse_from(["attack"].into_iter().chain(text.split_whitespace()));
            let options = match tried {
                Ok(tried) => tried.arguments.options().map(drop).map_err(|refused| refused.to_string()),
                Err(refused) => Err(refused.to_string()),
            };
            match expected {
                Ok(()) => assert_eq!(options, Ok(()), "{text}"),
                Err(why) => assert!(options.clone().unwrap_err().contains(why), "{text}: {options:?}"),
            }
        };
        check("", Ok(()));
        check("--at-once 3", Ok(()));
        check("--postgres --servers 3 --workers 0 --relays 0", Ok(()));
        check("--database-url postgres://localhost/postgres --workers 1", Ok(()));
        check("--postgres --servers 0", Err("--servers must be from 1"));
        for flag in ["--servers", "--workers", "--relays"] {
            check(&format!("{flag} 2"), Err(&format!("{flag} needs --postgres")));
            let target = "--target http://127.0.0.1:1 --api-key sh_test_a";
            check(&format!("{target} {flag} 2"), Err("cannot be used with"));
        }
    }
}
