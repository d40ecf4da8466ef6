//! A private HAProxy in front of servers on loopback.
//!
//! It is configured as a careful operator would: it checks whether each server is ready, tries
//! another server if a connection fails, and never repeats a request that a server may have seen.
//! Only the client may do that, under the same idempotency key.
//!
//! Sources: HAProxy 2.6, "Configuration Manual" and "Management Guide" (section 9.3, Unix Socket commands).

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::Error;
use crate::instance::{ANSWER_MS, Instance, Peer, ServerLocation};
use crate::program::Wanted;

pub const SERVER: Wanted = Wanted { program: "haproxy", package: "haproxy", version: "-v", oldest: (2, 6) };

/// The column of a server's state in the output of `show stat`.
const STATUS_COLUMN: usize = 17;
const SOCKET: &str = "admin.sock";

#[derive(Clone, Debug)]
pub struct Options {
    pub backends: Vec<Backend>,
    /// The path where a server replies 200 when it accepts requests.
    pub ready_path: String,
    /// The interval of the checks. Two failures take a server out, one success brings it back.
    pub check_every_ms: u32,
}

/// A server on loopback, which may or may not be running.
#[derive(Clone, Debug)]
pub struct Backend {
    pub name: String,
    pub port: u16,
}

/// A server of its own; dropping it kills the server and removes its directory.
pub type Private = Instance<Options>;

impl Options {
    /// Servers on these ports, named `server1`, `server2` and so on.
    pub fn in_front_of(ports: &[u16]) -> Self {
        let name = |(at, &port): (usize, &u16)| Backend { name: format!("server{}", at + 1), port };
        Self {
            backends: ports.iter().enumerate().map(name).collect(),
            ready_path: "/health/ready".to_owned(),
            check_every_ms: 200,
        }
    }

    fn configuration(&self, location: &ServerLocation<'_>) -> String {
        let mut text = format!(
            "global\n  log stdout format raw local0\n  stats socket {socket} mode 600 level admin\n\
             defaults\n  mode http\n  log global\n  option httplog\n  option redispatch\n  retries 3\n  \
             retry-on conn-failure\n  timeout connect 2s\n  timeout client 75s\n  timeout server 75s\n\
             frontend clients\n  bind 127.0.0.1:{port}\n  default_backend servers\n\
             backend servers\n  balance roundrobin\n  option httpchk\n  \
             http-check send meth GET uri {ready_path}\n  http-check expect status 200\n  \
             default-server check inter {check_every_ms}ms fall 2 rise 1\n",
            socket = location.directory.join(SOCKET).display(),
            port = location.port,
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

    fn arguments(&self, location: &ServerLocation<'_>) -> Result<Vec<String>, Error> {
        let path = location.directory.join("haproxy.cfg");
        std::fs::write(&path, self.configuration(location))?;
        // `-db`: in the foreground, one process.
        Ok(vec!["-db".to_owned(), "-f".to_owned(), path.display().to_string()])
    }

    fn is_ready(&self, location: &ServerLocation<'_>, process: u32) -> bool {
        // All ports are bound before the socket replies; a port that cannot be bound ends the
        // program.
        send_command(location.directory, "show info")
            .is_ok_and(|output| output.lines().any(|line| line == format!("Pid: {process}")))
    }
}

impl Instance<Options> {
    /// Stops new connections to this backend; existing ones continue.
    pub fn drain(&self, backend: &str) -> Result<(), Error> {
        self.set(backend, "drain")
    }

    /// Enables a backend that was drained.
    pub fn enable(&self, backend: &str) -> Result<(), Error> {
        self.set(backend, "ready")
    }

    /// The state of a backend in HAProxy: `UP`, `DOWN`, `DRAIN`, or a transition such as `DOWN
    /// 1/2`.
    pub fn state(&self, backend: &str) -> Result<String, Error> {
        let output = send_command(self.directory(), "show stat")?;
        let state = output.lines().find_map(|line| {
            let columns: Vec<&str> = line.split(',').collect();
            let found = columns.get(..2) == Some(&["servers", backend]);
            found.then(|| columns.get(STATUS_COLUMN).map(|&state| state.to_owned())).flatten()
        });
        state.ok_or_else(|| Error::Refused {
            command: "show stat".to_owned(),
            output: format!("there is no backend {backend}"),
        })
    }

    fn set(&self, backend: &str, state: &str) -> Result<(), Error> {
        let command = format!("set server servers/{backend} state {state}");
        let output = send_command(self.directory(), &command)?;
        // A successful command is answered with an empty line.
        if output.trim().is_empty() {
            return Ok(());
        }
        Err(Error::Refused { command, output: output.trim().to_owned() })
    }
}

fn send_command(directory: &Path, command: &str) -> Result<String, std::io::Error> {
    let mut stream = UnixStream::connect(directory.join(SOCKET))?;
    stream.set_read_timeout(Some(Duration::from_millis(ANSWER_MS)))?;
    stream.set_write_timeout(Some(Duration::from_millis(ANSWER_MS)))?;
    writeln!(stream, "{command}")?;
    let mut output = String::new();
    stream.read_to_string(&mut output)?;
    Ok(output)
}
