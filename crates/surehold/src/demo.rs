//! `surehold demo`: all parts on one machine, and a scripted story that happens over HTTP.
//!
//! | module | what it does |
//! |---|---|
//! | `environment` | data directory, sandbox, seeded tenants, server, `demo.json` |
//! | `accounts` | each tenant's accounts at the providers |
//! | `story` | a booking and its payment at each provider, with what can go wrong; a payout; then compare the books |
//! | `guide` | what to try next |

/// Prints a line. If the reader has closed the pipe (`| head`), the output ends, but not the story.
macro_rules! print_line {
    ($($text:tt)*) => {
        $crate::demo::print(format_args!($($text)*))
    };
}

mod accounts;
mod environment;
mod guide;
mod seeds;
mod story;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::failed;
use crate::logging::Format;
use crate::signals::Signals;

#[derive(clap::Args)]
pub struct Arguments {
    // Not the default folder of `serve`, which would serve the demo's tenants.
    /// The data directory; created if it does not exist, otherwise reused
    #[arg(long, default_value = "./surehold-demo")]
    data: PathBuf,
    /// Where the server listens; port 0 picks a free one
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where the payment provider's stand-in listens
    #[arg(long, default_value = "127.0.0.1:12111")]
    sandbox_listen: SocketAddr,
    // Never from the environment: SUREHOLD_DATABASE_URL names the database of `serve`.
    /// `postgres://...` instead of SQLite in the data directory: an empty database, or that of an
    /// earlier demo
    #[arg(long)]
    database_url: Option<String>,
    /// Exit after the story; success only if every promise was kept
    #[arg(long)]
    once: bool,
    /// For example `info,store=debug`
    #[arg(long, default_value = "warn")]
    log: String,
}

pub async fn run(arguments: Arguments) -> crate::Exit {
    crate::logging::start(&arguments.log, Format::Text)?;
    let mut signals = Signals::listen()?;
    let environment = tokio::select! {
        set = environment::DemoEnvironment::set(&arguments) => set?,
        () = signals.stop_requested() => return Err(failed("stopped before the server was ready")),
    };
    let held = tokio::select! {
        held = story::run(&environment) => held,
        () = signals.stop_requested() => Err(failed("stopped before the story was over")),
    };
    let code = match held {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failed) => {
            environment.stop().await;
            return Err(failed);
        }
    };
    if !arguments.once {
        guide::show(&environment);
        signals.stop_requested().await;
        print_line!("\nStopping: what is at work is finished, nothing is lost.");
    }
    environment.stop().await;
    Ok(code)
}

fn print(text: std::fmt::Arguments<'_>) {
    use std::io::Write as _;
    let _gone = writeln!(std::io::stdout(), "{text}");
}
