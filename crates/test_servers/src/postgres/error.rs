//! Why there is no server; each message ends with what to do about it.

use std::process::ExitStatus;

use super::MAJOR_MIN;
use crate::port::NoPort;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "PostgreSQL's programs initdb, pg_ctl, postgres and psql are neither under /usr/lib/postgresql \
         nor together in one directory of PATH. Install them with: apt-get install postgresql"
    )]
    Missing,
    #[error(
        "PostgreSQL {major} is too old, {MAJOR_MIN} is needed (found: {found}). \
         Install a newer one with: apt-get install postgresql"
    )]
    TooOld { major: u32, found: String },
    #[error("PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it as")]
    NoAccount,
    #[error(
        "no temporary directory can be entered by other users, so PostgreSQL, which does not run as root, \
         has no directory. Set TMPDIR to a directory with mode 1777"
    )]
    NoDirectory,
    #[error(transparent)]
    NoPort(#[from] NoPort),
    #[error("a database's name is 1 to 63 of a-z, 0-9 and _, not `{name}`")]
    Name { name: String },
    #[error("{command} ended with {status}\n{stderr}\n{log}")]
    Refused { command: String, status: ExitStatus, stderr: String, log: String },
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
