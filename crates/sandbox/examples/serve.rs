//! Serves a sandbox until interrupted: `serve <listen> <journal> [<record>]`, for example `serve
//! 127.0.0.1:0 /tmp/books`.

use std::io::Write;

use sandbox::{Options, start};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(listen), Some(journal)) = (arguments.next(), arguments.next()) else {
        return Err("usage: serve <listen> <journal> [<record>]".into());
    };
    let record = arguments.next().map(Into::into);
    let running = start(Options { listen: listen.parse()?, journal: journal.into(), record }).await?;
    let mut out = std::io::stdout();
    writeln!(out, "listening on http://{}", running.address)?;
    out.flush()?;
    tokio::signal::ctrl_c().await?;
    running.stop().await;
    Ok(())
}
