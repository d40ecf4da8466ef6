//! A private NATS server with JetStream.
//!
//! Streams are kept in its directory and outlive a stop and a kill. They would not outlive a power cut: a
//! server of this age flushes to the disk every two minutes and cannot be told otherwise, which is one
//! reason why Surehold does not take its word for anything.
//!
//! Sources: NATS' manual, "Configuring NATS Server", "Configuring JetStream", "NATS Protocol".

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};

use crate::Error;
use crate::instance::{Instance, Peer, Place, connect};
use crate::program::Wanted;

pub const SERVER: Wanted =
    Wanted { program: "nats-server", package: "nats-server", version: "--version", oldest: (2, 9) };

#[derive(Clone, Debug, Default)]
pub struct Options {
    /// JetStream's domain; without one its API is at `$JS.API`, as clients expect.
    pub domain: Option<String>,
    /// How much its streams may keep in files together.
    pub storage_max_mb: Option<u32>,
    /// How large one message may be. NATS' own default is one MiB.
    pub payload_max_bytes: Option<u32>,
    /// Further text of the configuration, such as `authorization { token: "x" }`.
    pub configuration: String,
}

/// A server of its own; dropping it kills the server and removes its directory.
pub type Private = Instance<Options>;

impl Options {
    fn written(&self, place: &Place<'_>) -> String {
        let mut text = format!(
            "server_name: \"{}\"\nlisten: \"127.0.0.1:{}\"\njetstream {{\n  store_dir: \"{}\"\n",
            name(place),
            place.port,
            place.directory.join("jetstream").display(),
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

    fn arguments(&self, place: &Place<'_>) -> Result<Vec<String>, Error> {
        let path = place.directory.join("nats.conf");
        std::fs::write(&path, self.written(place))?;
        Ok(vec!["--config".to_owned(), path.display().to_string()])
    }

    fn answers(&self, place: &Place<'_>, _process: u32) -> bool {
        // The first line is the server's, and comes unasked; by then JetStream has read its streams.
        let mut line = String::new();
        let heard = connect(place.port).and_then(|stream| BufReader::new(stream).read_line(&mut line).ok());
        heard.is_some()
            && line.contains(&format!("\"server_name\":\"{}\"", name(place)))
            && line.contains("\"jetstream\":true")
    }
}

/// Unlike any other's, for the directory is ours alone.
fn name(place: &Place<'_>) -> String {
    place.directory.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
