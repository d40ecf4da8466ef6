//! The program as it ships, in a process of its own: started, measured, stopped, and killed.
//!
//! A child ends with us, also when we are killed ([`guard`]): one that is dropped is killed. What it prints
//! is kept in a file, and the end of that file is shown when something goes wrong.

mod guard;
mod installation;
mod usage;

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use guard::Guard;
pub use installation::{Catalogue, Installation, Resident, Serving, Tenant, sell};
pub use usage::Usage;

/// A recovery of the database is a part of it.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// Requests at work may take this long to be answered.
const STOPPED_WITHIN: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(5);
const LOG_LINES_MAX: usize = 30;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{program} cannot be run: {cause}")]
    Spawn { program: String, cause: std::io::Error },
    #[error("{what} ended with {status} before it was ready; its last words:\n{log}")]
    Ended { what: String, status: ExitStatus, log: String },
    #[error("{what} did not come to it within {within:?}; its last words:\n{log}")]
    TooSlow { what: String, within: Duration, log: String },
    #[error("{what} failed: {words}")]
    Failed { what: String, words: String },
    #[error(transparent)]
    Http(#[from] outbound::Error),
    #[error(transparent)]
    File(#[from] std::io::Error),
}

/// What the program takes from its environment.
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

/// How a program says that it serves.
pub enum Ready {
    /// By writing `{"base_url"}` into this file.
    File(PathBuf),
    /// By printing a line `listening on URL`.
    Line,
}

/// A program that serves.
pub struct RunningProgram {
    // Before the guard: the child is told to end while nobody else can have its number.
    process: Child,
    _guard: Guard,
    pid: u32,
    what: String,
    log: PathBuf,
    pub base_url: String,
}

impl RunningProgram {
    /// Starts it, and comes back when it serves.
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
        // Appended to: the words of a life that was cut short are worth reading too.
        let words = std::fs::File::options().create(true).append(true).open(&log)?;
        let from = words.metadata()?.len();
        let process = command(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(words.try_clone()?)
            .stderr(words)
            .kill_on_drop(true)
            .spawn()
            .map_err(|cause| Error::Spawn { program: program.display().to_string(), cause })?;
        let pid = process.id().unwrap_or_default();
        let guard = Guard::of(pid)?;
        let mut running = RunningProgram { process, _guard: guard, pid, what, log, base_url: String::new() };
        let begun = Instant::now();
        loop {
            if let Some(base_url) = running.says(&ready, from) {
                running.base_url = base_url;
                return Ok(running);
            }
            if let Some(status) = running.process.try_wait()? {
                return Err(Error::Ended { what: running.what.clone(), status, log: running.last_words() });
            }
            if begun.elapsed() > READY_WITHIN {
                return Err(running.too_slow(READY_WITHIN));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn says(&self, ready: &Ready, from: u64) -> Option<String> {
        match ready {
            Ready::File(file) => {
                let said: serde_json::Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
                said["base_url"].as_str().map(str::to_owned)
            }
            Ready::Line => {
                let words = std::fs::read(&self.log).ok()?;
                let words = String::from_utf8_lossy(words.get(usize::try_from(from).ok()?..)?).into_owned();
                // A line that has no end yet may still grow.
                let whole = words.split_inclusive('\n').filter(|line| line.ends_with('\n'));
                let url = |line: &str| line.trim_end().strip_prefix("listening on ").map(str::to_owned);
                whole.map(str::to_owned).find_map(|line| url(&line))
            }
        }
    }

    /// `kill -9`: nothing is flushed, nobody is told.
    pub async fn kill(mut self) -> Result<(), Error> {
        self.process.kill().await?;
        Ok(())
    }

    /// Asks it to stop, as a terminal (`INT`) or a supervisor (`TERM`) does, and waits until it has.
    pub async fn stop(mut self, signal: &str) -> Result<ExitStatus, Error> {
        self.signal(signal).await?;
        match tokio::time::timeout(STOPPED_WITHIN, self.process.wait()).await {
            Ok(status) => Ok(status?),
            Err(_) => Err(self.too_slow(STOPPED_WITHIN)),
        }
    }

    /// Stalls it: it runs no further, holds all that it has, and answers nobody, until [`RunningProgram::wake`].
    pub async fn stall(&self) -> Result<(), Error> {
        self.signal("STOP").await
    }

    pub async fn wake(&self) -> Result<(), Error> {
        self.signal("CONT").await
    }

    async fn signal(&self, signal: &str) -> Result<(), Error> {
        let pid = self.pid.to_string();
        let told = Command::new("kill").args(["-s", signal, &pid]).status().await?;
        if told.success() {
            return Ok(());
        }
        Err(Error::Failed { what: self.what.clone(), words: format!("kill -s {signal} ended with {told}") })
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

    pub fn last_words(&self) -> String {
        let words = std::fs::read(&self.log).unwrap_or_default();
        let words = String::from_utf8_lossy(&words);
        let lines: Vec<&str> = words.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES_MAX)..].join("\n")
    }

    fn too_slow(&self, within: Duration) -> Error {
        Error::TooSlow { what: self.what.clone(), within, log: self.last_words() }
    }
}

/// Runs the program to its end, and answers with what it printed.
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
    let words = format!("{}\n{printed}{}", output.status, String::from_utf8_lossy(&output.stderr));
    // Not its flags: a URL may hold a password, and a key is one.
    let what: Vec<&str> = arguments.iter().copied().take_while(|word| !word.starts_with("--")).collect();
    Err(Error::Failed { what: format!("surehold {}", what.join(" ")), words })
}

/// A process that is told what to do by its arguments alone. A variable wins over a configuration file, so
/// the address of a database that is exported for `serve` would be attacked.
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
    async fn a_program_is_ready_when_it_says_so() {
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

    /// The state of a process in `/proc`: `S` sleeps, `T` was stopped, `Z` is dead and not yet buried.
    fn state(pid: u32) -> Option<char> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.chars().next()
    }

    async fn becomes(pid: u32, reached: impl Fn(Option<char>) -> bool) {
        let begun = Instant::now();
        while !reached(state(pid)) {
            assert!(begun.elapsed() < READY_WITHIN, "it is {:?}", state(pid));
            tokio::time::sleep(LOOK_EVERY).await;
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

    /// This very test, run again as a process of its own that has a child, and is killed.
    #[tokio::test]
    async fn a_child_ends_with_us_even_if_we_are_killed() {
        const DIRECTORY: &str = "SUREHOLD_GUARD_TEST";
        #[expect(clippy::disallowed_methods, reason = "what the test tells the process that it starts")]
        let told = std::env::var(DIRECTORY);
        if let Ok(directory) = told {
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
            tokio::time::sleep(LOOK_EVERY).await;
        };
        becomes(child, |state| state == Some('T')).await;
        parent.kill().await.unwrap();
        becomes(child, |state| matches!(state, None | Some('Z'))).await;
    }

    #[tokio::test]
    async fn one_that_ends_at_once_is_told_with_its_last_words() {
        let directory = tempfile::tempdir().unwrap();
        let ready = Ready::File(directory.path().join("ready"));
        let words = shell("echo no such thing >&2; exit 3");
        let ended = RunningProgram::start(Path::new("sh"), &words, ready, directory.path().join("log")).await;
        let Err(error) = ended else { panic!("it did not fail") };
        assert!(error.to_string().contains("no such thing"), "{error}");
        let failed = run(Path::new("sh"), &shell("echo broken; exit 1")).await;
        assert!(failed.unwrap_err().to_string().contains("broken"));
        assert_eq!(run(Path::new("sh"), &shell("echo well")).await.unwrap(), "well\n");
    }
}
