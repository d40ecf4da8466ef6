//! A private PgBouncer in front of a PostgreSQL server on loopback.
//!
//! Sources: PgBouncer's documentation, "Config" and "Usage".

use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::MetadataExt as _;

use crate::Error;
use crate::instance::{Instance, Peer, Place};
use crate::program::Wanted;

pub const SERVER: Wanted =
    Wanted { program: "pgbouncer", package: "pgbouncer", version: "--version", oldest: (1, 18) };

/// When a client gives its connection to the server away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolMode {
    Session,
    Transaction,
}

#[derive(Clone, Debug)]
pub struct Options {
    /// The port of the PostgreSQL server.
    pub port: u16,
    pub mode: PoolMode,
}

/// A pooler of its own; dropping it kills it and removes its directory.
pub type Private = Instance<Options>;

impl Peer for Options {
    const WANTED: Wanted = SERVER;
    const SCHEME: &'static str = "postgres";

    fn arguments(&self, place: &Place<'_>) -> Result<Vec<String>, Error> {
        let path = place.directory.join("pgbouncer.ini");
        let mode = match self.mode {
            PoolMode::Session => "session",
            PoolMode::Transaction => "transaction",
        };
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={server} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\n",
            server = self.port,
            port = place.port,
        );
        std::fs::write(&path, text)?;
        // It does not serve as root.
        let are_root = std::fs::metadata(&path)?.uid() == 0;
        let user = are_root.then(|| ["-u".to_owned(), "nobody".to_owned()]);
        Ok(user.into_iter().flatten().chain([path.display().to_string()]).collect())
    }

    fn answers(&self, place: &Place<'_>, _: u32) -> bool {
        // One that cannot bind its port ends.
        TcpStream::connect((Ipv4Addr::LOCALHOST, place.port)).is_ok()
    }
}
