//! `surehold check`: checks every promise against a database and the provider's books.

use std::io::Write as _;
use std::process::ExitCode;

use check::Books;
use store::Location;

use crate::database::Database;
use crate::{Failed, failed};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    database: Database,
    /// The provider's books: a URL such as `http://127.0.0.1:12111/sandbox/books`, or a file
    #[arg(long)]
    books: Option<String>,
    /// Print JSON with all violations; the text shows the first twenty per promise
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: Arguments) -> crate::Exit {
    let location = arguments.database.location()?;
    let held = report(&location, arguments.books.as_deref(), arguments.json).await?;
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Checks and prints; `true` if every promise was kept.
pub async fn report(location: &Location, books: Option<&str>, json: bool) -> Result<bool, Failed> {
    let books = match books {
        Some(source) => Some(Books::read(source).await?),
        None => None,
    };
    let verdicts = check::run(location, books).await.map_err(|error| match error {
        check::Error::Store(error) => failed(format!("{location}: {error}")),
        check::Error::Books { .. } => error.into(),
    })?;
    let text = if json { serde_json::to_string_pretty(&verdicts)? + "\n" } else { verdicts.to_string() };
    // A reader that has closed the pipe (`| head`) is no failure of the check.
    let _gone = std::io::stdout().write_all(text.as_bytes());
    Ok(verdicts.all_hold())
}
