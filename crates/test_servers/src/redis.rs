//! A private Redis.
//!
//! Its memory is empty at the start. With [`Persistence::Snapshot`] what it holds outlives a stop, and a
//! kill as of the last [`Instance::save`]; a snapshot that was kept can be put back later, as an operator
//! does who restores the wrong backup.
//!
//! Sources: Redis' manual, "Redis configuration", "Redis persistence", "Key eviction".

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::Command;

use crate::Error;
use crate::instance::{Instance, Peer, Place, connect};
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
    /// What it holds is written when it stops, and when [`Instance::save`] asks for it.
    Snapshot,
}

#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Without it memory has no limit.
    pub memory_max_mb: Option<u32>,
    /// What goes where memory is full, in Redis' words: `noeviction`, `allkeys-lru`, `volatile-ttl`.
    pub eviction: Option<String>,
    pub persistence: Persistence,
    /// Further directives of `redis.conf`; they win over ours.
    pub settings: Vec<(String, String)>,
}

/// A server of its own; dropping it kills the server and removes its directory.
pub type Private = Instance<Options>;

/// What a server held when it was told to save.
#[derive(Clone, Debug)]
pub struct RedisSnapshot {
    path: PathBuf,
}

impl Peer for Options {
    const WANTED: Wanted = SERVER;
    const SCHEME: &'static str = "redis";

    fn arguments(&self, place: &Place<'_>) -> Result<Vec<String>, Error> {
        let directory = place.directory.display().to_string();
        let mut arguments: Vec<String> = Vec::new();
        let mut set = |name: &str, value: &str| arguments.extend([format!("--{name}"), value.to_owned()]);
        set("bind", "127.0.0.1");
        set("port", &place.port.to_string());
        set("dir", &directory);
        set("dbfilename", SNAPSHOT);
        // With a rule for saving, however slow, a server that is told to stop saves first.
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

    fn answers(&self, place: &Place<'_>, process: u32) -> bool {
        // A server that still reads its snapshot answers INFO, but not PING.
        let mut said = String::new();
        let heard = connect(place.port).and_then(|mut stream| {
            stream.write_all(b"INFO server\r\nPING\r\nQUIT\r\n").ok()?;
            stream.read_to_string(&mut said).ok()
        });
        heard.is_some() && said.contains(&format!("\nprocess_id:{process}\r\n")) && said.contains("+PONG")
    }
}

impl Instance<Options> {
    /// Runs one command through `redis-cli`, which prints a value a line. It waits forever for a server
    /// that is held still.
    pub fn command(&self, words: &[&str]) -> Result<String, Error> {
        let port = self.port().to_string();
        let output = Command::new(Program::find(CLIENT)?.path())
            .args(["-h", "127.0.0.1", "-p", &port, "-e"])
            .args(words)
            .output()?;
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        if output.status.success() {
            return Ok(said(&output.stdout));
        }
        let said = format!("{} {}", said(&output.stdout), said(&output.stderr));
        Err(Error::Refused { command: words.join(" "), said: said.trim().to_owned() })
    }

    /// Writes what it holds to its file, and keeps a copy of that.
    pub fn save(&self) -> Result<RedisSnapshot, Error> {
        self.command(&["SAVE"])?;
        let kept = tempfile::Builder::new().prefix("kept-").suffix(".rdb").tempfile_in(self.directory())?;
        std::fs::copy(self.directory().join(SNAPSHOT), kept.path())?;
        let (_, path) = kept.keep().map_err(|refused| refused.error)?;
        Ok(RedisSnapshot { path })
    }

    /// Kills the server and starts it with what a snapshot holds: everything later is forgotten.
    pub fn restore(&self, snapshot: &RedisSnapshot) -> Result<(), Error> {
        self.kill()?;
        std::fs::copy(&snapshot.path, self.directory().join(SNAPSHOT))?;
        self.restart()
    }
}
