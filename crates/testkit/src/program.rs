//! The released program in its own process: started, measured, stopped, and killed.
//!
//! A child ends with this process, also if this process is killed ([`guard`]); dropping it kills
//! it. Its output is kept in a file, and errors show the end of that file.

mod guard;
mod installation;
mod usage;

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use guard::Guard;
pub use installation::{Catalogue, Installation, InstalledAccount, Resident, Serving, Tenant, sell};
pub use usage::Usage;

/// Includes a recovery of the database.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// Requests in progress may take this long.
const STOPPED_WITHIN: Duration = Duration::from_mins(1);
const POLL_EVERY: Duration = Duration::from_millis(5);
const LOG_LINES_MAX: usize = 30;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{program} cannot be run: {cause}")]
    Spawn { program: String, cause: std::io::Error },
    #[error("{what} ended with {status} before it was ready; its last output:\n{log}")]
    Ended { what: String, status: ExitStatus, log: String },
    #[error("{what} did not come to it within {within:?}; its last output:\n{log}")]
    TooSlow { what: String, within: Duration, log: String },
    #[error("{what} failed: {message}")]
    Failed { what: String, message: String },
    #[error(transparent)]
    Http(#[from] outbound::Error),
    #[error(transparent)]
    File(#[from] std::io::Error),
}

const VARIABLES: [&str; 11] = [
    "SUREHOLD_CONFIG",
    "SUREHOLD_DATABASE_URL",
    "SUREHOLD_LISTEN",
    "SUREHOLD_LOG",
    "SUREHOLD_NATS_URL",
    "SUREHOLD_OPS_KEY",
    "SUREHOLD_OTLP_ENDPOINT",
    "SUREHOLD_REDIS_URL",
    "SUREHOLD_ROLE",
    "SUREHOLD_SANDBOX_LISTEN",
    "SUREHOLD_URL",
];

/// How a program reports that it serves.
pub enum Ready {
    /// It writes `{"base_url"}` into this file.
    File(PathBuf),
    /// It prints a line `listening on URL`.
    Line,
}

/// A program that serves.
pub struct RunningProgram {
    // Before the guard: the child is killed while no other process can have its number.
    process: Child,
    _guard: Guard,
    pid: u32,
    what: String,
    log: PathBuf,
    pub base_url: String,
}

impl RunningProgram {
    /// Starts the program, and returns when it serves.
    pub async fn start(
        program: &Path,
        arguments: &[&str],
        ready: Ready,
        log: PathBuf,
    ) -> Result<RunningProgram, Error> {
        if let Ready::File(file) = &ready
            && file.exists()
        {
            std::fs::remove_file(file)?;
        }
        let what = arguments.first().copied().unwrap_or("the program").to_owned();
        // Appended, because the output of an earlier run that was cut short is useful too.
        let output = std::fs::File::options().create(true).append(true).open(&log)?;
        let from = output.metadata()?.len();
        let process = command(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .map_err(|cause| Error::Spawn { program: program.display().to_string(), cause })?;
        let pid = process.id().unwrap_or_default();
        let guard = Guard::of(pid)?;
        let mut running = RunningProgram { process, _guard: guard, pid, what, log, base_url: String::new() };
        let begun = Instant::now();
        loop {
            if let Some(base_url) = running.ready_url(&ready, from) {
                running.base_url = base_url;
                return Ok(running);
            }
            if let Some(status) = running.process.try_wait()? {
                return Err(Error::Ended { what: running.what.clone(), status, log: running.last_output() });
            }
            if begun.elapsed() > READY_WITHIN {
                return Err(running.too_slow(READY_WITHIN));
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    fn ready_url(&self, ready: &Ready, from: u64) -> Option<String> {
        match ready {
            Ready::File(file) => {
                let content: serde_json::Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
                content["base_url"].as_str().map(str::to_owned)
            }
            Ready::Line => {
                let output = std::fs::read(&self.log).ok()?;
                let output = String::from_utf8_lossy(output.get(usize::try_from(from).ok()?..)?).into_owned();
                // A line without an end may still grow.
                let whole = output.split_inclusive('\n').filter(|line| line.ends_with('\n'));
                let url = |line: &str| line.trim_end().strip_prefix("listening on ").map(str::to_owned);
                whole.map(str::to_owned).find_map(|line| url(&line))
            }
        }
    }

    /// `kill -9`: nothing is flushed and no work is finished.
    pub async fn kill(mut self) -> Result<(), Error> {
        self.process.kill().await?;
        Ok(())
    }

    /// Requests a stop, as a terminal (`INT`) or a supervisor (`TERM`) does, and waits until it has
    /// ended.
    pub async fn stop(mut self, signal: &str) -> Result<ExitStatus, Error> {
        self.signal(signal).await?;
        match tokio::time::timeout(STOPPED_WITHIN, self.process.wait()).await {
            Ok(status) => Ok(status?),
            Err(_) => Err(self.too_slow(STOPPED_WITHIN)),
        }
    }

    /// Suspends it: it keeps everything that it has and answers no requests, until
    /// [`RunningProgram::wake`].
    pub async fn stall(&self) -> Result<(), Error> {
        self.signal("STOP").await
    }

    pub async fn wake(&self) -> Result<(), Error> {
        self.signal("CONT").await
    }

    async fn signal(&self, signal: &str) -> Result<(), Error> {
        let pid = self.pid.to_string();
        let status = Command::new("kill").args(["-s", signal, &pid]).status().await?;
        if status.success() {
            return Ok(());
        }
        Err(Error::Failed {
            what: self.what.clone(),
            message: format!("kill -s {signal} ended with {status}"),
        })
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Memory and processor time so far.
    pub fn usage(&self) -> Usage {
        Usage::of(self.pid)
    }

    pub fn is_alive(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    pub fn last_output(&self) -> String {
        let output = std::fs::read(&self.log).unwrap_or_default();
        let output = String::from_utf8_lossy(&output);
        let lines: Vec<&str> = output.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES_MAX)..].join("\n")
    }

    fn too_slow(&self, within: Duration) -> Error {
        Error::TooSlow { what: self.what.clone(), within, log: self.last_output() }
    }
}

/// Runs the program to its end, and returns its output.
pub async fn run(program: &Path, arguments: &[&str]) -> Result<String, Error> {
    let output = command(program)
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|cause| Error::Spawn { program: program.display().to_string(), cause })?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(printed);
    }
    let message = format!("{}\n{printed}{}", output.status, String::from_utf8_lossy(&output.stderr));
    // Without its flags: a URL may contain a password, and a key is one.
    let what: Vec<&str> =
        arguments.iter().copied().take_while(|argument| !argument.starts_with("--")).collect();
    Err(Error::Failed { what: format!("surehold {}", what.join(" ")), message })
}

/// A process that is configured by its arguments only. A variable takes precedence over a
/// configuration file, so a database address that is exported for `serve` would be attacked.
fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Vec<&str> {
        vec!["-c", script]
    }

    #[tokio::test]
    async fn a_program_is_ready_when_it_reports_it() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let script = "echo listening on http://127.0.0.1:1; exec sleep 60";
        let arguments = shell(script);
        let start = || RunningProgram::start(Path::new("sh"), &arguments, Ready::Line, log.clone());
        let running = start().await.unwrap();
        assert_eq!(running.base_url, "http://127.0.0.1:1");
        assert!(running.usage().resident_bytes > 0);
        running.kill().await.unwrap();
        let running = start().await.unwrap();
        assert!(!running.stop("TERM").await.unwrap().success());
    }

    /// The state of a process in `/proc`: `S` sleeps, `T` is stopped, `Z` has ended and was not
    /// waited for.
    fn state(pid: u32) -> Option<char> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.chars().next()
    }

    async fn becomes(pid: u32, reached: impl Fn(Option<char>) -> bool) {
        let begun = Instant::now();
        while !reached(state(pid)) {
            assert!(begun.elapsed() < READY_WITHIN, "it is {:?}", state(pid));
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    #[tokio::test]
    async fn one_that_is_stalled_goes_on_when_it_is_woken() {
        let directory = tempfile::tempdir().unwrap();
        let script = "echo listening on http://127.0.0.1:1; exec sleep 60";
        let log = directory.path().join("log");
        let running = RunningProgram::start(Path::new("sh"), &shell(script), Ready::Line, log).await.unwrap();
        running.stall().await.unwrap();
        becomes(running.pid(), |state| state == Some('T')).await;
        running.wake().await.unwrap();
        becomes(running.pid(), |state| state == Some('S')).await;
    }

    /// Runs this test again as a separate process that has a child, and kills that process.
    #[tokio::test]
    async fn a_child_ends_with_us_even_if_we_are_killed() {
        const DIRECTORY: &str = "SUREHOLD_GUARD_TEST";
        #[expect(clippy::disallowed_methods, reason = "what the test tells the process that it starts")]
        let variable = std::env::var(DIRECTORY);
        if let Ok(directory) = variable {
            let directory = Path::new(&directory);
            let script = "echo listening on http://127.0.0.1:1; exec sleep 600";
            let log = directory.join("log");
            let running =
                RunningProgram::start(Path::new("sh"), &shell(script), Ready::Line, log).await.unwrap();
            running.stall().await.unwrap();
            std::fs::write(directory.join("pid.draft"), running.pid().to_string()).unwrap();
            std::fs::rename(directory.join("pid.draft"), directory.join("pid")).unwrap();
            return std::future::pending().await;
        }
        let directory = tempfile::tempdir().unwrap();
        let mut parent = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "program::tests::a_child_ends_with_us_even_if_we_are_killed"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let begun = Instant::now();
        let child: u32 = loop {
            if let Ok(pid) = std::fs::read_to_string(directory.path().join("pid")) {
                break pid.parse().unwrap();
            }
            assert!(begun.elapsed() < READY_WITHIN, "it has no child");
            tokio::time::sleep(POLL_EVERY).await;
        };
        becomes(child, |state| state == Some('T')).await;
        parent.kill().await.unwrap();
        becomes(child, |state| matches!(state, None | Some('Z'))).await;
    }

    #[tokio::test]
    async fn the_error_of_a_program_that_ends_at_once_has_its_output() {
        let directory = tempfile::tempdir().unwrap();
        let ready = Ready::File(directory.path().join("ready"));
        let arguments = shell("echo no such thing >&2; exit 3");
        let ended =
            RunningProgram::start(Path::new("sh"), &arguments, ready, directory.path().join("log")).await;
        let Err(error) = ended else { panic!("it did not fail") };
        assert!(error.to_string().contains("no such thing"), "{error}");
        let failed = run(Path::new("sh"), &shell("echo broken; exit 1")).await;
        assert!(failed.unwrap_err().to_string().contains("broken"));
        assert_eq!(run(Path::new("sh"), &shell("echo well")).await.unwrap(), "well\n");
    }
}
