//! A private PostgreSQL server.
//!
//! | Phase | What happens | What a `kill -9` at this point leaves |
//! |---|---|---|
//! | directory | a temporary directory, owned by the account that runs the server | an empty directory |
//! | watchdog | a shell waits for this process to end | nothing: from here on it cleans up |
//! | `initdb` | a cluster that trusts only loopback | nothing |
//! | `pg_ctl start` | a free port; retried if another process took it | nothing |
//! | drop | the same watchdog stops the server and removes the directory | nothing |
//!
//! Sources: PostgreSQL's manual, `initdb`, `pg_ctl` and "Server Configuration".

mod account;
mod binaries;
mod error;

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use account::Account;
pub use binaries::{Binaries, MAJOR_MIN};
pub use error::Error;

use crate::port;
use crate::watchdog::Watchdog;

/// How often a start is tried, each time on another port.
const START_ATTEMPTS_MAX: usize = 5;
/// How long `pg_ctl` waits for a start, recovery included, or for a stop.
const WAIT_S: u32 = 60;
/// How many lines of the server's log an error shows.
const LOG_LINES_MAX: usize = 20;
/// PostgreSQL truncates longer identifiers without an error (`NAMEDATALEN` - 1).
const NAME_BYTES_MAX: usize = 63;

/// The settings that a test may change; tests use [`Options::default`].
#[derive(Clone, Debug)]
pub struct Options {
    pub connections_max: u16,
    pub shared_buffers_mb: u32,
    /// Additional lines of `postgresql.conf`, with values as they are quoted there; they override
    /// ours.
    pub settings: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self { connections_max: 200, shared_buffers_mb: 256, settings: Vec::new() }
    }
}

/// A private server; dropping it stops the server and removes its directory.
#[derive(Debug)]
pub struct Private {
    binaries: Binaries,
    account: Account,
    directory: PathBuf,
    port: u16,
    // Its drop ends the server.
    _watchdog: Watchdog,
}

impl Private {
    /// Creates and starts a cluster; returns when it accepts connections.
    pub fn start(options: &Options) -> Result<Self, Error> {
        let mut private = Self::prepare()?;
        private.initialise(options)?;
        private.start_on_free_port()?;
        Ok(private)
    }

    /// The directory for a cluster, and its watchdog.
    fn prepare() -> Result<Self, Error> {
        let binaries = Binaries::find()?;
        let account = Account::find()?;
        let directory = account.directory()?;
        // From here on the watchdog removes the directory.
        let (pg_ctl, data) = (binaries.program("pg_ctl"), directory.path().join("data"));
        let (pg_ctl, data) = (pg_ctl.display().to_string(), format!("--pgdata={}", data.display()));
        let timeout = format!("--timeout={WAIT_S}");
        let stop = [&*pg_ctl, "stop", "--silent", "--mode=immediate", "--wait", &timeout, &data];
        let watchdog = Watchdog::start(account.command(Path::new("sh")), directory, &stop)?;
        let directory = watchdog.directory().to_owned();
        Ok(Self { binaries, account, directory, port: 0, _watchdog: watchdog })
    }

    /// A hot standby that follows this server; returns when it accepts connections. Its database
    /// name and data are this server's, until it is [promoted](Self::promote).
    pub fn standby(&self) -> Result<Self, Error> {
        let mut standby = Self::prepare()?;
        let mut command = standby.account.command(&standby.binaries.program("pg_basebackup"));
        command.current_dir(&standby.directory).arg("--pgdata").arg(standby.data());
        command.args(["--write-recovery-conf", "--checkpoint=fast", "--wal-method=stream", "--no-sync"]);
        command.arg("--dbname").arg(self.url());
        standby.finish(command)?;
        standby.start_on_free_port()?;
        Ok(standby)
    }

    /// Promotes a standby, which then accepts writes.
    pub fn promote(&self) -> Result<(), Error> {
        self.finish(self.pg_ctl("promote")).map(drop)
    }

    /// `postgres://postgres@127.0.0.1:PORT/postgres`: the maintenance database, as superuser.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The directory of the cluster, its socket and its log.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Creates an empty database and returns its URL. Allowed in the name: `a-z`, `0-9` and `_`, 63
    /// bytes.
    pub fn create_database(&self, name: &str) -> Result<String, Error> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(plain) {
            return Err(Error::Name { name: name.to_owned() });
        }
        self.query(&format!("create database \"{name}\""))?;
        Ok(self.url_of(name))
    }

    /// Runs one statement in the maintenance database through `psql`; one row per line, columns
    /// separated by `|`.
    pub fn query(&self, sql: &str) -> Result<String, Error> {
        let mut command = Account::ourselves().command(&self.binaries.program("psql"));
        command.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"]);
        command.env("PGCONNECT_TIMEOUT", "10");
        command.args(["--command", sql, &self.url()]);
        self.finish(command).map(|output| output.trim_end().to_owned())
    }

    /// Kills every process: nothing is flushed, and the next start recovers from the log.
    pub fn stop_immediate(&self) -> Result<(), Error> {
        let mut command = self.pg_ctl("stop");
        command.arg("--mode=immediate");
        self.finish(command).map(drop)
    }

    /// Stops the server if it runs, and starts it again on the same port with the same data.
    pub fn restart(&self) -> Result<(), Error> {
        let mut command = self.pg_ctl("restart");
        command.arg("--mode=fast").arg("--log").arg(self.log_path());
        self.finish(command).map(drop)
    }

    /// Closes every client connection, as a failover would; returns how many there were.
    pub fn terminate_connections(&self) -> Result<u64, Error> {
        let count = self.query(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity \
             where backend_type = 'client backend' and pid <> pg_backend_pid()",
        )?;
        Ok(count.parse().expect("count() is a number"))
    }

    /// The server's own log.
    pub fn log_path(&self) -> PathBuf {
        self.directory.join("server.log")
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    fn initialise(&self, options: &Options) -> Result<(), Error> {
        let mut command = self.account.command(&self.binaries.program("initdb"));
        command.current_dir(&self.directory).arg("--pgdata").arg(self.data());
        command.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]);
        // An empty cluster need not survive a power cut; later commits do, because of fsync=on.
        command.arg("--no-sync");
        self.finish(command)?;
        // A server that stops waits for clients that have connected and sent nothing: ten seconds
        // are enough.
        let mut lines = format!(
            "listen_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\nfsync = on\n\
             synchronous_commit = on\nshared_buffers = {}MB\nmax_connections = {}\ntimezone = 'UTC'\n\
             log_line_prefix = '%m [%p] %d '\nauthentication_timeout = 10s\n",
            self.directory.display(),
            options.shared_buffers_mb,
            options.connections_max,
        );
        for (name, value) in &options.settings {
            writeln!(lines, "{name} = {value}").expect("a String takes all that is written");
        }
        self.configure(&lines)
    }

    fn start_on_free_port(&mut self) -> Result<(), Error> {
        let mut attempt = 1;
        loop {
            self.port = port::free()?;
            self.configure(&format!("port = {}\n", self.port))?;
            let mut command = self.pg_ctl("start");
            command.arg("--log").arg(self.log_path());
            match self.finish(command) {
                Ok(_) => return Ok(()),
                Err(error) if attempt == START_ATTEMPTS_MAX => return Err(error),
                // Whether a port is in use is only known when the server tries it.
                Err(_) => attempt += 1,
            }
        }
    }

    /// Appends to `postgresql.conf`, where the last line for a name wins.
    fn configure(&self, lines: &str) -> Result<(), Error> {
        let mut file = OpenOptions::new().append(true).open(self.data().join("postgresql.conf"))?;
        Ok(file.write_all(lines.as_bytes())?)
    }

    fn pg_ctl(&self, action: &str) -> Command {
        let mut command = self.account.command(&self.binaries.program("pg_ctl"));
        command.current_dir(&self.directory).args([action, "--wait", "--silent"]);
        command.arg(format!("--timeout={WAIT_S}")).arg("--pgdata").arg(self.data());
        command
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    fn finish(&self, mut command: Command) -> Result<String, Error> {
        let output = command.output()?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let log = std::fs::read_to_string(self.log_path()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        Err(Error::Refused {
            command: format!("{command:?}"),
            status: output.status,
            stderr: String::from_utf8_lossy(&output.stderr).trim_end().to_owned(),
            log: lines[lines.len().saturating_sub(LOG_LINES_MAX)..].join("\n"),
        })
    }
}
