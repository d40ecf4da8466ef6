//! `surehold check`: every promise, against a database and the provider's books.

use std::io::Write as _;
use std::process::ExitCode;

use harness::oracle::{self, Books};
use store::Location;

use crate::Failed;

#[derive(clap::Args)]
pub struct Arguments {
    /// `postgres://...`, or `sqlite:FILE`; a server may have it open
    #[arg(long, env = "SUREHOLD_DATABASE_URL", hide_env_values = true)]
    database_url: String,
    /// The provider's books: a URL such as `http://127.0.0.1:12111/sandbox/books`, or a file of them
    #[arg(long)]
    books: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: Arguments) -> crate::Outcome {
    let location = Location::parse(&arguments.database_url)?;
    let held = report(&location, arguments.books.as_deref(), arguments.json).await?;
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Checks and prints; `true` if every promise held.
pub async fn report(location: &Location, books: Option<&str>, json: bool) -> Result<bool, Failed> {
    let books = match books {
        Some(place) => Some(Books::read(place).await?),
        None => None,
    };
    let verdicts = oracle::check(location, books).await?;
    let text = if json { serde_json::to_string_pretty(&verdicts)? + "\n" } else { verdicts.to_string() };
    // A reader that has seen enough (`| head`) is no failure of the check.
    let _gone = std::io::stdout().write_all(text.as_bytes());
    Ok(verdicts.all_hold())
}
