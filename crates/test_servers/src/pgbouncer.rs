//! A private PgBouncer in front of a PostgreSQL server on loopback.
//!
//! Sources: PgBouncer's documentation, "Config" and "Usage".

use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::MetadataExt as _;

use crate::Error;
use crate::instance::{Instance, Peer, ServerLocation};
use crate::program::Wanted;

pub const SERVER: Wanted =
    Wanted { program: "pgbouncer", package: "pgbouncer", version: "--version", oldest: (1, 18) };

/// When a client returns its server connection to the pool.
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

/// A private pooler; dropping it kills it and removes its directory.
pub type Private = Instance<Options>;

impl Peer for Options {
    const WANTED: Wanted = SERVER;
    const SCHEME: &'static str = "postgres";

    fn arguments(&self, location: &ServerLocation<'_>) -> Result<Vec<String>, Error> {
        let path = location.directory.join("pgbouncer.ini");
        let mode = match self.mode {
            PoolMode::Session => "session",
            PoolMode::Transaction => "transaction",
        };
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={server} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\n",
            server = self.port,
            port = location.port,
        );
        std::fs::write(&path, text)?;
        // It refuses to run as root.
        let are_root = std::fs::metadata(&path)?.uid() == 0;
        let user = are_root.then(|| ["-u".to_owned(), "nobody".to_owned()]);
        Ok(user.into_iter().flatten().chain([path.display().to_string()]).collect())
    }

    fn is_ready(&self, location: &ServerLocation<'_>, _: u32) -> bool {
        // It exits if it cannot bind its port.
        TcpStream::connect((Ipv4Addr::LOCALHOST, location.port)).is_ok()
    }
}
