//! `cargo run -p peers --bin private-peer redis`: a private server to try things on, until standard input
//! ends (Control-D). PostgreSQL's is `private-postgres`.
//!
//! Prints the server's URL and its directory, a line each.

use std::io::{Read as _, Write as _};

use peers::{Error, Instance, Peer, redis};

fn main() -> Result<(), Error> {
    let Some("redis") = std::env::args().nth(1).as_deref() else {
        eprintln!("usage: private-peer redis");
        std::process::exit(2);
    };
    keep(&redis::Private::start(redis::Options::default())?)
}

fn keep<P: Peer>(private: &Instance<P>) -> Result<(), Error> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{}\n{}", private.url(), private.directory().display())?;
    output.flush()?;
    std::io::stdin().lock().read_to_end(&mut Vec::new())?;
    Ok(())
}
