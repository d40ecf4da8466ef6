//! Why there is no server. The message has a remedy if there is one.

use crate::port::NoPort;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "{program} is neither in a directory of PATH nor in one for servers. \
         Install it with: apt-get install {package}"
    )]
    Missing { program: &'static str, package: &'static str },
    #[error(
        "{program} {}.{} or newer is needed (found: {found}). \
         Install a newer one with: apt-get install {package}", needed.0, needed.1
    )]
    TooOld { program: &'static str, package: &'static str, needed: (u32, u32), found: String },
    #[error("{program} did not start: {why}\n{log}")]
    DidNotStart { program: &'static str, why: String, log: String },
    #[error("{program} does not run")]
    DoesNotRun { program: &'static str },
    #[error("{command} was refused: {output}")]
    Refused { command: String, output: String },
    #[error(transparent)]
    NoPort(#[from] NoPort),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
