//! `surehold sandbox`: the payment provider's stand-in as its own process.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Arguments {
    /// Where to listen; port 0 picks a free one
    #[arg(long, default_value = "127.0.0.1:12111", env = "SUREHOLD_SANDBOX_LISTEN")]
    listen: SocketAddr,
    /// The file that stores its books
    #[arg(long, default_value = "./surehold-sandbox.journal")]
    journal: PathBuf,
    /// A file that records every call, its reply, and every webhook, as JSON lines
    #[arg(long, env = "SUREHOLD_SANDBOX_RECORD")]
    record: Option<PathBuf>,
}

pub async fn run(arguments: Arguments) -> crate::Exit {
    crate::logging::start("info", crate::logging::Format::Text)?;
    let mut signals = crate::signals::Signals::listen()?;
    let Arguments { listen, journal, record } = arguments;
    let options = sandbox::Options { listen, journal, record };
    let running = sandbox::start(options).await?;
    println!("listening on http://{}", running.address);
    signals.stop_requested().await;
    running.stop().await;
    Ok(ExitCode::SUCCESS)
}
