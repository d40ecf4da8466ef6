//! A private HAProxy in front of some servers on loopback.
//!
//! It does what a careful operator's does, and no more: it asks each server whether it is ready, tries
//! another one where no connection came about, and never sends a request again that a server may have
//! seen. Whoever wants that must have the client do it, under the same idempotency key.
//!
//! Sources: HAProxy 2.6, "Configuration Manual" and "Management Guide" (section 9.3, Unix Socket commands).

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::Error;
use crate::instance::{ANSWER_MS, Instance, Peer, Place};
use crate::program::Wanted;

pub const SERVER: Wanted = Wanted { program: "haproxy", package: "haproxy", version: "-v", oldest: (2, 6) };

/// The column of a server's state in what `show stat` says.
const STATUS_COLUMN: usize = 17;
const SOCKET: &str = "admin.sock";

#[derive(Clone, Debug)]
pub struct Options {
    pub backends: Vec<Backend>,
    /// Where a server says with 200 that it takes requests.
    pub ready_path: String,
    /// How often each is asked. Two bad answers in a row take it out, one good one brings it back.
    pub check_every_ms: u32,
}

/// A server on loopback, which may be up or not.
#[derive(Clone, Debug)]
pub struct Backend {
    pub name: String,
    pub port: u16,
}

/// A server of its own; dropping it kills the server and removes its directory.
pub type Private = Instance<Options>;

impl Options {
    /// Servers on these ports, called `server1`, `server2` and so on.
    pub fn in_front_of(ports: &[u16]) -> Self {
        let name = |(at, &port): (usize, &u16)| Backend { name: format!("server{}", at + 1), port };
        Self {
            backends: ports.iter().enumerate().map(name).collect(),
            ready_path: "/health/ready".to_owned(),
            check_every_ms: 200,
        }
    }

    fn written(&self, place: &Place<'_>) -> String {
        let mut text = format!(
            "global\n  log stdout format raw local0\n  stats socket {socket} mode 600 level admin\n\
             defaults\n  mode http\n  log global\n  option httplog\n  option redispatch\n  retries 3\n  \
             retry-on conn-failure\n  timeout connect 2s\n  timeout client 75s\n  timeout server 75s\n\
             frontend clients\n  bind 127.0.0.1:{port}\n  default_backend servers\n\
             backend servers\n  balance roundrobin\n  option httpchk\n  \
             http-check send meth GET uri {ready_path}\n  http-check expect status 200\n  \
             default-server check inter {check_every_ms}ms fall 2 rise 1\n",
            socket = place.directory.join(SOCKET).display(),
            port = place.port,
            ready_path = self.ready_path,
            check_every_ms = self.check_every_ms,
        );
        for Backend { name, port } in &self.backends {
            writeln!(text, "  server {name} 127.0.0.1:{port}").expect("a String takes all that is written");
        }
        text
    }
}

impl Peer for Options {
    const WANTED: Wanted = SERVER;
    const SCHEME: &'static str = "http";

    fn arguments(&self, place: &Place<'_>) -> Result<Vec<String>, Error> {
        let path = place.directory.join("haproxy.cfg");
        std::fs::write(&path, self.written(place))?;
        // `-db`: in the foreground, one process.
        Ok(vec!["-db".to_owned(), "-f".to_owned(), path.display().to_string()])
    }

    fn answers(&self, place: &Place<'_>, process: u32) -> bool {
        // All ports are bound before the socket answers; one that cannot be bound ends the program.
        ask(place.directory, "show info")
            .is_ok_and(|said| said.lines().any(|line| line == format!("Pid: {process}")))
    }
}

impl Instance<Options> {
    /// No new connection goes to this backend; those that it has go on.
    pub fn drain(&self, backend: &str) -> Result<(), Error> {
        self.set(backend, "drain")
    }

    /// Takes a backend back that was drained.
    pub fn enable(&self, backend: &str) -> Result<(), Error> {
        self.set(backend, "ready")
    }

    /// What HAProxy thinks of a backend: `UP`, `DOWN`, `DRAIN`, or on the way, `DOWN 1/2`.
    pub fn state(&self, backend: &str) -> Result<String, Error> {
        let said = ask(self.directory(), "show stat")?;
        let state = said.lines().find_map(|line| {
            let columns: Vec<&str> = line.split(',').collect();
            let found = columns.get(..2) == Some(&["servers", backend]);
            found.then(|| columns.get(STATUS_COLUMN).map(|&state| state.to_owned())).flatten()
        });
        state.ok_or_else(|| Error::Refused {
            command: "show stat".to_owned(),
            said: format!("there is no backend {backend}"),
        })
    }

    fn set(&self, backend: &str, state: &str) -> Result<(), Error> {
        let command = format!("set server servers/{backend} state {state}");
        let said = ask(self.directory(), &command)?;
        // What was done is answered with an empty line.
        if said.trim().is_empty() {
            return Ok(());
        }
        Err(Error::Refused { command, said: said.trim().to_owned() })
    }
}

fn ask(directory: &Path, command: &str) -> Result<String, std::io::Error> {
    let mut stream = UnixStream::connect(directory.join(SOCKET))?;
    stream.set_read_timeout(Some(Duration::from_millis(ANSWER_MS)))?;
    stream.set_write_timeout(Some(Duration::from_millis(ANSWER_MS)))?;
    writeln!(stream, "{command}")?;
    let mut said = String::new();
    stream.read_to_string(&mut said)?;
    Ok(said)
}
