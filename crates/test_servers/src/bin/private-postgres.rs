//! `cargo run -p test_servers`: a private PostgreSQL to experiment with, until standard input ends
//! (Control-D).
//!
//! Prints the server's URL and its directory, one per line.

use std::io::{Read as _, Write as _};

use test_servers::postgres::{Error, Options, Private};

fn main() -> Result<(), Error> {
    let private = Private::start(&Options::default())?;
    let mut output = std::io::stdout().lock();
    writeln!(output, "{}\n{}", private.url(), private.directory().display())?;
    output.flush()?;
    std::io::stdin().lock().read_to_end(&mut Vec::new())?;
    Ok(())
}
