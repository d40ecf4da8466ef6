//! A private NATS server with JetStream.
//!
//! Streams are stored in its directory and survive a stop and a kill. They would not survive a
//! power cut: a server of this version flushes to the disk every two minutes, which cannot be
//! configured. This is one reason why Surehold does not rely on its acknowledgements.
//!
//! Sources: NATS' manual, "Configuring NATS Server", "Configuring JetStream", "NATS Protocol".

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};

use crate::Error;
use crate::instance::{Instance, Peer, ServerLocation, connect};
use crate::program::Wanted;

pub const SERVER: Wanted =
    Wanted { program: "nats-server", package: "nats-server", version: "--version", oldest: (2, 9) };

#[derive(Clone, Debug, Default)]
pub struct Options {
    /// JetStream's domain; without one its API is at `$JS.API`, as clients expect.
    pub domain: Option<String>,
    /// The most that its streams may store in files together.
    pub storage_max_mb: Option<u32>,
    /// The size limit of one message. NATS' own default is one MiB.
    pub payload_max_bytes: Option<u32>,
    /// Additional text for the configuration, such as `authorization { token: "x" }`.
    pub configuration: String,
}

/// A private server; dropping it kills the server and removes its directory.
pub type Private = Instance<Options>;

impl Options {
    fn configuration(&self, location: &ServerLocation<'_>) -> String {
        let mut text = format!(
            "server_name: \"{}\"\nlisten: \"127.0.0.1:{}\"\njetstream {{\n  store_dir: \"{}\"\n",
            name(location),
            location.port,
            location.directory.join("jetstream").display(),
        );
        let mut line = |line: std::fmt::Arguments<'_>| {
            text.write_fmt(line).expect("a String takes all that is written");
        };
        if let Some(domain) = &self.domain {
            line(format_args!("  domain: \"{domain}\"\n"));
        }
        if let Some(storage_max_mb) = self.storage_max_mb {
            line(format_args!("  max_file_store: {storage_max_mb}MB\n"));
        }
        line(format_args!("}}\n"));
        if let Some(payload_max_bytes) = self.payload_max_bytes {
            line(format_args!("max_payload: {payload_max_bytes}\n"));
        }
        line(format_args!("{}\n", self.configuration));
        text
    }
}

impl Peer for Options {
    const WANTED: Wanted = SERVER;
    const SCHEME: &'static str = "nats";

    fn arguments(&self, location: &ServerLocation<'_>) -> Result<Vec<String>, Error> {
        let path = location.directory.join("nats.conf");
        std::fs::write(&path, self.configuration(location))?;
        Ok(vec!["--config".to_owned(), path.display().to_string()])
    }

    fn is_ready(&self, location: &ServerLocation<'_>, _process: u32) -> bool {
        // The server sends the first line unasked; by then JetStream has read its streams.
        let mut line = String::new();
        let received =
            connect(location.port).and_then(|stream| BufReader::new(stream).read_line(&mut line).ok());
        received.is_some()
            && line.contains(&format!("\"server_name\":\"{}\"", name(location)))
            && line.contains("\"jetstream\":true")
    }
}

/// Unique to this server, because the directory is ours alone.
fn name(location: &ServerLocation<'_>) -> String {
    location.directory.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
