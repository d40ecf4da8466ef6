//! `surehold backup`: a verified copy of a SQLite database, also while a server uses it.

use std::path::PathBuf;
use std::process::ExitCode;

use store::{Location, Store};

use crate::database::Database;
use crate::failed;

#[derive(clap::Args)]
pub struct Arguments {
    /// The copy; it must not exist, but its folder must
    file: PathBuf,
    #[command(flatten)]
    database: Database,
}

pub async fn run(arguments: Arguments) -> crate::Exit {
    let location = arguments.database.location()?;
    let Location::Sqlite { path } = &location else {
        return Err(failed(format!(
            "{location}: `surehold backup` copies a SQLite file; back PostgreSQL up with pg_basebackup and WAL archiving"
        )));
    };
    let made = Store::back_up(path, &arguments.file).await?;
    println!(
        "{location}: copied to {} and checked: {} bytes, the schema at version {}",
        arguments.file.display(),
        made.bytes,
        made.version
    );
    Ok(ExitCode::SUCCESS)
}
