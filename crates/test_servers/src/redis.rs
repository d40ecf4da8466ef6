//! A private Redis.
//!
//! Its memory is empty at the start. With [`Persistence::Snapshot`] its data survives a stop, and
//! after a kill the data of the last [`Instance::save`] is left. A saved snapshot can be restored
//! later, as by an operator who restores the wrong backup.
//!
//! Sources: Redis' manual, "Redis configuration", "Redis persistence", "Key eviction".

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::Command;

use crate::Error;
use crate::instance::{Instance, Peer, ServerLocation, connect};
use crate::program::{Program, Wanted};

pub const SERVER: Wanted =
    Wanted { program: "redis-server", package: "redis-server", version: "--version", oldest: (7, 0) };
const CLIENT: Wanted =
    Wanted { program: "redis-cli", package: "redis-tools", version: "--version", oldest: (7, 0) };

const SNAPSHOT: &str = "dump.rdb";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Persistence {
    /// A restart has an empty memory.
    #[default]
    Off,
    /// The data is written when it stops, and on [`Instance::save`].
    Snapshot,
}

#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Without it, memory has no limit.
    pub memory_max_mb: Option<u32>,
    /// What is evicted when memory is full, in Redis' terms: `noeviction`, `allkeys-lru`,
    /// `volatile-ttl`.
    pub eviction: Option<String>,
    pub persistence: Persistence,
    /// Additional directives of `redis.conf`; they override ours.
    pub settings: Vec<(String, String)>,
}

/// A private server; dropping it kills the server and removes its directory.
pub type Private = Instance<Options>;

/// The data of a server at the time of a save.
#[derive(Clone, Debug)]
pub struct RedisSnapshot {
    path: PathBuf,
}

impl Peer for Options {
    const WANTED: Wanted = SERVER;
    const SCHEME: &'static str = "redis";

    fn arguments(&self, location: &ServerLocation<'_>) -> Result<Vec<String>, Error> {
        let directory = location.directory.display().to_string();
        let mut arguments: Vec<String> = Vec::new();
        let mut set = |name: &str, value: &str| arguments.extend([format!("--{name}"), value.to_owned()]);
        set("bind", "127.0.0.1");
        set("port", &location.port.to_string());
        set("dir", &directory);
        set("dbfilename", SNAPSHOT);
        // With a save rule, however slow, a server saves before it stops.
        set("save", if self.persistence == Persistence::Snapshot { "86400 1" } else { "" });
        set("appendonly", "no");
        if let Some(memory_max_mb) = self.memory_max_mb {
            set("maxmemory", &format!("{memory_max_mb}mb"));
        }
        if let Some(eviction) = &self.eviction {
            set("maxmemory-policy", eviction);
        }
        for (name, value) in &self.settings {
            set(name, value);
        }
        Ok(arguments)
    }

    fn is_ready(&self, location: &ServerLocation<'_>, process: u32) -> bool {
        // A server that is still reading its snapshot replies to INFO, but not to PING.
        let mut output = String::new();
        let received = connect(location.port).and_then(|mut stream| {
            stream.write_all(b"INFO server\r\nPING\r\nQUIT\r\n").ok()?;
            stream.read_to_string(&mut output).ok()
        });
        received.is_some()
            && output.contains(&format!("\nprocess_id:{process}\r\n"))
            && output.contains("+PONG")
    }
}

impl Instance<Options> {
    /// Runs one command through `redis-cli`, which prints one value per line. It waits forever for a
    /// paused server.
    pub fn command(&self, arguments: &[&str]) -> Result<String, Error> {
        let port = self.port().to_string();
        let output = Command::new(Program::find(CLIENT)?.path())
            .args(["-h", "127.0.0.1", "-p", &port, "-e"])
            .args(arguments)
            .output()?;
        let trimmed = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        if output.status.success() {
            return Ok(trimmed(&output.stdout));
        }
        let output = format!("{} {}", trimmed(&output.stdout), trimmed(&output.stderr));
        Err(Error::Refused { command: arguments.join(" "), output: output.trim().to_owned() })
    }

    /// Writes the data to its file, and keeps a copy of the file.
    pub fn save(&self) -> Result<RedisSnapshot, Error> {
        self.command(&["SAVE"])?;
        let kept = tempfile::Builder::new().prefix("kept-").suffix(".rdb").tempfile_in(self.directory())?;
        std::fs::copy(self.directory().join(SNAPSHOT), kept.path())?;
        let (_, path) = kept.keep().map_err(|refused| refused.error)?;
        Ok(RedisSnapshot { path })
    }

    /// Kills the server and starts it with the data of a snapshot; all later data is lost.
    pub fn restore(&self, snapshot: &RedisSnapshot) -> Result<(), Error> {
        self.kill()?;
        std::fs::copy(&snapshot.path, self.directory().join(SNAPSHOT))?;
        self.restart()
    }
}
