//! One process over all its starts.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use store::Location;

use super::tuning::Tuning;
use crate::findings::Findings;
use crate::{Error, Fleet, Ground};
use testkit::program::{self, Installation, RunningProgram, Serving};

/// A database that restarts refuses servers for this time at most.
const START_WITHIN: Duration = Duration::from_secs(30);
const START_PAUSE: Duration = Duration::from_millis(200);
const PROMISE: &str = "a_process_starts_whatever_befell_it";

/// The task of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Answers clients. On SQLite it does everything.
    Server,
    Worker,
    Relay,
    /// The provider's sandbox.
    Sandbox,
}

pub(super) struct Process {
    pub name: String,
    pub part: Part,
    /// The address of the first start, which later starts keep.
    pub base_url: String,
    role: &'static str,
    toml: String,
    /// The configuration of each account at the provider.
    account: String,
    running: Option<RunningProgram>,
}

/// The processes of an environment, without the sandbox.
pub(super) fn planned(ground: &Ground, tuning: &Tuning) -> Vec<Process> {
    let (toml, account) = (tuning.toml(), tuning.account());
    let process = |part: Part, name: &str, role, number: usize| Process {
        name: format!("{name}-{number}"),
        part,
        base_url: String::new(),
        role,
        toml: toml.clone(),
        account: account.clone(),
        running: None,
    };
    match ground {
        Ground::Sqlite => vec![process(Part::Server, "server", "all", 1)],
        Ground::Postgres { fleet: Fleet { servers, workers, relays }, .. } => {
            let (of_servers, of_workers) = match (*workers, *relays) {
                (0, 0) => ("all", ""),
                (0, _) => ("api,worker", ""),
                (_, 0) => ("api", "worker,relay"),
                _ => ("api", "worker"),
            };
            let servers = (1..=*servers).map(|number| process(Part::Server, "server", of_servers, number));
            let workers = (1..=*workers).map(|number| process(Part::Worker, "worker", of_workers, number));
            let relays = (1..=*relays).map(|number| process(Part::Relay, "relay", "relay", number));
            servers.chain(workers).chain(relays).collect()
        }
        Ground::Target { .. } => Vec::new(),
    }
}

impl Process {
    pub fn of_sandbox(running: RunningProgram) -> Process {
        Process {
            name: super::SANDBOX.to_owned(),
            part: Part::Sandbox,
            base_url: running.base_url.clone(),
            role: "",
            toml: String::new(),
            account: String::new(),
            running: Some(running),
        }
    }

    /// Takes effect at the next start.
    pub fn tune(&mut self, tuning: &Tuning) {
        (self.toml, self.account) = (tuning.toml(), tuning.account());
    }

    /// A failed start is repeated only if something else may be the reason.
    pub async fn start(
        &mut self,
        installation: &Installation,
        provider: &str,
        findings: &Findings,
    ) -> Result<(), Error> {
        let begun = Instant::now();
        loop {
            let error = match self.start_once(installation, provider).await {
                Ok(running) => {
                    self.base_url.clone_from(&running.base_url);
                    self.running = Some(running);
                    self.started(findings, true, String::new);
                    return Ok(());
                }
                Err(error) => error,
            };
            let excuse = self.excuse(installation).filter(|_| begun.elapsed() <= START_WITHIN);
            let Some(excuse) = excuse else {
                self.started(findings, false, || format!("{}: {error}", self.name));
                return Err(error.into());
            };
            // The reason is in the log, which is kept.
            findings.note(format!("{} did not start; perhaps {excuse}", self.name));
            tokio::time::sleep(START_PAUSE).await;
        }
    }

    /// The sandbox is not the program, so its starts are not judged.
    fn started(&self, findings: &Findings, well: bool, offender: impl FnOnce() -> String) {
        if self.part != Part::Sandbox {
            findings.always(PROMISE, well, offender);
        }
    }

    /// A reason outside the process for a failed start.
    fn excuse(&self, installation: &Installation) -> Option<&'static str> {
        let address = self.base_url.trim_start_matches("http://");
        if !address.is_empty() && TcpListener::bind(address).is_err() {
            return Some("another process got its port while it was dead");
        }
        match installation.location {
            Location::Postgres { .. } => Some("its database was starting too"),
            Location::Sqlite { .. } => None,
        }
    }

    async fn start_once(
        &self,
        installation: &Installation,
        provider: &str,
    ) -> Result<RunningProgram, program::Error> {
        let known = self.base_url.trim_start_matches("http://");
        let listen = if known.is_empty() { "127.0.0.1:0" } else { known };
        if self.part == Part::Sandbox {
            return installation.sandbox(listen).await;
        }
        let Process { name, role, toml, account, .. } = self;
        let provider = Some(provider);
        installation.serve_as(&Serving { name, role, listen, provider, account, more: toml }).await
    }

    pub async fn kill(&mut self) -> Result<(), Error> {
        Ok(self.take()?.kill().await?)
    }

    pub async fn stop(&mut self, signal: &str) -> Result<(), Error> {
        let status = self.take()?.stop(signal).await?;
        if status.success() {
            return Ok(());
        }
        let operation = format!("SIG{signal} to {}", self.name);
        Err(Error::Unexpected { operation, outcome: format!("with {status}") })
    }

    pub async fn stall(&self, span: Duration) -> Result<(), Error> {
        self.freeze().await?;
        tokio::time::sleep(span).await;
        self.thaw().await
    }

    pub async fn freeze(&self) -> Result<(), Error> {
        Ok(self.running()?.stall().await?)
    }

    pub async fn thaw(&self) -> Result<(), Error> {
        Ok(self.running()?.wake().await?)
    }

    /// A process that was killed on purpose is not checked.
    pub fn check_alive(&mut self) -> Result<(), Error> {
        let Some(running) = &mut self.running else { return Ok(()) };
        if running.is_alive() {
            return Ok(());
        }
        let log = running.last_output();
        Err(Error::Refused(format!("{} ended by itself; the end of its log:\n{log}", self.name)))
    }

    fn running(&self) -> Result<&RunningProgram, Error> {
        self.running.as_ref().ok_or_else(|| self.dead())
    }

    fn take(&mut self) -> Result<RunningProgram, Error> {
        self.running.take().ok_or_else(|| self.dead())
    }

    fn dead(&self) -> Error {
        Error::NotOurs(format!("{} (it is dead)", self.name))
    }
}
