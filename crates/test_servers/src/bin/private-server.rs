//! `cargo run -p test_servers --bin private-server redis`: a private server to experiment with,
//! until standard input ends (Control-D). Also `nats` and `haproxy PORT...`; for PostgreSQL use
//! `private-postgres`.
//!
//! Prints the server's URL and its directory, one per line.

use std::io::{Read as _, Write as _};

use test_servers::{Error, Instance, Peer, haproxy, nats, redis};

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let ports: Option<Vec<u16>> = arguments.iter().skip(1).map(|port| port.parse().ok()).collect();
    match (arguments.first().map(String::as_str), ports.as_deref()) {
        (Some("redis"), Some([])) => keep(&redis::Private::start(redis::Options::default())?),
        (Some("nats"), Some([])) => keep(&nats::Private::start(nats::Options::default())?),
        (Some("haproxy"), Some(ports)) => {
            keep(&haproxy::Private::start(haproxy::Options::in_front_of(ports))?)
        }
        _ => {
            eprintln!("usage: private-server redis | nats | haproxy PORT...");
            std::process::exit(2);
        }
    }
}

fn keep<P: Peer>(private: &Instance<P>) -> Result<(), Error> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{}\n{}", private.url(), private.directory().display())?;
    output.flush()?;
    std::io::stdin().lock().read_to_end(&mut Vec::new())?;
    Ok(())
}
