//! `surehold migrate`: forward only, and safe when several servers run it at once.

use std::process::ExitCode;

use store::Store;

use crate::database::Database;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    database: Database,
}

pub async fn run(arguments: Arguments) -> crate::Exit {
    let location = arguments.database.location()?;
    let migrated = Store::migrate(&location).await?;
    match migrated.from {
        from if from == migrated.to => println!("{location}: the schema is already at version {from}"),
        from => println!("{location}: the schema went from version {from} to {}", migrated.to),
    }
    Ok(ExitCode::SUCCESS)
}
